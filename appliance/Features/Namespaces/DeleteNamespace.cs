// DELETE namespace: with its empty children in any case, with its groups if asked; deepest first, so that what can go goes (pbs-protocol.md 4.2).
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>Removes namespaces.</summary>
public sealed class DeleteNamespace(NamespaceCalls calls, ForgetGroup groups)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("DELETE", NamespaceCalls.Path,
            new(PbsSchema.Store(), PbsSchema.Namespace() with { Optional = false }, Parameter.Boolean("delete-groups"), ForgetGroup.ErrorOnProtected),
            DeleteAsync),
    ];

    private async ValueTask<ApiResult> DeleteAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var (name, ns) = (call.Parameters.Text("store"), GroupCalls.Namespace(call.Parameters.Text("ns")));
        calls.RequireModify(caller, name, ns);
        var store = calls.Groups.Store(name, writing: true);
        var withGroups = call.Parameters.Flag("delete-groups");
        var tree = calls.Tree(name, ns);
        if (tree.Count == 0 && withGroups)
        {
            return ApiResult.Error(GroupCalls.NotFound);
        }

        try
        {
            var (removedAll, stats) = await RemoveAsync(store, tree, withGroups, caller.Because("DELETE namespace")).ConfigureAwait(false);
            return removedAll || !call.Parameters.Flag("error-on-protected", otherwise: true) ? stats.ToResult()
                : ApiResult.Error(withGroups ? ForgetGroup.Partially
                    : "only partially deleted due to existing groups but `delete-groups` not true");
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }

    private async Task<(bool RemovedAll, DeleteStats Stats)> RemoveAsync(
        OpenDatastore store, List<BackupNamespace> tree, bool withGroups, EventMetadata because)
    {
        var (removedAll, stats) = (true, default(DeleteStats));
        foreach (var ns in tree.OrderByDescending(ns => ns.Depth))
        {
            foreach (var group in calls.Groups.Snapshots.In(store.Name, ns.Text).Values.Where(group => withGroups && !group.IsEmpty))
            {
                stats += await groups.RunAsync(store, group.Key, because).ConfigureAwait(false);
            }

            removedAll &= await calls.RemoveEmptyAsync(store, ns, because).ConfigureAwait(false);
        }

        return (removedAll, stats);
    }
}
