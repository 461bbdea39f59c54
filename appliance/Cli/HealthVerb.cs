// `holdfast health`: is the appliance on this machine healthy? Asked over its own port, its certificate pinned by the file in its data folder. Exit status 0
// says yes; units and monitoring build on that.
using System.CommandLine;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Holdfast.Features.Settings;

namespace Holdfast.Cli;

internal sealed class HealthVerb(Surroundings surroundings)
{
    private static readonly TimeSpan OneTry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    private readonly Option<string?> data = new("--data") { Description = "data folder of the appliance (default: HOLDFAST_DATA, else ./data)" };

    private readonly Option<int> waitSeconds = new("--wait") { Description = "wait up to so many seconds until it is", DefaultValueFactory = _ => 0 };

    public Command Command
    {
        get
        {
            var command = new Command("health", "Says whether the appliance on this machine is healthy") { data, waitSeconds };
            command.SetAction((parsed, cancel) => RunAsync(
                parsed.GetValue(data), TimeSpan.FromSeconds(Math.Clamp(parsed.GetValue(waitSeconds), 0, 3600)), cancel));
            return command;
        }
    }

    private async Task<int> RunAsync(string? folder, TimeSpan wait, CancellationToken cancel)
    {
        var place = LedgerPlace.Of(folder);
        var started = surroundings.Clock.GetTimestamp();
        while (true)
        {
            var (healthy, text) = await AskAsync(place, cancel).ConfigureAwait(false);
            if (healthy || surroundings.Clock.GetElapsedTime(started) >= wait)
            {
                Console.WriteLine(text);
                return healthy ? 0 : 1;
            }

            await Task.Delay(Between, surroundings.Clock, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Asks once.</summary>
    public static async Task<(bool Healthy, string Text)> AskAsync(LedgerPlace place, CancellationToken cancel)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(OneTry);
        try
        {
            using var ours = X509CertificateLoader.LoadCertificateFromFile(place.At("tls/cert.pem"));
            using var http = new HttpClient(new SocketsHttpHandler
            {
                UseProxy = false,
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null && shown.GetCertHashString() == ours.GetCertHashString(),
                },
            });
            using var answer = await http.GetAsync(Address(place.Settings), bound.Token).ConfigureAwait(false);
            var text = (await answer.Content.ReadAsStringAsync(bound.Token).ConfigureAwait(false)).Trim();
            return (answer.IsSuccessStatusCode, text);
        }
        catch (Exception error) when (!cancel.IsCancellationRequested && error is HttpRequestException or IOException or SocketException
            or OperationCanceledException or System.Security.Cryptography.CryptographicException or UnauthorizedAccessException)
        {
            return (false, $"it does not answer: {error.Message}");
        }
    }

    /// <summary>Where it listens; on all addresses means here as well.</summary>
    private static Uri Address(ApplianceSettings settings)
    {
        var host = settings.Listen is "0.0.0.0" or "::" ? "127.0.0.1" : settings.Listen;
        return new UriBuilder("https", host, settings.Port, "/healthz").Uri;
    }
}
