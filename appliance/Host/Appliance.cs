// The appliance put together: the only place where parts meet. Start is recovery: there is no clean-shutdown path that differs from the crash path.
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Features.Restore;
using Holdfast.Features.Sessions;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>A running appliance without its network port.</summary>
public sealed class Appliance : IAsyncDisposable
{

    private readonly LedgerHost ledgerHost;
    private readonly DatastoreRegistry stores;
    private readonly BytesInFlight bytes;
    private readonly Housekeeping housekeeping;

    private Appliance(
        LedgerHost ledgerHost, DatastoreRegistry stores, BytesInFlight bytes, Housekeeping housekeeping,
        ApiRouter api, Authenticator authenticator, SessionGate gate)
    {
        (this.ledgerHost, this.stores, this.bytes, this.housekeeping) = (ledgerHost, stores, bytes, housekeeping);
        (Api, Authenticator, Gate) = (api, authenticator, gate);
    }

    /// <summary>Endpoints below <c>/api2</c>.</summary>
    public ApiRouter Api { get; }

    public Authenticator Authenticator { get; }

    /// <summary>The door to sessions.</summary>
    public SessionGate Gate { get; }

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
        await first.EnsureAdminAsync(ledger.Access.State).ConfigureAwait(false);
        await first.EnsureDatastoreAsync(ledger.Datastores.State).ConfigureAwait(false);

        var stores = new DatastoreRegistry(recorder);
        var reconciliation = new Reconciliation(() => ledger.Snapshots.State, () => ledger.Datastores.State, recorder);
        var opening = new DatastoreOpening(settings, folder, stores, reconciliation, clock, log);
        var reconciled = await opening.OpenAllAsync(ledger.Datastores.State).ConfigureAwait(false);

        var parts = new Parts(settings, folder, ledger, recorder, credentials, stores, reconciliation, clock, log);
        return parts.Assemble(reconciled);
    }

    /// <summary>Ends the housekeeping, records what waits, closes datastores and ledger; sessions have ended before.</summary>
    public async ValueTask DisposeAsync()
    {
        await housekeeping.DisposeAsync().ConfigureAwait(false);
        foreach (var store in stores.All())
        {
            store.Bytes.Close();
        }

        await ledgerHost.DisposeAsync().ConfigureAwait(false);
        bytes.Dispose();
    }

    /// <summary>The graph of parts, made once.</summary>
    private sealed record Parts(
        ApplianceSettings Settings, DataFolder Folder, LedgerHost Ledger, Recorder Recorder, CredentialStore Credentials,
        DatastoreRegistry Stores, Reconciliation Reconciliation, TimeProvider Clock, ILogger Log)
    {
        public Appliance Assemble(ReconciliationReport reconciled)
        {
            Func<AccessState> access = () => Ledger.Access.State;
            Func<DatastoresState> datastores = () => Ledger.Datastores.State;
            Func<SnapshotsState> snapshots = () => Ledger.Snapshots.State;
            var tickets = new TicketSigner(Folder.TicketKey(), Clock);
            var refused = new RefusedLogins();
            var permissions = new Permissions(access);
            var authenticator = new Authenticator(access, Credentials, tickets, refused, Clock);
            var faults = new StorageFaults(Stores);
            var bytes = new BytesInFlight(Settings.BytesInFlight);
            var intake = new ChunkIntake(bytes);
            var leases = new Leases();
            var tasks = new TaskIds(ProcessIdentity.Node, ProcessIdentity.Pid, ProcessIdentity.StartTicks, Clock);

            ApiEndpoint[] endpoints =
            [
                .. new NodeEndpoints(Folder.InstanceId()).Endpoints,
                .. new Login(access, Credentials, tickets, refused, Recorder, Clock).Endpoints,
                .. new AccessEndpoints(permissions, Credentials, Recorder, ForgetInitialPassword).Endpoints,
                .. new DatastoreEndpoints(permissions, Stores, faults, datastores, snapshots, Recorder).Endpoints,
                .. new SnapshotEndpoints(permissions, Stores, faults, datastores, snapshots, leases, Recorder, intake).Endpoints,
            ];
            var gate = new SessionGate(authenticator, Sessions(permissions, datastores, snapshots, leases, tasks, bytes, intake, faults),
                Settings.SessionsMax);
            return new Appliance(Ledger, Stores, bytes, new Housekeeping(Stores, Reconciliation, leases, refused, Recorder, Clock, Log),
                new ApiRouter(endpoints, Clock, Log), authenticator, gate)
            {
                Reconciled = reconciled,
            };
        }

        private List<ISessionKind> Sessions(
            Permissions permissions, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, Leases leases, TaskIds tasks,
            BytesInFlight bytes, ChunkIntake intake, StorageFaults faults)
        {
            var finish = new FinishBackup(Recorder, Clock, Settings.LedgerPatience);
            var writing = new BackupCalls(intake, finish).Endpoints
                .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<BackupSession>().Store));
            var reading = new ReaderCalls(bytes).Endpoints
                .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<ReaderSession>().Store));
            return
            [
                new BackupOpening(permissions, Stores, datastores, snapshots, leases, Recorder, tasks, Reconciliation,
                    new AbortBackup(Recorder, Stores), new ChunkCalls(intake, faults, new ApiRouter(writing, Clock, Log)), Clock),
                new ReaderOpening(permissions, Stores, snapshots, leases, Recorder, tasks, new ApiRouter(reading, Clock, Log), Clock),
            ];
        }

        private void ForgetInitialPassword(string userid)
        {
            if (userid == FirstStart.Admin)
            {
                Folder.RemoveInitialPassword();
            }
        }
    }
}
