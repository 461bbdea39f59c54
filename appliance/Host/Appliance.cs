// The appliance on its real ledger and disks. Start is recovery: there is no clean-shutdown path that differs from the crash path.
using System.Text;
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Features.Sessions;
using Holdfast.Features.Schedules;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Ups;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>A running appliance without its network port.</summary>
public sealed class Appliance : IAsyncDisposable
{
    /// <summary>Longer than anything takes that does not hang: a collection ends at its next chunk.</summary>
    private static readonly TimeSpan EndWithin = TimeSpan.FromSeconds(60);

    private readonly LedgerHost ledgerHost;
    private readonly Parts parts;
    private readonly Housekeeping housekeeping;
    private readonly Watch watch;
    private readonly Scheduler scheduler;

    private readonly HardwareWatch hardware;
    private readonly ILogger log;

    private Appliance(LedgerHost ledgerHost, Parts parts, Housekeeping housekeeping, Scheduler scheduler, Watch watch, HardwareWatch hardware, ILogger log) =>
        (this.ledgerHost, this.parts, this.housekeeping, this.scheduler, this.watch, this.hardware, this.log) =
        (ledgerHost, parts, housekeeping, scheduler, watch, hardware, log);

    /// <summary>Endpoints below <c>/api2</c>.</summary>
    public ApiRouter Api => parts.Api;

    public Authenticator Authenticator => parts.Authenticator;

    /// <summary>The door to sessions.</summary>
    public SessionGate Gate => parts.Gate;

    /// <summary>Answers <c>GET /metrics</c>, for whoever has credentials.</summary>
    public async Task ServeMetricsAsync(Exchange exchange)
    {
        if (exchange.Method != "GET" || await parts.Authenticator.AuthenticateAsync(exchange).ConfigureAwait(false) is not Caller caller)
        {
            var (status, problem) = exchange.Method == "GET" ? (401, "authentication failed") : (404, "only GET /metrics");
            await exchange.RespondAsync(status, "text/plain", Encoding.UTF8.GetBytes(problem)).ConfigureAwait(false);
            return;
        }

        var (text, type) = parts.Metrics.Text(caller, exchange.Header("Accept"));
        await exchange.RespondAsync(200, type, Encoding.UTF8.GetBytes(text)).ConfigureAwait(false);
    }

    /// <summary>Answers <c>GET /healthz</c> for anybody: 200 if the appliance does what it is there for, else 503 and why. A datastore that is away is an
    /// alarm, not illness: another version of the program would not bring it back.</summary>
    public Task ServeHealthAsync(Exchange exchange)
    {
        var (status, text) = ledgerHost.Ledger.IsAvailable ? (200, "healthy") : (503, "the ledger is away");
        return exchange.RespondAsync(status, "text/plain", Encoding.UTF8.GetBytes(text + "\n")).AsTask();
    }

    /// <summary>Since the watch last looked at the box, which it does every ten seconds.</summary>
    public TimeSpan SinceLook => watch.SinceLook;

    /// <summary>What the start's reconciliation found.</summary>
    public ReconciliationReport Reconciled { get; private init; } = ReconciliationReport.Nothing;

    /// <summary>The ledger, for who reads it or measures it.</summary>
    public ILedger Ledger => ledgerHost.Ledger;

    /// <summary>Fingerprint of the key that signs the ledger.</summary>
    public string LedgerFingerprint => ledgerHost.Key.Public.Fingerprint;

