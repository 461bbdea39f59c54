// POST change-owner: who may give which group to whom (pbs-protocol.md 4.2, 1.8), decided purely; then ledger, then owner file.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Changes owners of groups.</summary>
public sealed class ChangeOwner(GroupCalls calls, Leases leases, Recorder recorder)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("POST", GroupCalls.Root + "change-owner", GroupCalls.GroupParameters.With(PbsSchema.AuthId("new-owner")), ChangeAsync)];

    /// <summary>May a caller without Datastore.Modify do this? Only among a user and that user's own tokens, and only the user.</summary>
    public static bool MayMove(string caller, string owner, string newOwner)
    {
        var (ownerUser, newUser) = (UserOf(owner), UserOf(newOwner));
        return (ownerUser is null, newUser is null) switch
        {
            (false, false) => ownerUser == newUser && ownerUser == caller,
            (false, true) => ownerUser == caller && newOwner == caller,
            (true, false) => owner == caller && newUser == caller,
            (true, true) => false,
        };
    }

    private async ValueTask<ApiResult> ChangeAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var key = new GroupKey(call.Parameters.Text("store"), GroupCalls.Namespace(call.Parameters.OptionalText("ns") ?? "").Text,
            call.Parameters.Text("backup-type"), call.Parameters.Text("backup-id"));
        var newOwner = call.Parameters.Text("new-owner");
        var isLimited = calls.IsLimited(caller, key.AclPath, Privileges.DatastoreModify, Privileges.DatastoreBackup);
        var store = calls.Store(key.Store, writing: true);
        if (calls.Snapshots.Find(key) is not { IsEmpty: false } group)
        {
            throw calls.NoOwner(key);
        }

        if (isLimited && !MayMove(caller.AuthId, group.Owner, newOwner))
        {
            return ApiResult.Error(401, $"{caller.AuthId} does not have permission to change owner of backup group '{key}' to {newOwner}");
        }

        if (!calls.Permissions.State.IsActive(newOwner, calls.NowSeconds))
        {
            return ApiResult.Error($"{(UserOf(newOwner) is null ? "user" : "API token")} '{newOwner}' is inactive or non-existent");
        }

        using var lease = leases.TryGroup(key)
            ?? throw new ApiException($"while setting the owner of group '{key}': unable to acquire lock - a backup or prune of it is running");
        if (store.Doubtful.Contains(key))
        {
            return ApiResult.Error($"while setting the owner of group '{key}': {DoubtfulGroups.Text}");
        }

        if (calls.Snapshots.Find(key)?.Owner != group.Owner)
        {
            return ApiResult.Error($"{group.Owner} does not own this group anymore");
        }

        if (group.Owner == newOwner)
        {
            return ApiResult.Null;
        }

        try
        {
            var because = caller.Because("POST change-owner");
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any,
                [Event.Of(new GroupOwnerChanged(key.Store, key.Ns, key.BackupType, key.BackupId, group.Owner, newOwner, Discovered: false), because)],
                default, CancellationToken.None).ConfigureAwait(false);
            store.Bytes.SetOwner(key.Namespace, key.Group, newOwner);
            await recorder.NoteUnlessAwayAsync(key.Stream, new GroupSettled(key.Store, key.Ns, key.BackupType, key.BackupId, [], Group: true), because)
                .ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }

    /// <summary>The user of a token; null if the id is a user itself.</summary>
    private static string? UserOf(string authId) =>
        AccessState.TokenSeparator(authId) is var bang and >= 0 ? authId[..bang] : null;
}
