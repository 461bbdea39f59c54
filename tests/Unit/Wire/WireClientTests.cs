// Our client against our listener: login, pinning, sessions with many calls at once and large bodies both ways.
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class WireClientTests
{
    private static readonly SessionTarget Target = new("store1", "vm", "100", 1_700_000_000) { Namespace = "a/b" };

    [Theory]
    [InlineData("toy@pbs")]
    [InlineData("toy@pbs!tok")]
    public async Task Calls_and_errors(string who)
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions(who));
        Assert.Equal("toy", (await client.GetAsync("/version")).GetProperty("data").GetString());
        PbsException error = await Assert.ThrowsAsync<PbsException>(() => client.GetAsync("nosuch"));
        Assert.Equal((404, "Path '/api2/json/nosuch' not found."), (error.Status, error.Message));
        JsonElement hash = await client.UploadAsync("raw", "", new byte[100_000]);
        string expected = Convert.ToHexStringLower(SHA256.HashData(new byte[100_000]));
        Assert.Equal(expected, hash.GetProperty("data").GetString());
    }

    [Fact]
    public async Task Only_the_pinned_certificate_is_trusted()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        foreach (string? wrong in new[] { null, new string('0', 64) })
        {
            PbsClientOptions options = server.ClientOptions("toy@pbs") with { Fingerprint = wrong };
            Exception error = await Assert.ThrowsAnyAsync<Exception>(() => PbsClient.ConnectAsync(options));
            Assert.True(error is AuthenticationException || error.InnerException is AuthenticationException);
        }

        await using PbsClient good = await PbsClient.ConnectAsync(
            server.ClientOptions("toy@pbs") with { Fingerprint = server.Fingerprint.ToUpperInvariant() });
        Assert.Equal("toy@pbs", good.AuthId.ToString());
    }

    [Fact]
    public async Task Two_hundred_calls_at_once_and_bodies_of_eight_mebibytes()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        await using BackupWriter writer = await client.StartBackupAsync(Target);
        Assert.True(server.Requests.TryPeek(out UpgradeRequest? request));
        Assert.Contains("ns=a%2Fb", request.Query);
        var large = new byte[8 * 1024 * 1024];
        RandomNumberGenerator.Fill(large);
        IEnumerable<Task> many = Enumerable.Range(0, 200).Select(_ => writer.SpeedtestAsync(new byte[10_000]));
        await Task.WhenAll(many.Append(writer.UploadBlobAsync("a.blob", large)).Append(
            writer.UploadChunkAsync(IndexKind.Fixed, 1, new string('a', 64), large.Length, large)));
        ToySession session = await server.SessionAsync();
        Assert.Equal(202, session.Calls);
        await Assert.ThrowsAsync<PbsException>(() => writer.UploadBlobAsync("b.blob", new byte[10 * 1024 * 1024]));
        await writer.SpeedtestAsync(new byte[1]);
        await writer.DisposeAsync();
        await session.Ended;
        Assert.Equal(1, session.Ends);
    }

    [Fact]
    public async Task Refused_session_tells_the_servers_text()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        PbsException error = await Assert.ThrowsAsync<PbsException>(
            () => client.StartReaderAsync(Target with { BackupId = "refuse" }));
        Assert.Equal((400, "no such toy"), (error.Status, error.Message));
    }

    [Fact]
    public async Task Session_cut_by_the_server_fails_the_next_call()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        await using BackupWriter writer = await client.StartBackupAsync(Target);
        await writer.SpeedtestAsync(new byte[1]);
        ToySession session = await server.SessionAsync();
        session.Abort!();
        await session.Ended;
        await Assert.ThrowsAnyAsync<Exception>(() => writer.SpeedtestAsync(new byte[1]));
    }

    [Fact]
    public async Task Index_upload_appends_in_order_and_only_what_is_uploaded()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        await using BackupWriter writer = await client.StartBackupAsync(Target);
        var upload = new IndexUpload(writer, IndexKind.Dynamic, 7);
        int released = 0;
        for (int i = 0; i < 150; i++)
        {
            await (i % 3 == 0
                ? upload.AddKnownAsync($"d{i}", i * 10)
                : upload.AddAsync($"d{i}", i * 10, 10, new byte[1000], () => Interlocked.Increment(ref released)));
        }

        await upload.CloseAsync("c", 1500);
        Assert.Equal(100, released);
        string[] log = [.. (await server.SessionAsync()).Log];
        Assert.Equal(100, log.Count(l => l == "POST /dynamic_chunk "));
        JsonElement[] appends = [.. log.Where(l => l.StartsWith("PUT /dynamic_index ", StringComparison.Ordinal))
            .Select(l => JsonDocument.Parse(l["PUT /dynamic_index ".Length..]).RootElement)];
        Assert.Equal([64, 64, 22], appends.Select(a => a.GetProperty("digest-list").GetArrayLength()));
        Assert.Equal(
            Enumerable.Range(0, 150).Select(i => i * 10L),
            appends.SelectMany(a => a.GetProperty("offset-list").EnumerateArray()).Select(o => o.GetInt64()));
        Assert.Equal("POST /dynamic_close ", log[^1]);
    }

    [Fact]
    public async Task Refused_upload_surfaces_at_close()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        await using BackupWriter writer = await client.StartBackupAsync(Target);
        var upload = new IndexUpload(writer, IndexKind.Fixed, 1);
        await upload.AddAsync("fail", 0, 10, new byte[10]);
        PbsException error = await Assert.ThrowsAsync<PbsException>(() => upload.CloseAsync("c", 10));
        Assert.Equal("refused by the toy", error.Message);
        Assert.DoesNotContain((await server.SessionAsync()).Log, l => l.StartsWith("PUT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reader_takes_many_large_chunks_at_once()
    {
        await using ToyServer server = await ToyServer.StartAsync();
        await using PbsClient client = await PbsClient.ConnectAsync(server.ClientOptions());
        await using BackupReader reader = await client.StartReaderAsync(Target);
        byte[][] chunks = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(i => reader.ChunkAsync($"{i * 100_000}")));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => i * 100_000), chunks.Select(c => c.Length));
    }

    [Theory]
    [InlineData("json", "{\"data\":[{\"a\":1},2],\"total\":2}")]
    [InlineData("extjs", "{\"data\":[{\"a\":1},2],\"total\":2,\"status\":200,\"success\":true}")]
    public async Task Rendered_pieces_are_sent_as_they_are_with_their_length(string format, string expected)
    {
        var result = new ApiResult.Rendered(["{\"a\":1}"u8.ToArray(), "2"u8.ToArray()], true)
        {
            WriteSiblings = w => w.WriteNumber("total", 2),
        };
        var router = new ApiRouter(
            [new ApiEndpoint("GET", "/list", ParameterSchema.Empty, _ => ValueTask.FromResult<ApiResult>(result))],
            TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var exchange = new MemoryExchange("GET", $"/api2/{format}/list", "", []);
        await router.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>("x"));
        Assert.Equal(expected, exchange.Answer);
        Assert.Equal(expected.Length, exchange.Length);
    }
}
