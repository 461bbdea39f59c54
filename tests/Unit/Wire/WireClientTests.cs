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
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(new byte[100_000])), hash.GetProperty("data").GetString());
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
}
