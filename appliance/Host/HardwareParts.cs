// What the appliance knows of its hardware and does with it, put together for Parts.
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Datastores;
using Holdfast.Features.Disks;
using Holdfast.Features.Nfs;
using Holdfast.Features.Panel;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Schedules;
using Holdfast.Features.Sensors;
using Holdfast.Features.Sessions;
using Holdfast.Features.Tasks;
using Holdfast.Features.Updates;
using Holdfast.Features.Verify;
using Holdfast.Wire;

namespace Holdfast.Host;

/// <summary>Pools, disks, power, panel and versions, for <see cref="Parts"/>.</summary>
internal sealed class HardwareParts
{
    public HardwareParts(
        Foundations on, Permissions permissions, DatastoreRegistry stores, CorruptChunks corrupt, AgentActs acts, TaskRunner tasks, CreateDatastore createStore,
        SessionGate gate, DatastoreOpening opening)
    {
        Pools = new PoolWatch(on.Agent, () => on.Folds.Pools.State, stores, () => on.Folds.Datastores.State, on.StoreFolders, corrupt, on.Recorder);
        Disks = new DiskWatch(on.Agent, () => on.Folds.Disks.State, on.Recorder);
        Func<JobsState> jobs = () => on.Folds.Jobs.State;
        var work = new PoolTasks(acts, Pools, createStore.MakeAsync, new DefaultCare(jobs, on.Recorder).OfPoolAsync, on.Clock);
        var tests = new DiskTests(Disks, acts, Pools.PoolOf, on.Clock);
        JobKinds =
        [
            new ScrubJobs(work, Pools.StoresOn, Pools.IsPaused, stores => Scheduler.IsBackupTime(on.Folds.BackupWindows.State, tasks, stores,
                on.Clock.GetUtcNow().ToUnixTimeSeconds())),
            new SelfTestJobs(tests),
        ];
        var settings = on.Settings;
        Stop = new OrderedStop(gate, tasks, acts, on.Recorder, StopPolicy.Default with { Drain = settings.Drain }, on.Log);
        Power = new PowerWatch(on.Ups, settings.UpsName == "auto", () => on.Folds.Power.State, Stop, Pools, acts,
            new PowerPolicy(settings.StopBelowS, settings.OnBatteryMaxS), on.Recorder, on.Log);
        Panel = new PanelWatch(on.Agent, on.Folds, Stop, on.Recorder, on.Log);
        Updates = new UpdateWatch(on.Agent, () => on.Folds.Updates.State, on.Recorder);
        var upload = new UpdateUpload(on.Agent, Updates, on.Recorder, on.Updates);
        Sensors = new SensorWatch(on.Agent, () => on.Folds.Sensors.State, on.Recorder);
        Func<NfsState> nfs = () => on.Folds.Nfs.State;
        Nfs = new NfsWatch(acts, nfs, stores, () => on.Folds.Datastores.State, on.StoreFolders, opening.OpenLaterAsync, on.Recorder);
        Endpoints =
        [
            .. new PoolEndpoints(permissions, Pools, work, acts, tasks, Power.NotBridged).Endpoints,
            .. new DatasetEndpoints(permissions, Pools, acts, folder => nfs().ExportAt(folder)).Endpoints,
            .. new NfsEndpoints(permissions, Nfs, Pools, nfs).Endpoints,
            .. new DiskEndpoints(permissions, Disks, () => on.Folds.Disks.State, acts).Endpoints,
            .. new PowerEndpoints(permissions, Power, () => on.Folds.Power.State, Stop).Endpoints,
            .. new PanelEndpoints(permissions, Panel, on.Agent).Endpoints,
            .. new HardwareTestEndpoints(permissions, Panel, on.Agent, on.Recorder).Endpoints,
            .. new SensorEndpoints(permissions, Sensors, () => on.Folds.Sensors.State).Endpoints,
            .. new UpdateEndpoints(permissions, Updates, upload, () => on.Folds.Updates.State, acts, tasks, on.Recorder).Endpoints,
        ];
    }

    public PoolWatch Pools { get; }

    /// <summary>Jobs that look after the hardware.</summary>
    public IReadOnlyList<JobKind> JobKinds { get; }

    public DiskWatch Disks { get; }

    public PowerWatch Power { get; }

    public OrderedStop Stop { get; }

    public PanelWatch Panel { get; }

    public UpdateWatch Updates { get; }

    public SensorWatch Sensors { get; }

    public NfsWatch Nfs { get; }

    public IReadOnlyList<ApiEndpoint> Endpoints { get; }
}
