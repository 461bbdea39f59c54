// The calls of this slice, put together: lists, files, notes, protection, owner, removal, moves (pbs-protocol.md 4.2). A file a verb beside.
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Endpoints on groups and snapshots.</summary>
public sealed class SnapshotEndpoints(
    GroupCalls calls, StorageFaults faults, Leases leases, Recorder recorder, ChunkIntake intake, ForgetSnapshots forgetting, TaskRunner tasks,
    GroupMove move)
{
    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints => new[]
    {
        new ListSnapshots(calls).Endpoints,
        new ListGroups(calls).Endpoints,
        new SnapshotFiles(calls, leases).Endpoints,
        new UploadLog(calls, leases, recorder, intake).Endpoints,
        new ForgetSnapshot(calls, forgetting).Endpoints,
        new ForgetGroup(calls, leases, forgetting).Endpoints,
        new SnapshotNotes(calls, leases, new ManifestUpdate(leases, recorder)).Endpoints,
        new GroupNotes(calls, leases, recorder).Endpoints,
        new SnapshotProtection(calls, leases, recorder).Endpoints,
        new ChangeOwner(calls, leases, recorder).Endpoints,
        new MoveGroup(calls, move, tasks).Endpoints,
    }.SelectMany(endpoints => endpoints).Select(endpoint => faults.Guard(endpoint, call => calls.Stores.Find(call.Parameters.Text("store"), out _)));
}
