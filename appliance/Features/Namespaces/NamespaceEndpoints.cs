// The calls of this slice, put together.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>Endpoints on namespaces.</summary>
public sealed class NamespaceEndpoints(
    GroupCalls groups, StorageFaults faults, Leases leases, Recorder recorder, ForgetSnapshots forgetting, TaskRunner tasks,
    GroupMove move)
{
    private readonly NamespaceCalls calls = new(groups, leases, recorder);

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints => new[]
    {
        new ListNamespaces(calls).Endpoints,
        new CreateNamespace(calls).Endpoints,
        new DeleteNamespace(calls, new ForgetGroup(groups, leases, forgetting)).Endpoints,
        new MoveNamespace(calls, move, tasks).Endpoints,
    }.SelectMany(endpoints => endpoints).Select(endpoint => faults.Guard(endpoint, call => groups.Stores.Find(call.Parameters.Text("store"), out _)));
}
