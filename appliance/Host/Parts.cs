// The graph of parts above ledger and disk, made once: the same for the running appliance and for tests that put it on a ledger in memory and a simulated
// disk. It opens nothing and starts nothing; what it lacks is handed to it as Foundations. A slice is added here, and only here.
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Alarms;
using Holdfast.Features.Audit;
using Holdfast.Features.Backup;
using Holdfast.Features.Box;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.GarbageCollection;
using Holdfast.Features.Namespaces;
using Holdfast.Features.Metrics;
using Holdfast.Features.Network;
using Holdfast.Features.Node;
using Holdfast.Features.Prune;
using Holdfast.Features.Restore;
using Holdfast.Features.Schedules;
using Holdfast.Features.Sessions;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>What the parts stand on.</summary>
/// <param name="TicketKey">Signs tickets; at least 32 secret bytes.</param>
/// <param name="InstanceId">Stable id of this appliance, a UUID.</param>
/// <param name="TaskLogs">Takes the logs of tasks.</param>
/// <param name="PasswordChanged">Told of every user whose password was changed.</param>
public sealed record Foundations(
    ApplianceSettings Settings, Folds Folds, Recorder Recorder, CredentialStore Credentials, byte[] TicketKey, string InstanceId,
    Volume TaskLogs, Action<string> PasswordChanged, TimeProvider Clock, ILogger Log)
{
    /// <summary>The privileged agent, where there is one.</summary>
    public IAgent Agent { get; init; } = new NoAgent();

    /// <summary>Checks passwords of realm pam: the agent, where there is one.</summary>
    public IPamAuthenticator Pam { get; init; } = new NoPamAgent();

    /// <summary>The UPS, where there is one.</summary>
    public Contracts.Power.IUps? Ups { get; init; }

    /// <summary>Where datastores lie.</summary>
    public IDatastoreFolders StoreFolders { get; init; } = new NoDatastoreFolders();

    /// <summary>What the box says of itself.</summary>
    public INodeSource Node { get; init; } = new UnknownNode();

    /// <summary>Keeps what is measured; null = only in memory.</summary>
    public Volume? Histories { get; init; }

    /// <summary>Takes bundles of updates.</summary>
    public Volume? Updates { get; init; }
}

/// <summary>The parts of an appliance, put together.</summary>
public sealed class Parts : IDisposable
{
    private readonly Foundations on;
    private readonly AccessParts access;
    private readonly Permissions permissions;
    private readonly StorageFaults faults;
    private readonly ChunkIntake intake;
    private readonly CorruptChunks corrupt;
    private readonly IReadOnlyList<JobKind> jobKinds;
    private readonly JobRuns jobRuns;
    private readonly CollectionSchedule collections;
    private readonly StoreParts storeParts;
    private readonly HardwareParts hardware;

    public Parts(Foundations on)
    {
        this.on = on;
        Acts = new AgentActs(on.Agent, on.Recorder);
        Network = new NetworkWatch(on.Agent, () => on.Folds.Network.State, on.Recorder);
        Stores = new DatastoreRegistry(on.Recorder, () => on.Folds.Datastores.State);
        Reconciliation = new Reconciliation(() => on.Folds.Snapshots.State, () => on.Folds.Datastores.State, on.Recorder, Leases);
        access = new AccessParts(() => on.Folds.Access.State, on.Credentials, on.Pam, new TicketSigner(on.TicketKey, on.Clock), on.Recorder,
            on.PasswordChanged, on.Clock);
        permissions = access.Permissions;
        faults = new StorageFaults(Stores);
        Bytes = new BytesInFlight(on.Settings.BytesInFlight, on.Clock);
        Forgetting = new ForgetSnapshots(Stores, () => on.Folds.Snapshots.State, Leases, on.Recorder);
        corrupt = new CorruptChunks(() => on.Folds.Snapshots.State, () => on.Folds.BadChunks.State, on.Recorder);
        intake = new ChunkIntake(Bytes, corrupt);
        var taskIds = new TaskIds(ProcessIdentity.Node, ProcessIdentity.Pid, ProcessIdentity.StartTicks, on.Clock);
        Tasks = new TaskRunner(taskIds, new TaskLogs(on.TaskLogs, on.Clock), on.Recorder, on.Log);
        Pruning = new PruneDatastore(permissions, Stores, () => on.Folds.Datastores.State, () => on.Folds.Snapshots.State,
            () => on.Folds.Prunes.State, Forgetting, on.Recorder, on.Clock);
        Authenticator = access.MakeAuthenticator();
        Verify = new VerifySnapshots(permissions, Stores, () => on.Folds.Snapshots.State, Leases,
            new ManifestUpdate(Leases, on.Recorder), corrupt, on.Recorder, on.Clock);
        VerifyNew = new VerifyNew(() => on.Folds.Datastores.State, Tasks, Verify, on.Log);
        Torn = new TornChunks(() => on.Folds.Snapshots.State, corrupt, on.Recorder);
        CollectGarbage = new CollectGarbage(Stores, Leases, corrupt, on.Recorder, on.Clock);
        collections = new CollectionSchedule(() => on.Folds.Jobs.State, () => on.Folds.Datastores.State, on.Clock);
        storeParts = new StoreParts(on, permissions, Stores, Reconciliation, Leases, Tasks);
        Starting = new DatastoreOpening(storeParts.Opening, Stores, Reconciliation, on.Clock, on.Log);
        Gate = new SessionGate(Authenticator, Sessions(), on.Settings.SessionsMax);
        hardware = new HardwareParts(on, permissions, Stores, corrupt, Acts, Tasks, storeParts.Creating, Gate, Starting);
        jobKinds = [new PruneJobs(Pruning), new VerifyJobs(Verify), .. hardware.JobKinds];
        jobRuns = new JobRuns(jobKinds, Tasks, on.Clock);
        Endpoints = [.. access.Endpoints(), .. NodeEndpoints(), .. StoreEndpoints(), .. JobEndpoints(), .. hardware.Endpoints];
        Api = new ApiRouter(Endpoints, on.Clock, on.Log);
    }

