// Bodies that a good client never sends: announced beyond all bounds, malformed, broken off in the middle; and names sent twice.
using System.IO.Pipelines;
using System.Text;
using Holdfast.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class BodyTests
{
    [Fact]
    public async Task Length_announced_beyond_the_bound_is_refused_at_once()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync("POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx");
        (string head, string body) = await peer.AnswerAsync();
        Assert.StartsWith("HTTP/1.1 400 ", head);
        Assert.Equal("Request body too large", body);
    }

    [Fact]
    public async Task Malformed_body_is_the_peers_fault()
    {
        (MemoryExchange exchange, LevelLog log) = await CallAsync(new BadHttpRequestException("Reading the request body timed out.", 408));
        Assert.Equal((408, "Reading the request body timed out."), (exchange.Status, exchange.Answer));
        Assert.Empty(log.Levels);
    }

    [Theory]
    [InlineData("application/json", "{\"userid\":\"a@pbs\",\"comment\":\"c\"}", "a@pbs c")]
    [InlineData("application/json", "{\"userid\":\"b@pbs\",\"comment\":\"c\"}", "a@pbs c")]
    [InlineData("application/json", "{\"userid\":5,\"comment\":\"c\"}", "a@pbs c")]
    [InlineData("application/x-www-form-urlencoded", "userid=a@pbs&comment=c", "parameter verification failed - 'userid': duplicate parameter.")]
    public async Task Name_in_the_path_counts_before_the_same_in_a_json_body(string type, string body, string told)
    {
        var router = new ApiRouter(
            [new("PUT", "/users/{userid}", new ParameterSchema(PbsSchema.UserId("userid"), Parameter.Text("comment")), Echo)],
            TimeProvider.System, new LevelLog());
        var exchange = new MemoryExchange("PUT", "/api2/json/users/a@pbs", "", Encoding.UTF8.GetBytes(body));
        exchange.RequestHeaders["Content-Type"] = type;
        await router.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>("caller"));
        Assert.Contains(told, exchange.Answer);

        static ValueTask<ApiResult> Echo(ApiCall call) =>
            ValueTask.FromResult(ApiResult.String(call.Parameters.Text("userid") + " " + call.Parameters.Text("comment")));
    }

    [Fact]
    public async Task Peer_that_goes_in_the_middle_of_a_body_is_no_error_of_ours()
    {
        (MemoryExchange exchange, LevelLog log) = await CallAsync(new IOException("The client reset the request stream."));
        Assert.True(exchange.WasAborted);
        Assert.False(exchange.ResponseStarted);
        Assert.Equal([LogLevel.Debug], log.Levels);
    }

    [Fact]
    public async Task Peer_that_goes_in_the_middle_of_an_answer_is_no_error_of_ours()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Port);
        await peer.SendAsync($"GET /api2/json/backup HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: {ToyServer.Protocol}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101 ", (await peer.AnswerAsync()).Head);
        ToySession session = await server.SessionAsync();
        byte[] wide = [0x7F, 0xFE, 0, 0];
        await peer.SendAsync([
            .. Encoding.ASCII.GetBytes(RawPeer.Preface), .. RawPeer.Frame(4, 0, 0, [0, 4, .. wide]), .. RawPeer.Frame(8, 0, 0, wide),
            .. RawPeer.Request(1, "GET", "/chunk?digest=64000000", true)]);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (peer.Socket.Available < 64 * 1024)
        {
            await Task.Delay(5, limit.Token);
        }

        peer.Cut();
        await session.Ended.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Empty(server.Errors);
    }

    private static async Task<(MemoryExchange Exchange, LevelLog Log)> CallAsync(IOException broken)
    {
        var log = new LevelLog();
        var router = new ApiRouter([new("POST", "/chunk", ParameterSchema.Empty, ReadAsync) { Kind = ApiKind.Stream }], TimeProvider.System, log);
        var exchange = new MemoryExchange("POST", "/api2/json/chunk", "", []) { BrokenBody = PipeReader.Create(new BrokenLine(broken)) };
        await router.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>("caller"));
        return (exchange, log);

        static async ValueTask<ApiResult> ReadAsync(ApiCall call)
        {
            await call.Exchange.ReadBodyAsync(new byte[100]);
            return ApiResult.Null;
        }
    }

    private sealed class LevelLog : ILogger
    {
        public List<LogLevel> Levels { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Levels.Add(logLevel);
    }

    private sealed class BrokenLine(IOException broken) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(broken);
    }
}
