// The appliance on this machine, for who may read its data folder: only root and the service can read the key that signs tickets, so a ticket of `root@pam`
// made with it is the credential of whoever sits at the console. Nothing of it is ever written down.
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>A connection to it as the superuser.</summary>
internal sealed class LocalBox : IAsyncDisposable
{
    private static readonly TimeSpan TaskWithin = TimeSpan.FromMinutes(30);

    private readonly PbsClient client;
    private readonly TimeProvider clock;

    private LocalBox(PbsClient client, TimeProvider clock) => (this.client, this.clock) = (client, clock);

    /// <summary>Connects.</summary>
    /// <exception cref="FailedException">The folder's secrets can't be read, or nobody answers.</exception>
    public static async Task<LocalBox> ConnectAsync(LedgerPlace place, TimeProvider clock, CancellationToken cancel)
    {
        try
        {
            var root = UserId.Parse("root@pam");
            byte[] key = File.ReadAllBytes(place.At("keys/ticket.key"));
            string ticket = new TicketSigner(key, clock).Issue(root);
            CryptographicOperations.ZeroMemory(key);
            var options = new PbsClientOptions(Host(place), place.Settings.Port, new AuthId(root))
            {
                Secret = ticket, Fingerprint = Fingerprint(place), Clock = clock,
            };
            return new LocalBox(await PbsClient.ConnectAsync(options, cancel), clock);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SocketException or PbsException or CryptographicException
            or ArgumentOutOfRangeException)
        {
            throw new FailedException($"the appliance on this machine can't be reached as its superuser (are you root?): {error.Message}");
        }
    }

    public static string Fingerprint(LedgerPlace place)
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(place.At("tls/cert.pem"));
        return Certificates.Fingerprint(certificate);
    }

    /// <summary>Where it listens; on all addresses means here as well.</summary>
    public static string Host(LedgerPlace place) => place.Settings.Listen is "0.0.0.0" or "::" ? "127.0.0.1" : place.Settings.Listen;

    /// <summary>A path that may have a query.</summary>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancel)
    {
        string[] parts = path.Split('?', 2);
        return Data(await client.GetAsync(parts[0], parts.Length > 1 ? parts[1] : "", cancel));
    }

    public async Task<JsonElement> PostAsync(string path, Parameters body, CancellationToken cancel) =>
        Data(await client.PostAsync(path, body.ToBody(), cancel));

    public async Task<JsonElement> PutAsync(string path, Parameters query, CancellationToken cancel) =>
        Data(await client.PutAsync(path, query.ToQuery(), cancel));

    /// <summary>Waits for the end of a task that a call has started.</summary>
    /// <exception cref="FailedException">It did not end well, or not within half an hour.</exception>
    public async Task FollowAsync(JsonElement upid, CancellationToken cancel)
    {
        string name = upid.GetString() ?? throw new FailedException("the appliance named no task");
        for (long started = clock.GetTimestamp(); clock.GetElapsedTime(started) < TaskWithin;)
        {
            JsonElement status = await GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(name)}/status", cancel);
            if (status.GetProperty("status").GetString() == "stopped")
            {
                string end = status.TryGetProperty("exitstatus", out JsonElement text) ? text.GetString()! : "unknown";
                if (end != "OK" && !end.StartsWith("WARNINGS", StringComparison.Ordinal))
                {
                    throw new FailedException(end);
                }

                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500), clock, cancel);
        }

        throw new FailedException("the task has not ended within half an hour; it goes on");
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();

    private static JsonElement Data(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("data", out JsonElement data) ? data : default;
}