    public DatastoreRegistry Stores { get; }

    public Reconciliation Reconciliation { get; }

    public Leases Leases { get; } = new();

    /// <summary>The one way by which snapshots go.</summary>
    public ForgetSnapshots Forgetting { get; }

    /// <summary>Prune: what jobs start, and what a start goes on with.</summary>
    public PruneDatastore Pruning { get; }

    /// <summary>What changes hardware or system goes through here.</summary>
    public AgentActs Acts { get; }

    /// <summary>Follows changes of the network to their end.</summary>
    public NetworkWatch Network { get; }

    /// <summary>Opens datastores that are configured.</summary>
    public DatastoreOpening Starting { get; }

    /// <summary>Exports and mounts.</summary>
    public Features.Nfs.NfsWatch Nfs => hardware.Nfs;

    /// <summary>How datastores are opened.</summary>
    public StoreOpening Opening => storeParts.Opening;

    /// <summary>The end of datastores: what a start goes on with.</summary>
    public RemoveDatastore Removing => storeParts.Removing;

    /// <summary>What is measured of node and datastores.</summary>
    public Sampler Sampler => storeParts.Sampler;

    /// <summary>Tells when a datastore fills up.</summary>
    public SpaceWatch Space => storeParts.Space;

    /// <summary>Looks at the pools.</summary>
    public Features.Pools.PoolWatch Pools => hardware.Pools;

    /// <summary>Looks at the UPS.</summary>
    public Features.Power.PowerWatch Power => hardware.Power;

    /// <summary>Switches the machine off in good order.</summary>
    public Features.Power.OrderedStop Stop => hardware.Stop;

    /// <summary>Keeps the panel showing what is.</summary>
    public Features.Panel.PanelWatch Panel => hardware.Panel;

    /// <summary>Looks at the machine's sensors.</summary>
    public Features.Sensors.SensorWatch Sensors => hardware.Sensors;

    /// <summary>Looks at the versions of the appliance.</summary>
    public Features.Updates.UpdateWatch Updates => hardware.Updates;

    /// <summary>Looks at the disks.</summary>
    public Features.Disks.DiskWatch Disks => hardware.Disks;

    /// <summary>Text for scrapers.</summary>
    public MetricEndpoints Metrics => storeParts.Metrics;

    public RefusedLogins Refused => access.Refused;

    public BytesInFlight Bytes { get; }

    public TaskRunner Tasks { get; }

    public VerifySnapshots Verify { get; }

    /// <summary>Verifies backups right after they finished.</summary>
    public VerifyNew VerifyNew { get; }

    /// <summary>Reads back what an unclean end may have torn.</summary>
    public TornChunks Torn { get; }

    public CollectGarbage CollectGarbage { get; }

    public Authenticator Authenticator { get; }

