// DELETE snapshots: one snapshot goes, with PBS's texts; the work is ForgetSnapshots'.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Forgets one snapshot.</summary>
public sealed class ForgetSnapshot(GroupCalls calls, ForgetSnapshots forgetting)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("DELETE", GroupCalls.Root + "snapshots", GroupCalls.SnapshotParameters, ForgetAsync)];

    private async ValueTask<ApiResult> ForgetAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreModify, Privileges.DatastorePrune, writing: true);
        var time = call.Parameters.Integer("backup-time");
        ForgetOutcome outcome;
        try
        {
            outcome = await forgetting.RunAsync([(at.Key, time)], at.Caller.Because("DELETE snapshots")).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }

        var problem = outcome.Removed.Count > 0 ? null
            : outcome.Protected.Concat(outcome.Failed).FirstOrDefault()?.Why
            ?? (outcome.Busy.Count > 0 ? $"unable to acquire lock on snapshot '{at.Key.SnapshotPath(time)}' - {outcome.Busy[0].Why}"
                : $"removing backup snapshot \\\"{calls.PathOf(at.Key)}/{GroupKey.TimeText(time)}\\\" failed - No such file or directory (os error 2)");
        return problem is null ? ApiResult.Null : ApiResult.Error($"failed to delete snapshot - \"{problem}\"");
    }
}
