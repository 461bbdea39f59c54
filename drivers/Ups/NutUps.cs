// A UPS behind upsd(8), local or remote, by NUT's network protocol: one connection that is kept, opened anew when it breaks, TLS where it is wanted, a login
// where one is given. Everything has a limit; what the server refuses is said with its own word.
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Contracts.Power;

namespace Holdfast.Ups;

/// <summary>Where a UPS is and how it is spoken to.</summary>
/// <param name="Name">As upsd knows it; <c>auto</c>: the first that it lists.</param>
/// <param name="User">Null: no login.</param>
/// <param name="Tls">Whether TLS is wanted: a server without it is then not spoken to.</param>
/// <param name="Fingerprint">SHA-256 of the server's certificate; null: it must be one that the machine trusts.</param>
public sealed record UpsAddress(string Name, string Host, int Port, string? User, string? Password, bool Tls, string? Fingerprint)
{
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(5);
}

/// <summary>The client. One reading at a time.</summary>
public sealed class NutUps(UpsAddress address) : IUps, IDisposable
{
    private const int VariablesMax = 1000;

    private readonly SemaphoreSlim turn = new(1);
    private Connection? connection;

    public void Dispose()
    {
        connection?.Dispose();
        turn.Dispose();
    }

    public async Task<UpsReading> ReadAsync(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(UpsAddress.Within);
        try
        {
            connection ??= await Connection.OpenAsync(address, bound.Token).ConfigureAwait(false);
            return Reading(connection.Ups, await connection.VariablesAsync(bound.Token).ConfigureAwait(false));
        }
        catch (UpsAwayException)
        {
            // It answered, and with a refusal: the connection is good for the next question.
            throw;
        }
        catch (Exception error) when (error is IOException or SocketException or InvalidDataException or System.Security.Authentication.AuthenticationException
            || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            connection?.Dispose();
            connection = null;
            throw new UpsAwayException("UNREACHABLE", error is OperationCanceledException
                ? $"{address.Host}:{address.Port} did not answer within {UpsAddress.Within.TotalSeconds:0} s"
                    : $"{address.Host}:{address.Port}: {error.Message}");
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>What variables say.</summary>
    /// <exception cref="UpsAwayException">No status among them.</exception>
    public static UpsReading Reading(string name, IReadOnlyDictionary<string, string> variables)
    {
        if (!variables.TryGetValue("ups.status", out var status))
        {
            throw new UpsAwayException("VAR-NOT-SUPPORTED", $"UPS '{name}' says nothing of its status");
        }

        return new UpsReading(name, status.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal), Number("battery.charge"),
            Number("battery.runtime"), Number("ups.load"), Text("ups.mfr") ?? Text("device.mfr"), Text("ups.model") ?? Text("device.model"),
            Text("ups.serial") ?? Text("device.serial"), Text("ups.alarm"));

        string? Text(string variable) => variables.GetValueOrDefault(variable)?.Trim() is { Length: > 0 } text ? text : null;

        int? Number(string variable) => double.TryParse(Text(variable), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
            ? (int)Math.Clamp(number, 0, int.MaxValue) : null;
    }

    /// <summary>One connection to one UPS.</summary>
    private sealed class Connection(TcpClient tcp, Stream stream, StreamReader reader) : IDisposable
    {
        public string Ups { get; private set; } = "";

        public void Dispose()
        {
            reader.Dispose();
            stream.Dispose();
            tcp.Dispose();
        }

        public static async Task<Connection> OpenAsync(UpsAddress to, CancellationToken cancel)
        {
            var tcp = new TcpClient { NoDelay = true };
            try
            {
                await tcp.ConnectAsync(to.Host, to.Port, cancel).ConfigureAwait(false);
                var opened = new Connection(tcp, tcp.GetStream(), new StreamReader(tcp.GetStream(), Encoding.UTF8, false, 1024, leaveOpen: true));
                if (to.Tls)
                {
                    await opened.AskAsync("STARTTLS", cancel).ConfigureAwait(false);
                    var tls = new SslStream(tcp.GetStream(), false, (_, certificate, _, errors) => to.Fingerprint is { } wanted
                        ? certificate is not null && Convert.ToHexString(SHA256.HashData(certificate.GetRawCertData())).Equals(
                            wanted.Replace(":", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)
                        : errors == SslPolicyErrors.None);
                    await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = to.Host }, cancel).ConfigureAwait(false);
                    opened = new Connection(tcp, tls, new StreamReader(tls, Encoding.UTF8, false, 1024, leaveOpen: true));
                }

                await opened.LoginAsync(to, cancel).ConfigureAwait(false);
                return opened;
            }
            catch
            {
                tcp.Dispose();
                throw;
            }
        }

        public async Task<IReadOnlyDictionary<string, string>> VariablesAsync(CancellationToken cancel)
        {
            var found = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var row in await ListAsync("VAR " + NutLine.Quote(Ups), cancel).ConfigureAwait(false))
            {
                if (row is ["VAR", _, var name, var value])
                {
                    found[name] = value;
                }
            }

            return found;
        }

        private async Task LoginAsync(UpsAddress to, CancellationToken cancel)
        {
            if (to.User is { } user)
            {
                await AskAsync("USERNAME " + NutLine.Quote(user), cancel).ConfigureAwait(false);
                await AskAsync("PASSWORD " + NutLine.Quote(to.Password ?? ""), cancel).ConfigureAwait(false);
            }

            Ups = to.Name != "auto" ? to.Name
                : (await ListAsync("UPS", cancel).ConfigureAwait(false)).Select(row => row is ["UPS", var name, ..] ? name : null)
                    .FirstOrDefault(name => name is not null)
                ?? throw new UpsAwayException("UNKNOWN-UPS", $"{to.Host}:{to.Port} knows no UPS");
            if (to.User is not null)
            {
                // The server counts us among those that have to be down before the outlets are switched off.
                await AskAsync("LOGIN " + NutLine.Quote(Ups), cancel).ConfigureAwait(false);
            }
        }

        private async Task AskAsync(string line, CancellationToken cancel)
        {
            await SendAsync(line, cancel).ConfigureAwait(false);
            if (await NextAsync(cancel).ConfigureAwait(false) is not ["OK", ..])
            {
                throw new InvalidDataException("an answer that is none");
            }
        }

        private async Task<List<IReadOnlyList<string>>> ListAsync(string what, CancellationToken cancel)
        {
            await SendAsync("LIST " + what, cancel).ConfigureAwait(false);
            if (await NextAsync(cancel).ConfigureAwait(false) is not ["BEGIN", "LIST", ..])
            {
                throw new InvalidDataException("a list without its beginning");
            }

            var rows = new List<IReadOnlyList<string>>();
            while (await NextAsync(cancel).ConfigureAwait(false) is var row && row is not ["END", ..])
            {
                rows.Add(rows.Count < VariablesMax ? row : throw new InvalidDataException("a list without an end"));
            }

            return rows;
        }

        private async Task SendAsync(string line, CancellationToken cancel) =>
            await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), cancel).ConfigureAwait(false);

        private async Task<IReadOnlyList<string>> NextAsync(CancellationToken cancel)
        {
            var text = new StringBuilder();
            var one = new char[1];
            while (true)
            {
                if (await reader.ReadAsync(one, cancel).ConfigureAwait(false) == 0)
                {
                    throw new IOException("the server hung up");
                }

                if (one[0] == '\n')
                {
                    break;
                }

                text.Append(text.Length < NutLine.CharsMax ? one[0] : throw new InvalidDataException("a line without an end"));
            }

            var words = NutLine.Words(text.ToString().TrimEnd('\r'));
            return words is ["ERR", var code, ..] ? throw new UpsAwayException(code, Explain(code)) : words;
        }

        private static string Explain(string code) => code switch
        {
            "DATA-STALE" => "the UPS's driver has nothing new to say: its cable, or the driver, is away",
            "DRIVER-NOT-CONNECTED" => "the UPS's driver does not run",
            "ACCESS-DENIED" or "INVALID-PASSWORD" or "USERNAME-REQUIRED" or "PASSWORD-REQUIRED" => "the UPS's server does not let us in",
            "UNKNOWN-UPS" => "the UPS's server knows no UPS of that name",
            "FEATURE-NOT-SUPPORTED" or "FEATURE-NOT-CONFIGURED" => "the UPS's server has no TLS",
            _ => $"the UPS's server says {code}",
        };
    }
}
