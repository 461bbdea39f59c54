// The port before any session: TLS settings, plaintext redirect, limits of heads and of time, ambiguous framing.
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ListenerTests
{
    [Fact]
    public async Task Http2_is_never_chosen_by_alpn()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port, offerHttp2: true);
        Assert.Equal("http/1.1", peer.Alpn);
    }

    [Theory]
    [InlineData("GET", "Host: box:8007\r\n", "HTTP/1.1 301 ", "Location: https://box:8007/a?b=c")]
    [InlineData("HEAD", "host: box\r\n", "HTTP/1.1 301 ", "Location: https://box/a?b=c")]
    [InlineData("POST", "Host: box\r\nContent-Length: 0\r\n", "HTTP/1.1 308 ", "Location: https://box/a?b=c")]
    [InlineData("GET", "", "HTTP/1.1 400 ", "Content-Length: 0")]
    [InlineData("GET", "Host: evil/x@y\r\n", "HTTP/1.1 400 ", "Content-Length: 0")]
    public async Task Plaintext_is_redirected(string method, string headers, string status, string line)
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port, tls: false);
        await peer.SendAsync($"{method} /a?b=c HTTP/1.1\r\n{headers}\r\n");
        (string head, _) = await peer.AnswerAsync();
        Assert.StartsWith(status, head);
        Assert.Contains(line, head);
        Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Endless_and_oversized_heads_are_cut()
    {
        var options = new PbsListenerOptions { HeadTimeout = TimeSpan.FromMilliseconds(300) };
        await using ToyServer server = await ToyServer.StartAsync(options);
        await using RawPeer slow = await RawPeer.ConnectAsync(server.Port);
        await slow.SendAsync("GET /api2/json/version HTTP/1.1\r\nHost: x\r\n");
        Assert.StartsWith("HTTP/1.1 408 ", (await slow.AnswerAsync()).Head);
        Assert.True(await slow.ClosedAsync(TimeSpan.FromSeconds(10)));

        await using RawPeer large = await RawPeer.ConnectAsync(server.Port);
        await large.SendAsync($"GET /api2/json/version HTTP/1.1\r\nX: {new string('a', 40_000)}");
        Assert.StartsWith("HTTP/1.1 431 ", (await large.AnswerAsync()).Head);

        await using RawPeer mute = await RawPeer.ConnectAsync(server.Port, tls: false);
        Assert.True(await mute.ClosedAsync(TimeSpan.FromSeconds(10)));
        await using RawPeer plain = await RawPeer.ConnectAsync(server.Port, tls: false);
        await plain.SendAsync("GET / HTTP/1.1\r\n");
        Assert.True(await plain.ClosedAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Idle_connection_is_closed_after_its_time()
    {
        await using ToyServer server = await ToyServer.StartAsync(
            new PbsListenerOptions { IdleTimeout = TimeSpan.FromSeconds(1) });
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync("GET /api2/json/version HTTP/1.1\r\nHost: x\r\n\r\n");
        await peer.AnswerAsync();
        Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(15)));
    }

    [Theory]
    [InlineData("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde")]
    [InlineData("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde")]
    [InlineData("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\r\nHost : x\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\nHost: x\n\r\n\r\n")]
    [InlineData("GET /api2/json/backup HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")]
    public async Task Ambiguous_requests_are_refused_and_the_connection_closed(string request)
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync(request + "GET /api2/json/version HTTP/1.1\r\nHost: x\r\n\r\n");
        (string head, _) = await peer.AnswerAsync();
        Assert.StartsWith("HTTP/1.1 400 ", head);
        Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Connection_close_is_kept_and_what_follows_it_is_not_served()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync("GET /api2/json/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            + "GET /api2/json/backup?a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", (await peer.AnswerAsync()).Head);
        Assert.True(await peer.ClosedAsync(TimeSpan.FromSeconds(10)));
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Long_paths_are_414()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync($"GET /api2/json/version?x={new string('a', 3200)} HTTP/1.1\r\nHost: x\r\n\r\n");
        (string head, string body) = await peer.AnswerAsync();
        Assert.StartsWith("HTTP/1.1 414 ", head);
        Assert.Equal("", body);
        await peer.SendAsync($"GET /api2/json/backup?x={new string('a', 3200)} HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 414 ", (await peer.AnswerAsync()).Head);
    }
}