    /// <summary>Everything below <c>/api2/json</c>, as the router has it. The permission matrix has a row for each.</summary>
    public IReadOnlyList<ApiEndpoint> Endpoints { get; }

    /// <summary>Endpoints below <c>/api2</c>.</summary>
    public ApiRouter Api { get; }

    /// <summary>The door to sessions.</summary>
    public SessionGate Gate { get; }

    public void Dispose() => Bytes.Dispose();

    private IEnumerable<ApiEndpoint> NodeEndpoints() =>
    [
        .. new NodeEndpoints(on.InstanceId).Endpoints,
        .. new NetworkEndpoints(permissions, on.Node, Acts, Network, on.Recorder).Endpoints,
        .. new BoxEndpoints(permissions, on.Node, Acts, on.Recorder).Endpoints,
        .. new AnswerEndpoints(() => on.Folds.Answer.State, on.Recorder).Endpoints,
        .. new TaskEndpoints(permissions, Tasks, () => on.Folds.Tasks.State).Endpoints,
    ];

    private IEnumerable<ApiEndpoint> StoreEndpoints()
    {
        Func<DatastoresState> datastores = () => on.Folds.Datastores.State;
        Func<SnapshotsState> snapshots = () => on.Folds.Snapshots.State;
        var groups = new GroupCalls(permissions, Stores, datastores, snapshots, on.Clock);
        var move = new GroupMove(groups, Leases, on.Recorder, Reconciliation);
        return
        [
            .. storeParts.Endpoints,
            .. new DatastoreEndpoints(permissions, Stores, faults, datastores, snapshots, () => on.Folds.GarbageCollection.State).Endpoints,
            .. new GarbageCollectionEndpoints(
                permissions, Stores, datastores, () => on.Folds.GarbageCollection.State, CollectGarbage, Tasks, collections.Write).Endpoints,
            .. new NamespaceEndpoints(groups, faults, Leases, on.Recorder, Forgetting, Tasks, move).Endpoints,
            .. new SnapshotEndpoints(groups, faults, Leases, on.Recorder, intake, Forgetting, Tasks, move).Endpoints,
            .. new VerifyEndpoints(permissions, Stores, datastores, snapshots, Tasks, Verify).Endpoints,
            .. new AlarmEndpoints(permissions, () => on.Folds.Alarms.State, on.Recorder).Endpoints,
            .. new PruneEndpoints(permissions, Stores, faults, snapshots, Pruning, Tasks).Endpoints,
            .. new ArchiveEndpoints(
                new SnapshotArchives(permissions, Stores, snapshots, Leases), Stores, faults, corrupt, on.Recorder, on.Clock).Endpoints,
        ];
    }

    private IEnumerable<ApiEndpoint> JobEndpoints() => jobKinds.SelectMany(kind =>
        new JobEndpoints(kind, permissions, () => on.Folds.Jobs.State, jobRuns, on.Recorder, on.Clock).Endpoints);

    /// <summary>Starts what is due; not started yet.</summary>
    public Scheduler MakeScheduler() => new(
        new ScheduleFacts(() => on.Folds.Jobs.State, () => on.Folds.Datastores.State, () => on.Folds.BackupWindows.State),
        jobRuns, collections, CollectGarbage.RunAsync, Tasks, on.Recorder.Ledger, on.Clock, on.Log);

    private List<ISessionKind> Sessions()
    {
        Func<SnapshotsState> snapshots = () => on.Folds.Snapshots.State;
        var finish = new FinishBackup(on.Recorder, on.Clock, on.Settings.LedgerPatience, corrupt,
            session => VerifyNew.Finished(session.Group, session.BackupTime, session.Caller));
        var writing = new BackupCalls(intake, finish, corrupt).Endpoints
            .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<BackupSession>().Store));
        var reading = new ReaderCalls(Bytes).Endpoints
            .Select(endpoint => faults.Guard(endpoint, call => call.CallerAs<ReaderSession>().Store));
        return
        [
            new BackupOpening(permissions, Stores, () => on.Folds.Datastores.State, snapshots, Leases, on.Recorder, Tasks, Reconciliation,
                new AbortBackup(on.Recorder, Stores), new ChunkCalls(intake, faults, new ApiRouter(writing, on.Clock, on.Log)), on.Clock),
            new ReaderOpening(permissions, Stores, snapshots, Leases, on.Recorder, Tasks, new ApiRouter(reading, on.Clock, on.Log), on.Clock, corrupt),
        ];
    }
}
