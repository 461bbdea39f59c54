// GET and PUT protected: a protected snapshot is never removed by prune, by sync or by hand until it is released. Read from the fold; written into the ledger,
// then as a marker beside the manifest.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Protection of snapshots.</summary>
public sealed class SnapshotProtection(GroupCalls calls, Leases leases, Recorder recorder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", GroupCalls.Root + "protected", GroupCalls.SnapshotParameters, Get),
        new("PUT", GroupCalls.Root + "protected",
            GroupCalls.SnapshotParameters.With(Parameter.Boolean("protected") with { Optional = false }), PutAsync),
    ];

    private ValueTask<ApiResult> Get(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreAudit, Privileges.DatastoreBackup);
        var isProtected = IsProtected(at.Group, call.Parameters.Integer("backup-time"));
        return ValueTask.FromResult(ApiResult.Data(json => json.WriteBooleanValue(isProtected is true)));
    }

    private async ValueTask<ApiResult> PutAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreModify, Privileges.DatastoreBackup, writing: true);
        var (key, time, wanted) = (at.Key, call.Parameters.Integer("backup-time"), call.Parameters.Flag("protected"));
        if (!at.Has(time))
        {
            return ApiResult.Error($"snapshot {key.SnapshotPath(time)} does not exist!");
        }

        // A share keeps it from being removed, which is all that must not happen meanwhile; restores and verification may go on.
        using var lease = leases.TryShare(key, time);
        using var turn = lease is null ? null : await leases.LockManifestAsync(key, time, Patience).ConfigureAwait(false);
        if (turn is null || IsProtected(calls.Snapshots.Find(key), time) is not { } present)
        {
            return ApiResult.Error($"unable to acquire lock on snapshot '{key.SnapshotPath(time)}' - it is in use");
        }

        if (present == wanted)
        {
            return ApiResult.Null;
        }

        try
        {
            var because = at.Caller.Because("PUT protected");
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any,
                [Event.Of(new SnapshotProtectionChanged(key.Store, key.Ns, key.BackupType, key.BackupId, time, wanted, Discovered: false), because)],
                default, CancellationToken.None).ConfigureAwait(false);
            at.Store.Bytes.OpenSnapshot(key.Namespace, key.At(time)).SetProtected(wanted);
            await recorder.NoteUnlessAwayAsync(key.Stream, new GroupSettled(key.Store, key.Ns, key.BackupType, key.BackupId, [time], Group: false), because)
                .ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }

    /// <summary>Null if there is no snapshot of that time whose protection could be asked.</summary>
    private static bool? IsProtected(GroupState? group, long backupTime) =>
        group?.Snapshots.GetValueOrDefault(backupTime) is { Missing: false } snapshot ? snapshot.Content.Protected
        : group?.Unfinished.GetValueOrDefault(backupTime)?.Protected;
}
