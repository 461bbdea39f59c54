// The upgrade at every place of a keep-alive connection, what follows it, and how sessions end.
using System.Text;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class UpgradeTests
{
    private const string Login = "{\"username\":\"toy@pbs\",\"password\":\"secret\"}";

    private static string Upgrade(string query = "store=main", string extra = "Host: x\r\n", string path = "backup") =>
        $"GET //api2/json/{path}?{query} HTTP/1.1\r\n{extra}connection: upgrade\r\n"
        + $"upgrade: {ToyServer.Protocol}\r\n\r\n";

    private static string Post(string path, string body, string type = "application/json",
        string extra = "Host: x\r\n") =>
        $"POST {path} HTTP/1.1\r\n{extra}content-type: {type}\r\ncontent-length: {body.Length}\r\n\r\n{body}";

    private static async Task CallWorks(RawPeer peer, int stream = 1)
    {
        await peer.SendAsync(RawPeer.Request(stream, "POST", "/speedtest?a=1", false));
        await peer.SendAsync(RawPeer.Data(stream, new byte[100], true));
        (_, _, _, byte[] headers) = await peer.FrameAsync((type, on) => type == 1 && on == stream);
        Assert.Equal(0x88, headers[0] == 0x3f || headers[0] == 0x20 ? headers[^1] : headers[0]);
        (_, _, _, byte[] body) = await peer.FrameAsync((type, on) => type == 0 && on == stream);
        Assert.StartsWith("{\"data\":\"POST /speedtest 100 ", Encoding.UTF8.GetString(body));
    }

    [Fact]
    public async Task Login_then_upgrade_on_one_connection()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync(Post("//api2/json/access/ticket", Login));
        (string head, string body) = await peer.AnswerAsync();
        Assert.StartsWith("HTTP/1.1 200 OK", head);
        Assert.Contains("\"status\":200,\"success\":true", body);
        await peer.SendAsync(Upgrade());
        (string switching, _) = await peer.AnswerAsync();
        Assert.Equal(
            $"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {ToyServer.Protocol}\r\n\r\n",
            switching);
        await peer.SendAsync(RawPeer.Start());
        await CallWorks(peer);
        ToySession session = await server.SessionAsync();
        Assert.Equal(0, session.Ends);
        peer.Cut();
        await session.Ended;
        Assert.Equal(1, session.Ends);
        Assert.True(server.Requests.TryPeek(out UpgradeRequest? request));
        Assert.Equal(("backup", "store=main", "127.0.0.1"), (request.Path, request.Query, request.RemoteAddress));
        Assert.Equal("upgrade", request.Header("CONNECTION"));
    }

    [Fact]
    public async Task Upgrade_without_host_also_after_other_requests_without_host()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using (RawPeer first = await RawPeer.ConnectAsync(server.Port))
        {
            await first.SendAsync(Upgrade(extra: ""));
            Assert.StartsWith("HTTP/1.1 101", (await first.AnswerAsync()).Head);
        }

        await using RawPeer later = await RawPeer.ConnectAsync(server.Port);
        await later.SendAsync(Post("/api2/json/access/ticket", Login, extra: ""));
        Assert.StartsWith("HTTP/1.1 200", (await later.AnswerAsync()).Head);
        await later.SendAsync(Upgrade(extra: "", path: "reader"));
        Assert.StartsWith("HTTP/1.1 101", (await later.AnswerAsync()).Head);
        await later.SendAsync(RawPeer.Start());
        await CallWorks(later);
    }

    [Fact]
    public async Task Upgrade_after_get_with_body_and_chunked_post_all_in_one_packet()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        string chunked = "POST /api2/json/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4\r\nGET \r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n";
        string get = "GET /api2/json/nosuch HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /";
        byte[] all = [.. Encoding.ASCII.GetBytes(get + chunked + "\r\n" + Upgrade()), .. RawPeer.Start()];
        await peer.SendAsync(all);
        Assert.StartsWith("HTTP/1.1 404 ", (await peer.AnswerAsync()).Head);
        Assert.StartsWith("HTTP/1.1 200 ", (await peer.AnswerAsync()).Head);
        Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
        await CallWorks(peer);
    }

    [Fact]
    public async Task Head_in_single_bytes_and_preface_before_the_101()
    {
        using var hold = new SemaphoreSlim(0);
        await using ToyServer server = await ToyServer.StartAsync(hold: hold);
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        foreach (char c in Upgrade())
        {
            await peer.SendAsync(c.ToString());
        }

        await peer.SendAsync(RawPeer.Start());
        hold.Release();
        Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
        await CallWorks(peer);
    }

    [Fact]
    public async Task Refused_upgrade_leaves_the_connection_usable_again_and_again()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        for (int i = 0; i < 3; i++)
        {
            await peer.SendAsync(Upgrade("refuse"));
            (string head, string body) = await peer.AnswerAsync();
            Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", head);
            Assert.Equal("no such toy", body);
            await peer.SendAsync("GET /api2/json/version HTTP/1.1\r\nHost: x\r\n\r\n");
            Assert.Equal("{\"data\":\"toy\"}", (await peer.AnswerAsync()).Body);
        }

        await peer.SendAsync(Upgrade("throw"));
        (string failed, string text) = await peer.AnswerAsync();
        Assert.StartsWith("HTTP/1.1 500 ", failed);
        Assert.DoesNotContain("secret", text);
        await peer.SendAsync(Upgrade());
        Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
        await peer.SendAsync(RawPeer.Start());
        await CallWorks(peer);
    }

    [Fact]
    public async Task Client_gone_while_the_gate_decides_ends_quietly()
    {
        using var hold = new SemaphoreSlim(0);
        await using ToyServer server = await ToyServer.StartAsync(hold: hold);
        RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync(Upgrade());
        while (server.Requests.IsEmpty)
        {
            await Task.Delay(5);
        }

        peer.Cut();
        hold.Release();
        await using RawPeer other = await RawPeer.ConnectAsync(server.Port);
        await other.SendAsync("GET /api2/json/version HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.Contains("200 OK", (await other.AnswerAsync()).Head);
        foreach (ToySession session in server.Sessions)
        {
            await session.Ended; // accepted in spite of the cut: then ended, once
            Assert.Equal(1, session.Ends);
        }
    }

    [Fact]
    public async Task Every_end_of_a_session_is_told_once()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        for (int way = 0; way < 5; way++)
        {
            server.Sessions.Clear();
            await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
            await peer.SendAsync(Upgrade());
            await peer.AnswerAsync();
            ToySession session = await server.SessionAsync();
            await peer.SendAsync(
                way == 1 ? Encoding.ASCII.GetBytes("this is not HTTP/2 at all, not at all") : RawPeer.Start());
            switch (way)
            {
                case 0:
                    await CallWorks(peer);
                    await peer.DisposeAsync();
                    break;
                case 2:
                    await peer.SendAsync(RawPeer.Request(1, "POST", "/wait", false));
                    while (Volatile.Read(ref session.Calls) == 0)
                    {
                        await Task.Delay(5);
                    }

                    peer.Cut();
                    break;
                case 3:
                    session.Abort!();
                    Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(10)));
                    break;
                case 4:
                    await peer.SendAsync(RawPeer.Frame(7, 0, 0, new byte[8]));
                    Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(10)));
                    break;
            }

            await session.Ended;
            Assert.Equal(1, session.Ends);
        }
    }

    [Fact]
    public async Task Flood_of_resets_ends_no_more_than_its_own_connection()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync(Upgrade());
        await peer.AnswerAsync();
        await peer.SendAsync(RawPeer.Start());
        ToySession session = await server.SessionAsync();
        try
        {
            for (int stream = 1; stream < 6000; stream += 2)
            {
                await peer.SendAsync([.. RawPeer.Request(stream, "POST", "/wait", false), .. RawPeer.Reset(stream)]);
            }
        }
        catch (IOException)
        {
            // Kestrel may have had enough.
        }

        peer.Cut();
        await session.Ended;
        Assert.Equal(1, session.Ends);
        await using RawPeer other = await RawPeer.ConnectAsync(server.Port);
        await other.SendAsync(Upgrade());
        Assert.StartsWith("HTTP/1.1 101", (await other.AnswerAsync()).Head);
    }

    [Fact]
    public async Task Silent_peer_that_answers_pings_stays_and_one_that_does_not_is_cut()
    {
        var options = new PbsListenerOptions
        {
            IdleTimeout = TimeSpan.FromSeconds(2), PingDelay = TimeSpan.FromSeconds(1),
            PingTimeout = TimeSpan.FromSeconds(1),
        };
        await using ToyServer server = await ToyServer.StartAsync(options);
        await using RawPeer alive = await RawPeer.ConnectAsync(server.Port);
        await alive.SendAsync(Upgrade());
        await alive.AnswerAsync();
        ToySession first = await server.SessionAsync();
        server.Sessions.Clear();
        await alive.SendAsync(RawPeer.Start());
        await using RawPeer dead = await RawPeer.ConnectAsync(server.Port);
        await dead.SendAsync(Upgrade());
        await dead.AnswerAsync();
        await dead.SendAsync(RawPeer.Start());
        ToySession second = await server.SessionAsync();

        int pings = 0;
        await alive.FrameAsync((type, _) => type == 6 && ++pings == 4);
        await second.Ended;
        Assert.Equal(0, first.Ends);
        await CallWorks(alive);
    }
}
