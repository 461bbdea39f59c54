// A real listener on 127.0.0.1 and peers that mean harm: heads without end, data before the 101, floods of CONTINUATION, RST,
// SETTINGS and PING, windows that overflow, HPACK bombs, and frames of seeded garbage. The connection is closed, memory stays
// bounded, and a bystander's session on the same listener works before, during and after.
using System.Diagnostics;
using System.Text;
using Holdfast.Tests.Unit;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Fuzz;

[Collection(nameof(AloneCollection))]
public sealed class Http2AbuseTests
{
    private const long MayGrowBytes = 128L << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly PbsListenerOptions Short = new() { HeadTimeout = TimeSpan.FromSeconds(2), EngineGrace = TimeSpan.FromSeconds(3) };

    private static string Upgrade(string query = "store=main") =>
        $"GET /api2/json/backup?{query} HTTP/1.1\r\nHost: x\r\nconnection: upgrade\r\nupgrade: {ToyServer.Protocol}\r\n\r\n";

    [Fact]
    public Task Request_head_that_never_ends() => AbuseAsync(async (_, peer) =>
    {
        await peer.SendAsync("GET /api2/json/version HTTP/1.1\r\n");
        await FloodAsync(peer, Encoding.ASCII.GetBytes("X-Header: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"), 100_000);
    });

    [Fact]
    public Task Empty_lines_without_end() => AbuseAsync(async (_, peer) =>
    {
        await FloodAsync(peer, [.. Enumerable.Repeat("\r\n"u8.ToArray(), 512).SelectMany(b => b)], 2000);
        peer.Cut(); // no head has begun: the idle limit is what ends it, minutes later
    });

    [Fact]
    public async Task Data_before_the_101()
    {
        using var hold = new SemaphoreSlim(0);
        await using ToyServer server = await ToyServer.StartAsync(Short, hold);
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync(Upgrade());
        var before = Resident();
        var flooding = FloodAsync(peer, new byte[64 * 1024], 4000);
        await Task.WhenAny(flooding, Task.Delay(2000));
        Assert.InRange(Resident() - before, long.MinValue, MayGrowBytes); // nobody reads: the peer is held, not stored
        hold.Release(100);
        await flooding;
        Assert.True(await peer.ClosedAsync(Limit));
        await (await server.SessionAsync()).Ended;
        await BystanderAsync(server);
    }

