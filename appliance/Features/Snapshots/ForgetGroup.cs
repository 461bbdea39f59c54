// DELETE groups: all snapshots of a group go but the protected ones, and the group with them if none is left.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>How much a removal took away, as PBS counts.</summary>
public readonly record struct DeleteStats(int RemovedGroups, int RemovedSnapshots, int ProtectedSnapshots)
{
    public static DeleteStats operator +(DeleteStats left, DeleteStats right) => new(
        left.RemovedGroups + right.RemovedGroups, left.RemovedSnapshots + right.RemovedSnapshots, left.ProtectedSnapshots + right.ProtectedSnapshots);

    /// <summary>As an answer.</summary>
    public ApiResult ToResult()
    {
        var stats = this;
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("protected-snapshots", stats.ProtectedSnapshots);
            json.WriteNumber("removed-groups", stats.RemovedGroups);
            json.WriteNumber("removed-snapshots", stats.RemovedSnapshots);
            json.WriteEndObject();
        });
    }
}

/// <summary>Forgets whole groups.</summary>
public sealed class ForgetGroup(GroupCalls calls, Leases leases, ForgetSnapshots forgetting)
{
    /// <summary>What PBS says where protected snapshots stay.</summary>
    public const string Partially = "group only partially deleted due to protected snapshots";

    public static readonly Parameter ErrorOnProtected = Parameter.Boolean("error-on-protected");

    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("DELETE", GroupCalls.Root + "groups", GroupCalls.GroupParameters.With(ErrorOnProtected), ForgetAsync)];

    /// <summary>Removes all of a group that is not protected.</summary>
    /// <exception cref="ApiException">A backup of it runs, or a snapshot is in use: the others are gone.</exception>
    /// <exception cref="LedgerUnavailableException">The ledger went away: the rest stays.</exception>
    public async Task<DeleteStats> RunAsync(OpenDatastore store, GroupKey key, EventMetadata because)
    {
        using var lease = leases.TryGroup(key)
            ?? throw new ApiException($"unable to acquire lock on backup group '{key}' - another backup or prune of the group is running");
        var group = calls.Snapshots.Find(key);
        if (group is null or { IsEmpty: true })
        {
            return store.Bytes.GroupExists(key.Namespace, key.Group) && store.Bytes.RemoveGroupIfEmpty(key.Namespace, key.Group)
                ? new DeleteStats(1, 0, 0)
                : default;
        }

        List<(GroupKey, long)> which = [.. group.Snapshots.Keys.Concat(group.Unfinished.Keys).Order().Select(time => (key, time))];
        var outcome = await forgetting.RunAsync(which, because, options: new ForgetOptions(GroupsAreHeld: true)).ConfigureAwait(false);
        if (outcome.Busy.Concat(outcome.Failed).FirstOrDefault() is { } stays)
        {
            throw new ApiException($"unable to remove snapshot '{key.SnapshotPath(stays.BackupTime)}' - {stays.Why}");
        }

        var isGone = calls.Snapshots.Find(key) is null or { IsEmpty: true };
        return new DeleteStats(isGone ? 1 : 0, outcome.Removed.Count, outcome.Protected.Count);
    }

    private async ValueTask<ApiResult> ForgetAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreModify, Privileges.DatastorePrune, writing: true);
        if (at.Group is null && !at.Store.Bytes.GroupExists(at.Key.Namespace, at.Key.Group))
        {
            return ApiResult.Error($"read dir \"{calls.PathOf(at.Key)}\" - {GroupCalls.NotFound}");
        }

        try
        {
            var stats = await RunAsync(at.Store, at.Key, at.Caller.Because("DELETE groups")).ConfigureAwait(false);
            return stats.ProtectedSnapshots > 0 && call.Parameters.Flag("error-on-protected", otherwise: true)
                ? ApiResult.Error(Partially)
                : stats.ToResult();
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }
}
