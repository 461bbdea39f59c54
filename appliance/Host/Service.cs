// The life of the process: lock, appliance, port, the lines that tell people how to use it, and an orderly end: sessions first, then datastores, then the
// ledger, then its database.
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using Holdfast.Contracts.Systemd;
using Holdfast.Features.Settings;
using Holdfast.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>Runs holdfastd until it is told to stop.</summary>
public static class Service
{
    private static readonly TimeSpan SessionsEndWithin = TimeSpan.FromSeconds(3);

    /// <summary>Six looks: a process that misses them all is given up, and systemd starts another.</summary>
    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(60);

    public static async Task RunAsync(ApplianceSettings settings, bool acceptShorterLedger, TimeProvider clock)
    {
        var notify = ServiceNotify.FromEnvironment(
            Environment.GetEnvironmentVariable, name => Environment.SetEnvironmentVariable(name, null), Environment.ProcessId);
        using var stop = new CancellationTokenSource();
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, stop));
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, stop));
        using var logs = LoggerFactory.Create(logging => logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.UseUtcTimestamp = true;
        }).SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Error));
        var log = logs.CreateLogger("holdfastd");

        using var folder = new DataFolder(settings.Data);
        var certificatePems = folder.Certificate(clock);
        using var certificate = Certificates.Load(certificatePems);
        await using var appliance = await Appliance.StartAsync(settings, folder, acceptShorterLedger, clock, log, stop.Token).ConfigureAwait(false);
        await using var web = BuildWeb(settings, appliance, certificate, clock, logs);
        await web.StartAsync(stop.Token).ConfigureAwait(false);
        Announcement.Print(settings, folder, BoundPort(web), certificate, appliance);

        notify.Ready($"port {BoundPort(web)}");
        try
        {
            while (true)
            {
                await Task.Delay(notify.WatchdogEvery ?? Timeout.InfiniteTimeSpan, clock, stop.Token).ConfigureAwait(false);
                if (appliance.SinceLook < LookWithin)
                {
                    notify.Alive();
                }
            }
        }
        catch (OperationCanceledException)
        {
            log.LogInformation("stopping");
        }

        notify.Stopping();

        using var bound = new CancellationTokenSource(SessionsEndWithin);
        await web.StopAsync(bound.Token).ConfigureAwait(false);
    }

    private static void Stop(PosixSignalContext signal, CancellationTokenSource stop)
    {
        signal.Cancel = true;
        stop.Cancel();
    }

    private static WebApplication BuildWeb(
        ApplianceSettings settings, Appliance appliance, X509Certificate2 certificate, TimeProvider clock, ILoggerFactory logs)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logs);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = SessionsEndWithin);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server => server.Listen(
            IPAddress.Parse(settings.Listen), settings.Port, listen => PbsListener.Configure(
                server, listen, certificate, appliance.Gate,
                new PbsListenerOptions { Clock = clock, Log = logs.CreateLogger("Holdfast.Wire") })));
        PbsListener.AddServices(builder.Services);
        var web = builder.Build();
        web.Run(PbsListener.Handle(context => ServeAsync(context, appliance)));
        return web;
    }

    private static Task ServeAsync(Microsoft.AspNetCore.Http.HttpContext context, Appliance appliance)
    {
        var exchange = new KestrelExchange(context);
        switch (exchange.Path)
        {
            case "/metrics":
                return appliance.ServeMetricsAsync(exchange);
            case "/healthz":
                return appliance.ServeHealthAsync(exchange);
        }

        return ApiPath.TrySplit(exchange.Path, out var segments) && segments is not ["api2", ..]
            ? exchange.RespondAsync(404, "text/plain", "not found: the API is below /api2/json"u8.ToArray()).AsTask()
            : appliance.Api.ServeApiAsync(exchange, appliance.Authenticator.AuthenticateAsync);
    }

    private static int BoundPort(WebApplication web) =>
        new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
}