    /// <summary>Opens ledger and datastores, reconciles them, and makes what a first start lacks.</summary>
    public static async Task<Appliance> StartAsync(
        ApplianceSettings settings, DataFolder folder, bool acceptShorterLedger, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        var ledger = await LedgerHost.OpenAsync(settings, folder, acceptShorterLedger, clock, log, cancel).ConfigureAwait(false);
        try
        {
            return await StartOnAsync(ledger, settings, folder, clock, log).ConfigureAwait(false);
        }
        catch
        {
            // A start that fails leaves no database running behind it.
            await ledger.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<Appliance> StartOnAsync(
        LedgerHost ledger, ApplianceSettings settings, DataFolder folder, TimeProvider clock, ILogger log)
    {
        var recorder = new Recorder(ledger.Ledger, ledger.Deferred, clock);
        var credentials = new CredentialStore(folder);
        var first = new FirstStart(folder, credentials, recorder);
        await first.EnsureAdminAsync(ledger.Folds.Access.State).ConfigureAwait(false);
        await first.EnsureDatastoreAsync(ledger.Folds.Datastores.State).ConfigureAwait(false);

        var agent = new AgentSocket(settings.AgentSocket);
        var parts = new Parts(new Foundations(
            settings, ledger.Folds, recorder, credentials, folder.TicketKey(), folder.InstanceId(),
            DiskVolume.OpenFolder(folder.At("tasks")), ForgetInitialPassword, clock, log)
        {
            Agent = agent, Pam = new AgentPam(agent, log), Ups = UpsOf(settings),
            StoreFolders = new DatastoreFolders(folder), Node = new LinuxNode(folder), Histories = DiskVolume.OpenFolder(folder.At("history")),
            Updates = DiskVolume.OpenFolder(folder.At("update")),
        });
        await parts.Tasks.CloseInterruptedAsync(ledger.Folds.Tasks.State).ConfigureAwait(false);
        var reconciled = await parts.Starting.OpenAllAsync(ledger.Folds.Datastores.State).ConfigureAwait(false);
        await parts.Removing.ResumeAsync().ConfigureAwait(false);
        await parts.Pruning.ResumeAsync(parts.Tasks).ConfigureAwait(false);
        parts.VerifyNew.Resume(ledger.Folds.Snapshots.State, clock.GetUtcNow());
        var housekeeping = new Housekeeping(parts, () => parts.Tasks.RemoveOldLogs(ledger.Folds.Tasks.State), recorder, clock, log);
        var scheduler = parts.MakeScheduler();
        scheduler.Start();
        var ballast = new Ballast(DiskVolume.OpenFolder(folder.LedgerPlace), recorder);
        var watch = new Watch(parts.Sampler, parts.Space, ballast, parts.Network, clock, log);
        var hardware = new HardwareWatch(agent, parts, clock, log);
        return new Appliance(ledger, parts, housekeeping, scheduler, watch, hardware, log) { Reconciled = reconciled };

        void ForgetInitialPassword(string userid)
        {
            if (userid == FirstStart.Admin)
            {
                folder.RemoveInitialPassword();
            }
        }
    }

    private static NutUps? UpsOf(ApplianceSettings settings) => settings.UpsName is not { } name ? null : new NutUps(new UpsAddress(
        name, settings.UpsHost, settings.UpsPort, settings.UpsUser, settings.UpsPassword, settings.UpsTls, settings.UpsFingerprint));

    /// <summary>Ends tasks and housekeeping, records what waits, closes datastores and ledger; sessions have ended before. What hangs on a file system that
    /// does not answer is left behind after a while: the next start takes it as an unclean end, and the ledger is closed cleanly all the same.</summary>
    public async ValueTask DisposeAsync()
    {
        await WithinAsync("the scheduler", scheduler.DisposeAsync().AsTask()).ConfigureAwait(false);
        await WithinAsync("tasks", parts.Tasks.DisposeAsync().AsTask()).ConfigureAwait(false);
        await WithinAsync("housekeeping", housekeeping.DisposeAsync().AsTask()).ConfigureAwait(false);
        await WithinAsync("the watch", watch.DisposeAsync().AsTask()).ConfigureAwait(false);
        await WithinAsync("the watch of the hardware", hardware.DisposeAsync().AsTask()).ConfigureAwait(false);
        await Task.WhenAll(parts.Stores.Present().Select(store => WithinAsync($"datastore '{store.Name}'", Task.Run(store.Bytes.Close)))).ConfigureAwait(false);
        await ledgerHost.DisposeAsync().ConfigureAwait(false);
        parts.Dispose();
    }

    private async Task WithinAsync(string what, Task ending)
    {
        try
        {
            await ending.WaitAsync(EndWithin).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            log.LogError("{What} did not end within {Seconds} s and is left behind", what, EndWithin.TotalSeconds);
        }
    }
}
