// The product's own backup path, from the calls of a session down to the volume and the ledger, put together without network, processes or disk: a simulated
// volume below, a ledger in memory beside. Nothing of the write order is rewritten here.
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Sessions;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Tests.Crash;

internal sealed class SimulatedAppliance : IAsyncDisposable
{
    public const string Admin = "admin@pbs";
    public static readonly DatastoreOptions Options = new() { MakeAllChunkFolders = false };
    private static readonly BytesInFlight Bytes = new(64 << 20);
    private static readonly TimeProvider Clock = TimeProvider.System;

    private readonly DeferredAppends deferred;
    private readonly BackupOpening opening;
    private readonly ApiRouter api;

    private SimulatedAppliance(MemoryLedger ledger, Folds folds, Datastore store)
    {
        (Ledger, Folds, Store) = (ledger, folds, store);
        deferred = new DeferredAppends(ledger, Clock);
        var recorder = new Recorder(ledger, deferred, Clock);
        var stores = new DatastoreRegistry(recorder);
        var faults = new StorageFaults(stores);
        var permissions = new Permissions(() => folds.Access.State);
        var leases = new Leases();
        var intake = new ChunkIntake(Bytes);
        Reconciliation = new Reconciliation(() => folds.Snapshots.State, () => folds.Datastores.State, recorder, leases);
        Open = new OpenDatastore("main", store);
        stores.Add(Open);
        var calls = new BackupCalls(intake, new FinishBackup(recorder, Clock, TimeSpan.FromSeconds(1))).Endpoints
            .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<BackupSession>().Store));
        var tasks = new TaskRunner(
            new TaskIds("box", 1, 1, Clock), new TaskLogs(new SimulatedVolume(), Clock), recorder, NullLogger.Instance);
        opening = new BackupOpening(
            permissions, stores, () => folds.Datastores.State, () => folds.Snapshots.State, leases, recorder, tasks,
            Reconciliation, new AbortBackup(recorder, stores), new ChunkCalls(intake, faults, new ApiRouter(calls, Clock, NullLogger.Instance)), Clock);
        api = new ApiRouter(
            new SnapshotEndpoints(
                new GroupCalls(permissions, stores, () => folds.Datastores.State, () => folds.Snapshots.State, Clock), faults, leases, recorder, intake,
                new ForgetSnapshots(stores, () => folds.Snapshots.State, leases, recorder), tasks).Endpoints,
            Clock, NullLogger.Instance);
    }

    public MemoryLedger Ledger { get; }

    public Folds Folds { get; }

    public Datastore Store { get; }

    public OpenDatastore Open { get; }

    public Reconciliation Reconciliation { get; }

    /// <summary>As the host starts: folds, datastore, and the comparison of disk and ledger.</summary>
    public static async Task<SimulatedAppliance> StartAsync(Volume volume, MemoryLedger ledger)
    {
        var isNew = ledger.Head.Position == 0;
        if (isNew)
        {
            await AppendAsync(ledger, "auth:" + Admin, Event.Of(new UserCreated(Admin, true, 0, null), EventMetadata.System));
            await AppendAsync(ledger, "acl", Event.Of(new AccessGranted("/", Admin, Roles.Admin, true), EventMetadata.System));
            await AppendAsync(ledger, "datastore:main", Event.Of(new DatastoreCreated("main", "main", null), EventMetadata.System));
        }

        var folds = new Folds(ledger, null, Clock, _ => { });
        await folds.Set.StartAsync();
        var appliance = new SimulatedAppliance(
            ledger, folds, isNew ? Datastore.Create(volume, Options) : Datastore.Open(volume, Options));
        await appliance.Reconciliation.ReconcileStoreAsync(appliance.Open);
        return appliance;
    }

    /// <summary>A copy of a ledger up to a position: what was committed when the power went.</summary>
    public static async Task<MemoryLedger> CopyAsync(MemoryLedger ledger, long upTo)
    {
        var copy = new MemoryLedger(Clock);
        await foreach (var one in ledger.ReadAsync())
        {
            if (one.Position > upTo)
            {
                break;
            }

            await AppendAsync(copy, one.Stream, new NewEvent(one.Type, one.Data, one.Metadata, one.TimeUs));
        }

        return copy;
    }

    public Task<IUpgradedSession> OpenSessionAsync(GroupKey group, long time) => opening.OpenAsync(
        new SessionWish(group, time, new Caller(Admin, "127.0.0.1"), Benchmark: false, opening.Protocol), CancellationToken.None);

    /// <summary>A call of the API as the admin; its status.</summary>
    public async Task<int> CallAsync(string method, string pathAndQuery)
    {
        var exchange = new MemoryExchange(method, "/api2/json" + pathAndQuery, []);
        await api.ServeApiAsync(exchange, _ => ValueTask.FromResult<object?>(new Caller(Admin, "127.0.0.1")));
        return exchange.Status;
    }

    public async ValueTask DisposeAsync()
    {
        await deferred.DisposeAsync();
        await Folds.Set.DisposeAsync();
        Store.Dispose();
        await Ledger.DisposeAsync();
    }

    private static Task AppendAsync(MemoryLedger ledger, string stream, NewEvent one) =>
        ledger.AppendAsync(new Append(stream, ExpectedVersion.Any, [one]));
}
