// GET and PUT group-notes: read from the fold; written into the ledger, then into the group's notes file.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Notes of groups.</summary>
public sealed class GroupNotes(GroupCalls calls, Leases leases, Recorder recorder)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", GroupCalls.Root + "group-notes", GroupCalls.GroupParameters, Get),
        new("PUT", GroupCalls.Root + "group-notes", GroupCalls.GroupParameters.With(SnapshotNotes.Notes), PutAsync),
    ];

    private ValueTask<ApiResult> Get(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreAudit, Privileges.DatastoreBackup);
        return ValueTask.FromResult(ApiResult.String(at.Group?.Notes ?? ""));
    }

    private async ValueTask<ApiResult> PutAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreModify, Privileges.DatastoreBackup, writing: true);
        var (key, notes) = (at.Key, call.Parameters.Text("notes"));
        if (at.Group is null)
        {
            return ApiResult.Error("failed to set group notes - Error {\n    context: \"failed to replace group notes file\",\n    source: "
                + $"\"mkstemp \\\"{calls.PathOf(key)}/notes.tmp_XXXXXX\\\" failed: {GroupCalls.NotFound}\",\n}}");
        }

        using var lease = leases.TryGroup(key)
            ?? throw new ApiException($"failed to set group notes - unable to acquire lock on backup group '{key}'");
        if (at.Store.Doubtful.Contains(key))
        {
            return ApiResult.Error($"failed to set group notes - {DoubtfulGroups.Text}");
        }

        if ((calls.Snapshots.Find(key)?.Notes ?? "") == notes)
        {
            return ApiResult.Null;
        }

        try
        {
            var because = at.Caller.Because("PUT group-notes");
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any,
                [Event.Of(new GroupNotesChanged(key.Store, key.Ns, key.BackupType, key.BackupId, notes, Discovered: false), because)],
                default, CancellationToken.None).ConfigureAwait(false);
            at.Store.Bytes.SetGroupNotes(key.Namespace, key.Group, notes);
            await recorder.NoteUnlessAwayAsync(key.Stream, new GroupSettled(key.Store, key.Ns, key.BackupType, key.BackupId, [], Group: true), because)
                .ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }
}
