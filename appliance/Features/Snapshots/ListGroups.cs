// GET groups: newest backup, count, owner and notes of each group of a namespace (pbs-protocol.md 4.2), from the fold.
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>The list of groups.</summary>
public sealed class ListGroups(GroupCalls calls)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("GET", GroupCalls.Root + "groups", new(PbsSchema.Store(), PbsSchema.Namespace()), List)];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        if (calls.RefuseList(call, out var store, out var ns, out var ownOnly) is { } refusal)
        {
            return ValueTask.FromResult(refusal);
        }

        var caller = call.CallerAs<Caller>();
        var groups = calls.Snapshots.In(store, ns).Values
            .Where(group => group.ListedCount > 0 && (!ownOnly || Ownership.Is(group.Owner, caller.AuthId))).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            groups.ForEach(group => SnapshotJson.WriteGroup(json, group));
            json.WriteEndArray();
        }));
    }
}
