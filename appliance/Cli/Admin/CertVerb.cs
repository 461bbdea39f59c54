// `holdfast cert info`: the certificate that a server shows, without trusting it and without logging in.
using System.CommandLine;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal static class CertVerb
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static Command Command()
    {
        var repository = new Option<string?>("--repository") { Description = "[[user@realm@]host[:port]:]store; default PBS_REPOSITORY." };
        var output = new Option<string>("--output") { Description = "text for people, json for programs.", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "json");
        var info = new Command("info", "Shows the certificate of the server and its fingerprint.") { repository, output };
        Examples.Of(info, "holdfast cert info", "holdfast cert info --repository backup.example:8007:main --output json");
        info.SetAction(async (parsed, cancel) =>
        {
            string text = parsed.GetValue(repository) ?? Surroundings.Variable("REPOSITORY")
                ?? throw new UsageException("no repository: give --repository or set PBS_REPOSITORY");
            if (!PbsRepository.TryParse(text, out PbsRepository? found))
            {
                throw new UsageException($"'{text}' is no repository: [[user@realm[!token]@]host[:port]:]store is wanted");
            }

            using X509Certificate2 certificate = await LookAsync(found!.Host, found.Port, cancel);
            Print(certificate, parsed.GetValue(output) == "json");
            return 0;
        });
        return new Command("cert", "Certificates.") { info };
    }

    /// <summary>Nothing is sent but the handshake: whoever answers is looked at, not trusted.</summary>
    private static async Task<X509Certificate2> LookAsync(string host, int port, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        X509Certificate2? seen = null;
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(host, port, limit.Token);
            await using var tls = new SslStream(new NetworkStream(socket));
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    {
                        seen = certificate is null ? null : X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
                        return true;
                    },
                },
                limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new FailedException($"no answer from {host}:{port} within the time limit");
        }

        return seen ?? throw new FailedException("the server showed no certificate");
    }

    private static void Print(X509Certificate2 certificate, bool isJson)
    {
        (string Name, string Value)[] members =
        [
            ("subject", certificate.Subject), ("issuer", certificate.Issuer),
            ("not-before", certificate.NotBefore.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'")),
            ("not-after", certificate.NotAfter.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'")),
            ("fingerprint", Certificates.Fingerprint(certificate)),
        ];
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(members.ToDictionary(member => member.Name, member => member.Value)));
            return;
        }

        foreach ((string name, string value) in members)
        {
            Console.WriteLine($"{name + ":",-13} {Tables.Printable(value)}");
        }
    }
}
