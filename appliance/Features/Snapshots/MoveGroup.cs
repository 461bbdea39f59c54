// POST move-group: rights on both namespaces, what can be refused at once, and the task (PBS 4.2).
using Holdfast.Features.Access;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Starts moves of groups.</summary>
public sealed class MoveGroup(GroupCalls calls, GroupMove move, TaskRunner tasks)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", GroupCalls.Root + "move-group",
            GroupCalls.GroupParameters.With(PbsSchema.Namespace("target-ns"), Parameter.Boolean("merge-group")), MoveAsync),
    ];

    private async ValueTask<ApiResult> MoveAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var key = new GroupKey(call.Parameters.Text("store"), GroupCalls.Namespace(call.Parameters.OptionalText("ns") ?? "").Text,
            call.Parameters.Text("backup-type"), call.Parameters.Text("backup-id"));
        var targetNs = GroupCalls.Namespace(call.Parameters.OptionalText("target-ns") ?? "").Text;
        var isLimited = calls.IsLimited(caller, key.AclPath, Privileges.DatastoreModify, Privileges.DatastorePrune);
        isLimited |= calls.IsLimited(
            caller, GroupKey.DatastorePath(key.Store, targetNs), Privileges.DatastoreModify, Privileges.DatastoreBackup);
        var store = calls.Store(key.Store, writing: true);
        if (isLimited)
        {
            calls.RequireOwner(caller, key, calls.Snapshots.Find(key) is { IsEmpty: false } group ? group : null);
        }

        var merge = call.Parameters.Flag("merge-group", otherwise: true);
        if (move.Refuse(key, targetNs, merge) is { } refusal)
        {
            return ApiResult.Error(refusal);
        }

        var task = await tasks.StartAsync("move-group", $"{key.Store}:{key.Ns}/{key}:{targetNs}", caller, async running =>
        {
            switch (await move.RunAsync(running, store, key, targetNs, merge).ConfigureAwait(false))
            {
                case MoveOutcome.Busy busy:
                    throw new TaskFailedException(busy.Why);
                case MoveOutcome.Refused refused:
                    throw new TaskFailedException(refused.Why);
            }
        }, key.Store, key.Ns).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }
}
