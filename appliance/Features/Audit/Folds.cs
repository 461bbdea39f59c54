// The one list of folds: the appliance answers from them, and the command line rebuilds and compares the same set.
using Holdfast.Features.Access;
using Holdfast.Features.Alarms;
using Holdfast.Features.Box;
using Holdfast.Features.Datastores;
using Holdfast.Features.Disks;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Prune;
using Holdfast.Features.Schedules;
using Holdfast.Features.GarbageCollection;
using Holdfast.Features.Network;
using Holdfast.Features.Nfs;
using Holdfast.Features.Sensors;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Updates;
using Holdfast.Features.Verify;
using Holdfast.Ledger;

namespace Holdfast.Features.Audit;

/// <summary>Every fold of the appliance, fed by one read of the ledger. The command line rebuilds the same set.</summary>
public sealed class Folds
{
    public Folds(ILedger ledger, string? folder, TimeProvider clock, Action<string> log)
    {
        Set = new ProjectionSet(ledger, folder, clock, log);
        Access = Set.Add(new AccessFold());
        Datastores = Set.Add(new DatastoresFold());
        Space = Set.Add(new SpaceFold());
        Snapshots = Set.Add(new SnapshotsFold());
        Tasks = Set.Add(new TasksFold());
        Jobs = Set.Add(new JobsFold());
        BackupWindows = Set.Add(new BackupWindowsFold());
        BadChunks = Set.Add(new BadChunksFold());
        Prunes = Set.Add(new PrunesFold());
        GarbageCollection = Set.Add(new GarbageCollectionFold());
        Network = Set.Add(new NetworkFold());
        Answer = Set.Add(new AnswerFold());
        Alarms = Set.Add(new AlarmsFold());
        Pools = Set.Add(new PoolsFold());
        Disks = Set.Add(new DisksFold());
        Power = Set.Add(new PowerFold());
        Updates = Set.Add(new UpdateFold());
        Sensors = Set.Add(new SensorsFold());
        Nfs = Set.Add(new NfsFold());
    }

    public ProjectionSet Set { get; }

    public Projection<AccessState> Access { get; }

    public Projection<DatastoresState> Datastores { get; }

    /// <summary>Which thresholds of use have been told of.</summary>
    public Projection<SpaceState> Space { get; }

    public Projection<SnapshotsState> Snapshots { get; }

    public Projection<TasksState> Tasks { get; }

    public Projection<JobsState> Jobs { get; }

    public Projection<BackupWindowsState> BackupWindows { get; }

    public Projection<BadChunksState> BadChunks { get; }

    public Projection<PrunesState> Prunes { get; }
    public Projection<GarbageCollectionState> GarbageCollection { get; }

    /// <summary>Which change of the network is open.</summary>
    public Projection<NetworkState> Network { get; }

    /// <summary>Which answer file was applied.</summary>
    public Projection<AnswerState> Answer { get; }

    public Projection<AlarmsState> Alarms { get; }

    /// <summary>Pools as they were last told of.</summary>
    public Projection<PoolsState> Pools { get; }

    /// <summary>Disks as they were last told of.</summary>
    public Projection<DisksState> Disks { get; }

    /// <summary>Mains, UPS, ordered stops.</summary>
    public Projection<PowerState> Power { get; }

    /// <summary>Versions of the appliance.</summary>
    public Projection<UpdateState> Updates { get; }

    /// <summary>Temperatures, memory, links, clock.</summary>
    public Projection<SensorsState> Sensors { get; }

    /// <summary>What is exported, what is mounted.</summary>
    public Projection<NfsState> Nfs { get; }
}
