// A server that speaks NUT's protocol on loopback, with one UPS whose variables tests set: TLS, logins, every refusal, and silence. For tests and for trying
// things out.
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Holdfast.Ups;

/// <summary>The server.</summary>
/// <param name="certificate">Null: no TLS.</param>
/// <param name="password">Null: anybody may log in.</param>
public sealed class SimulatedUpsd : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly X509Certificate2? certificate;
    private readonly string? password;
    private readonly List<TcpClient> clients = [];
    private readonly Task accepting;

    public SimulatedUpsd(X509Certificate2? certificate = null, string? password = null)
    {
        (this.certificate, this.password) = (certificate, password);
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What the UPS says; replaced as a whole.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; set; } = new Dictionary<string, string>
    {
        ["ups.status"] = "OL CHRG", ["battery.charge"] = "100", ["battery.runtime"] = "3600", ["ups.load"] = "12", ["ups.mfr"] = "EATON",
            ["ups.model"] = "5P \"1550\"",
    };

    /// <summary>A refusal instead of an answer: <c>DATA-STALE</c>; null = answers.</summary>
    public string? Refusal { get; set; }

    /// <summary>Lines that are sent instead of an answer.</summary>
    public string? Garbage { get; set; }

    /// <summary>How many are logged in.</summary>
    public int Logins { get; private set; }

    /// <summary>Cuts all connections.</summary>
    public void CutAll()
    {
        lock (clients)
        {
            clients.ForEach(client => client.Dispose());
            clients.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        listener.Stop();
        CutAll();
        await accepting.ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(stop.Token).ConfigureAwait(false);
                lock (clients)
                {
                    clients.Add(client);
                }

                _ = ServeAsync(client);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            Stream stream = client.GetStream();
            var isIn = false;
            while (await LineAsync(stream).ConfigureAwait(false) is { } line)
            {
                var words = NutLine.Words(line);
                if (words is ["STARTTLS"] && certificate is not null)
                {
                    await SayAsync(stream, "OK STARTTLS").ConfigureAwait(false);
                    var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(certificate).ConfigureAwait(false);
                    stream = tls;
                    continue;
                }

                isIn |= words is ["PASSWORD", var given] && (password is null || given == password);
                await SayAsync(stream, Answer(words, isIn)).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or InvalidDataException
            or System.Security.Authentication.AuthenticationException)
        {
            client.Dispose();
        }
    }

    private string Answer(IReadOnlyList<string> words, bool isIn) => words switch
    {
        _ when Garbage is { } garbage => garbage,
        ["STARTTLS"] => "ERR FEATURE-NOT-CONFIGURED",
        ["USERNAME", _] => "OK",
        ["PASSWORD", _] => isIn ? "OK" : "ERR INVALID-PASSWORD",
        ["LOGIN", _] when !isIn => "ERR ACCESS-DENIED",
        ["LOGIN", "ups"] => Counted(),
        ["LIST", "UPS"] => "BEGIN LIST UPS\nUPS ups \"the one in the rack\"\nEND LIST UPS",
        ["LIST", "VAR", "ups"] when Refusal is { } refusal => "ERR " + refusal,
        ["LIST", "VAR", "ups"] =>
            $"BEGIN LIST VAR ups\n{string.Concat(Variables.Select(one => $"VAR ups {one.Key} \"{Escaped(one.Value)}\"\n"))}END LIST VAR ups",
        ["LIST", "VAR", _] => "ERR UNKNOWN-UPS",
        _ => "ERR UNKNOWN-COMMAND",
    };

    private string Counted()
    {
        Logins++;
        return "OK";
    }

    private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static async Task SayAsync(Stream stream, string text) => await stream.WriteAsync(Encoding.UTF8.GetBytes(text + "\n")).ConfigureAwait(false);

    private static async Task<string?> LineAsync(Stream stream)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one).ConfigureAwait(false) == 1)
        {
            if (one[0] == '\n')
            {
                return line.ToString();
            }

            line.Append((char)one[0]);
            if (line.Length > NutLine.CharsMax)
            {
                return null;
            }
        }

        return null;
    }
}
