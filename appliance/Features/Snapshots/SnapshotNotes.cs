// GET and PUT notes of a snapshot: read from the fold; written into the ledger, then into the manifest's unprotected part.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Notes of snapshots.</summary>
public sealed class SnapshotNotes(GroupCalls calls, Leases leases, ManifestUpdate manifests)
{
    /// <summary>Most characters of notes: an event holds them, and events have their bounds.</summary>
    public const int MaxChars = GroupComparison.NotesCharsMax;

    public static readonly Parameter Notes = Parameter.Text("notes") with { MaxLength = MaxChars };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", GroupCalls.Root + "notes", GroupCalls.SnapshotParameters, Get),
        new("PUT", GroupCalls.Root + "notes", GroupCalls.SnapshotParameters.With(Notes), PutAsync),
    ];

    private ValueTask<ApiResult> Get(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreAudit, Privileges.DatastoreBackup);
        return ValueTask.FromResult(ReadableManifest.Refuse(calls, at, call.Parameters.Integer("backup-time"), out var snapshot) is { } refusal
            ? ApiResult.Error(refusal)
            : ApiResult.String(snapshot!.Content.Comment ?? ""));
    }

    private async ValueTask<ApiResult> PutAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreModify, Privileges.DatastoreBackup, writing: true);
        var (key, time, notes) = (at.Key, call.Parameters.Integer("backup-time"), call.Parameters.Text("notes"));
        const string problem = "unable to update manifest blob - ";
        if (ReadableManifest.Refuse(calls, at, time, out var snapshot) is { } refusal)
        {
            return ApiResult.Error(problem + refusal);
        }

        using var lease = leases.TryShare(key, time)
            ?? throw new ApiException($"{problem}unable to acquire lock on snapshot '{key.SnapshotPath(time)}' - it is being removed");
        if ((snapshot!.Content.Comment ?? "") == notes)
        {
            return ApiResult.Null;
        }

        try
        {
            await manifests.RunAsync(at.Store, key, time, manifest => manifest.Notes = notes, bytes => Event.Of(
                new SnapshotNotesChanged(key.Store, key.Ns, key.BackupType, key.BackupId, time, notes, bytes),
                at.Caller.Because("PUT notes"))).ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
        catch (Exception error) when (error is CorruptDataException or RefusedException)
        {
            return ApiResult.Error(problem + error.Message);
        }
    }
}
