// The appliance inside this program: the same parts on the same port code, so that figures can be had which no look from
// outside gives: bytes allocated, and the time of appends made by the very process that takes backups.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Settings;
using Holdfast.Host;
using Holdfast.Ledger;
using Holdfast.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Bench;

internal static class ServeVerb
{
    /// <summary>Serves until standard input ends. Lines: <c>alloc</c> answers the bytes allocated so far; <c>append</c> starts
    /// appending single events, <c>report</c> ends that and answers count, median and p99 in ms.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var options = new Arguments(args);
        var given = new Dictionary<string, string>
        {
            ["data"] = options.Text("data"), ["port"] = "0", ["listen"] = "127.0.0.1",
        };
        var settings = ApplianceSettings.Load(given, new Dictionary<string, string>(), _ => null);
        using var folder = new DataFolder(settings.Data);
        using var certificate = Certificates.Load(folder.Certificate(TimeProvider.System));
        var appliance = await Appliance.StartAsync(
            settings, folder, false, TimeProvider.System, NullLogger.Instance, CancellationToken.None).ConfigureAwait(false);
        await using var closing = appliance.ConfigureAwait(false);
        var web = Web(appliance, certificate);
        await using var stopping = web.ConfigureAwait(false);
        await web.StartAsync().ConfigureAwait(false);
        Console.WriteLine($"serve is ready: {web.Urls.First()}");
        Console.WriteLine($"certificate fingerprint: {Certificates.Fingerprint(certificate)}");
        await ObeyAsync(appliance).ConfigureAwait(false);
        return 0;
    }

    private static async Task ObeyAsync(Appliance appliance)
    {
        using var stop = new CancellationTokenSource();
        var appending = Task.FromResult("");
        while (await Console.In.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            switch (line)
            {
                case "alloc":
                    Console.WriteLine(GC.GetTotalAllocatedBytes(precise: true).ToString(CultureInfo.InvariantCulture));
                    break;
                case "append":
                    appending = Task.Run(() => AppendAsync(appliance.Ledger, stop.Token));
                    break;
                case "report":
                    await stop.CancelAsync().ConfigureAwait(false);
                    Console.WriteLine(await appending.ConfigureAwait(false));
                    break;
                default:
                    throw new ArgumentException($"no such order: {line}");
            }
        }
    }

    /// <summary>One event every few milliseconds, each as a call of its own.</summary>
    private static async Task<string> AppendAsync(ILedger ledger, CancellationToken stop)
    {
        var times = new List<double>();
        while (!stop.IsCancellationRequested)
        {
            var one = Event.Of(new LoginSucceeded("bench@pbs"), EventMetadata.System);
            var started = Stopwatch.GetTimestamp();
            await ledger.AppendAsync(new Append("auth:bench@pbs", ExpectedVersion.Any, [one]), default, CancellationToken.None)
                .ConfigureAwait(false);
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(2), CancellationToken.None).ConfigureAwait(false);
        }

        times.Sort();
        return string.Create(CultureInfo.InvariantCulture,
            $"{times.Count} {times[times.Count / 2]:0.000} {times[(int)(times.Count * 0.99)]:0.000}");
    }

    private static WebApplication Web(
        Appliance appliance, System.Security.Cryptography.X509Certificates.X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server => server.Listen(
            IPAddress.Loopback, 0, listen => PbsListener.Configure(server, listen, certificate, appliance.Gate)));
        PbsListener.AddServices(builder.Services);
        var web = builder.Build();
        web.Run(PbsListener.Handle(context => appliance.Api.ServeApiAsync(
            new KestrelExchange(context), appliance.Authenticator.AuthenticateAsync)));
        return web;
    }
}