    [Fact]
    public Task Flood_of_continuations() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        await peer.SendAsync(RawPeer.Frame(1, 0, 1, new byte[16]));
        await FloodAsync(peer, RawPeer.Frame(9, 0, 1, new byte[1024]), 50_000);
    });

    [Fact]
    public Task Flood_of_empty_continuations() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        await peer.SendAsync(RawPeer.Frame(1, 0, 1, []));
        byte[] empty = [.. Enumerable.Repeat(RawPeer.Frame(9, 0, 1, []), 1000).SelectMany(f => f)];
        await FloodAsync(peer, empty, 1000); // a million frames, or as many as fit into the time a head may take
    });

    [Fact]
    public Task Rapid_reset() => AbuseAsync(async (server, peer) =>
    {
        await StartAsync(peer);
        try
        {
            for (var stream = 1; stream < 20_000; stream += 2)
            {
                await peer.SendAsync([.. RawPeer.Request(stream, "POST", "/wait", false), .. RawPeer.Reset(stream)]);
            }
        }
        catch (IOException)
        {
            // The server has had enough.
        }

        ToySession session = await server.SessionAsync();
        Assert.InRange(Volatile.Read(ref session.Calls), 0, 10_000);
        peer.Cut();
    });

    [Fact]
    public Task An_engine_that_does_not_end_does_not_hold_its_session() => AbuseAsync(async (server, peer) =>
    {
        await StartAsync(peer);
        await peer.SendAsync(RawPeer.Request(1, "POST", "/deaf", true));
        ToySession session = await server.SessionAsync();
        for (var i = 0; i < 1000 && Volatile.Read(ref session.Calls) == 0; i++)
        {
            await Task.Delay(20);
        }

        Assert.Equal((1, 0), (Volatile.Read(ref session.Calls), session.Ends));
        peer.Cut();
    });

    [Theory]
    [InlineData(4, 0)]
    [InlineData(6, 8)]
    public Task Flood_of_frames_that_want_an_answer_nobody_reads(byte type, int payload) => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        byte[] many = [.. Enumerable.Repeat(RawPeer.Frame(type, 0, 0, new byte[payload]), 1000).SelectMany(f => f)];
        await FloodAsync(peer, many, 2000);
        peer.Cut();
    });

    [Fact]
    public Task Window_of_the_connection_overflows() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        await FloodAsync(peer, RawPeer.Frame(8, 0, 0, [0x7f, 0xff, 0xff, 0xff]), 2);
    });

    [Fact]
    public Task Window_of_a_stream_overflows() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        await peer.SendAsync(RawPeer.Request(1, "POST", "/wait", false));
        await FloodAsync(peer, RawPeer.Frame(8, 0, 1, [0x7f, 0xff, 0xff, 0xff]), 2);
        await peer.FrameAsync((type, _) => type is 3 or 7); // RST_STREAM or GOAWAY: this stream or the connection
        peer.Cut();
    });

    [Fact]
    public Task Data_beyond_the_window() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        await peer.SendAsync(RawPeer.Request(1, "POST", "/wait", false));
        await FloodAsync(peer, RawPeer.Data(1, new byte[16 * 1024], false), 4000);
    });

    [Fact]
    public Task Hpack_bomb() => AbuseAsync(async (_, peer) =>
    {
        await StartAsync(peer);
        byte[] entry = [0x40, 1, (byte)'a', 0x7f, 0x81, 0x1e, .. new byte[4000].Select(_ => (byte)'b')]; // into the dynamic table
        byte[] again = [.. Enumerable.Repeat((byte)0xBE, 12_000)]; // 12,000 times the same: 48 MB of headers
        await FloodAsync(peer, RawPeer.Frame(1, 4, 1, [.. entry, .. again]), 1);
    });

    [Fact]
    public async Task Seeded_garbage_frames_end_no_more_than_their_own_connection()
    {
        await using ToyServer server = await ToyServer.StartAsync(Short);
        await BystanderAsync(server);
        var mutator = new Mutator(8 * 1024);
        byte[][] seeds =
        [
            [.. RawPeer.Start(), .. RawPeer.Request(1, "POST", "/speedtest?a=1", false), .. RawPeer.Data(1, new byte[100], true)],
            [.. RawPeer.Start(), .. RawPeer.Request(1, "GET", "/x", true), .. RawPeer.Reset(1), .. RawPeer.Frame(6, 0, 0, new byte[8])],
            [.. RawPeer.Start(), .. RawPeer.Frame(4, 0, 0, [0, 3, 0, 0, 0, 1, 0, 4, 0x7f, 0xff, 0xff, 0xff]), .. RawPeer.Request(3, "GET", "/file", true)],
        ];
        var count = (int)Math.Clamp(Targets.Inputs / 250, 40, 400);
        var before = Resident();
        for (var i = 0; i < count; i++)
        {
            await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
            await peer.SendAsync(Upgrade());
            Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
            var random = new FuzzRandom(Targets.Seed, "h2", i);
            var bytes = mutator.Mutate(random, seeds, isText: false);
            byte[] start = random.OneIn(4) ? bytes : [.. Encoding.ASCII.GetBytes(RawPeer.Preface), .. bytes.AsSpan(Math.Min(bytes.Length, 24))];
            await FloodAsync(peer, start, 1);
            if (random.OneIn(2))
            {
                peer.Cut();
            }
        }

        Assert.Equal(count + 1, server.Sessions.Count);
        foreach (ToySession session in server.Sessions.Skip(1))
        {
            await session.Ended;
            Assert.Equal(1, session.Ends);
        }

        Assert.InRange(Resident() - before, long.MinValue, MayGrowBytes);
        await BystanderAsync(server);
    }

    /// <summary>Runs one abuse with a bystander's session open on the same listener.</summary>
    private static async Task AbuseAsync(Func<ToyServer, RawPeer, Task> abuse)
    {
        await using ToyServer server = await ToyServer.StartAsync(Short);
        await using RawPeer bystander = await RawPeer.ConnectAsync(server.Port);
        await StartAsync(bystander);
        await CallAsync(bystander, 1);
        server.Sessions.Clear();
        var before = Resident();
        await using (RawPeer peer = await RawPeer.ConnectAsync(server.Port))
        {
            await abuse(server, peer);
            await CallAsync(bystander, 3);
            Assert.True(await EndedAsync(peer), "the connection is still open");
        }

        foreach (ToySession session in server.Sessions)
        {
            await session.Ended;
            Assert.Equal(1, session.Ends);
        }

        Assert.InRange(Resident() - before, long.MinValue, MayGrowBytes);
        await CallAsync(bystander, 5);
        await BystanderAsync(server);
    }

    private static async Task<bool> EndedAsync(RawPeer peer)
    {
        try
        {
            return await peer.ClosedAsync(Limit);
        }
        catch (Exception error) when (error is ObjectDisposedException or InvalidOperationException)
        {
            return true; // cut by the test itself
        }
    }

    /// <summary>Sends the same bytes over and over until enough, or until the server closes or holds the peer for 3 s.</summary>
    private static async Task FloodAsync(RawPeer peer, byte[] bytes, int times)
    {
        try
        {
            for (var i = 0; i < times; i++)
            {
                await peer.SendAsync(bytes).WaitAsync(TimeSpan.FromSeconds(3));
            }
        }
        catch (Exception error) when (error is IOException or TimeoutException)
        {
            // Closed, or held: what comes next says which.
        }
    }

    private static async Task StartAsync(RawPeer peer)
    {
        await peer.SendAsync(Upgrade());
        Assert.StartsWith("HTTP/1.1 101", (await peer.AnswerAsync()).Head);
        await peer.SendAsync(RawPeer.Start());
    }

    private static async Task BystanderAsync(ToyServer server)
    {
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await StartAsync(peer);
        await CallAsync(peer, 1);
    }

    private static async Task CallAsync(RawPeer peer, int stream)
    {
        await peer.SendAsync(RawPeer.Request(stream, "POST", "/speedtest?a=1", false));
        await peer.SendAsync(RawPeer.Data(stream, new byte[100], true));
        (_, _, _, byte[] body) = await peer.FrameAsync((type, on) => type == 0 && on == stream);
        Assert.StartsWith("{\"data\":\"POST /speedtest 100 ", Encoding.UTF8.GetString(body));
    }

    private static long Resident()
    {
        GC.Collect();
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
