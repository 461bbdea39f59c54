// What the appliance knows of its hardware and does with it, put together for Parts.
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Datastores;
using Holdfast.Features.Disks;
using Holdfast.Features.Pools;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Wire;

namespace Holdfast.Host;

/// <summary>Pools and disks, for <see cref="Parts"/>.</summary>
internal sealed class HardwareParts
{
    public HardwareParts(
        Foundations on, Permissions permissions, DatastoreRegistry stores, CorruptChunks corrupt, AgentActs acts, TaskRunner tasks, CreateDatastore createStore)
    {
        Pools = new PoolWatch(on.Agent, () => on.Folds.Pools.State, stores, () => on.Folds.Datastores.State, on.StoreFolders, corrupt, on.Recorder);
        Disks = new DiskWatch(on.Agent, () => on.Folds.Disks.State, on.Recorder);
        var work = new PoolTasks(acts, Pools, createStore.MakeAsync, on.Clock);
        Endpoints =
        [
            .. new PoolEndpoints(permissions, Pools, work, acts, tasks, () => "there is no UPS").Endpoints,
            .. new DiskEndpoints(permissions, Disks, () => on.Folds.Disks.State, acts).Endpoints,
        ];
    }

    public PoolWatch Pools { get; }

    public DiskWatch Disks { get; }

    public IReadOnlyList<ApiEndpoint> Endpoints { get; }
}
