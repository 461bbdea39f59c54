// POST upload-backup-log: the client's log, once, beside a finished snapshot.
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Takes the client's log.</summary>
public sealed class UploadLog(GroupCalls calls, Leases leases, Recorder recorder, ChunkIntake intake)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
        [new("POST", GroupCalls.Root + "upload-backup-log", GroupCalls.SnapshotParameters, UploadLogAsync) { Kind = ApiKind.Stream }];

    private async ValueTask<ApiResult> UploadLogAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.None, Privileges.DatastoreBackup, writing: true);
        var snapshot = at.Finished(call.Parameters.Integer("backup-time")) ?? throw new ApiException(GroupCalls.NotFound);
        var length = call.Exchange.BodyLengthBytes;
        if (length is not (>= DataBlob.PlainHeaderSize and <= BytesInFlight.LargeBytes))
        {
            return ApiResult.Error(length is null ? "the log's length must be announced" : "the log is too small or too large");
        }

        var key = at.Key;
        IDisposable? lease = null;
        try
        {
            var refusal = await intake.WithBlobAsync(call.Exchange, (int)length, raw =>
            {
                // Only now: a slow client keeps nobody from removing the snapshot, and one that is removed meanwhile gets no log.
                lease = leases.TryShare(key, snapshot.BackupTime);
                if (lease is null || calls.Snapshots.Find(key)?.Snapshots.GetValueOrDefault(snapshot.BackupTime) is not { Missing: false })
                {
                    return $"snapshot {key.SnapshotPath(snapshot.BackupTime)} is being removed or moved";
                }

                at.Store.Bytes.OpenSnapshot(key.Namespace, key.At(snapshot.BackupTime)).WriteClientLog(raw);
                return null;
            }).ConfigureAwait(false);
            if (refusal is not null)
            {
                return ApiResult.Error(refusal);
            }

            await recorder.NoteAsync(key.Stream,
                new BackupLogUploaded(key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime, length.Value),
                at.Caller.Because("POST upload-backup-log")).ConfigureAwait(false);
            return ApiResult.Null;
        }
        finally
        {
            lease?.Dispose();
        }
    }
}
