// GET files and GET download: what a snapshot holds, and its bytes as they lie on disk.
using Holdfast.Features.Access;
using Holdfast.Features.Restore;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Files of a snapshot.</summary>
public sealed class SnapshotFiles(GroupCalls calls, Leases leases)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", GroupCalls.Root + "files", GroupCalls.SnapshotParameters, ListFiles),
        new("GET", GroupCalls.Root + "download", GroupCalls.SnapshotParameters.With(PbsSchema.FileName()), DownloadAsync) { Kind = ApiKind.Stream },
    ];

    private ValueTask<ApiResult> ListFiles(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreAudit | Privileges.DatastoreRead, Privileges.DatastoreBackup);
        var time = call.Parameters.Integer("backup-time");
        if (!at.Has(time))
        {
            return ValueTask.FromResult(ApiResult.Error(GroupCalls.NotFound));
        }

        return ValueTask.FromResult(ReadableManifest.Refuse(calls, at, time, out var snapshot) is { } refusal
            ? ApiResult.Error(refusal)
            : ApiResult.Data(json => SnapshotJson.WriteFiles(json, snapshot!)));
    }

    private async ValueTask<ApiResult> DownloadAsync(ApiCall call)
    {
        var at = calls.Enter(call, Privileges.DatastoreRead, Privileges.DatastoreBackup);
        var time = call.Parameters.Integer("backup-time");

        // Of an unfinished snapshot nothing is known that a file could be checked against; a blob's own checksum is.
        var content = at.Finished(time)?.Content
            ?? (at.Group?.Unfinished.ContainsKey(time) is true ? new SnapshotContent([], null, null, null, null, false) : null)
            ?? throw new ApiException(GroupCalls.NotFound);
        using var lease = leases.TryShare(at.Key, time)
            ?? throw new ApiException($"unable to acquire lock on snapshot '{at.Key.SnapshotPath(time)}' - it is being removed");
        var name = call.Parameters.Text("file-name");
        try
        {
            var folder = at.Store.Bytes.OpenSnapshot(at.Key.Namespace, at.Key.At(time));
            await FileDownload.SendAsync(call.Exchange, folder, content, name).ConfigureAwait(false);
            return ApiResult.Written.Instance;
        }
        catch (VolumeException error) when (error.Error == VolumeError.NotFound)
        {
            return ApiResult.Error($"File open failed: {name}: No such file or directory (os error 2)");
        }
    }
}

/// <summary>What needs a manifest asks here first: the ledger answers for it, unless it could not be read when it was found.</summary>
internal static class ReadableManifest
{
    /// <summary>PBS's text where there is no manifest, or none that can be read; null, and the snapshot, where all is well.</summary>
    public static string? Refuse(GroupCalls calls, GroupCall at, long backupTime, out Snapshot? snapshot)
    {
        snapshot = at.Finished(backupTime);
        if (snapshot is null)
        {
            return calls.NoManifest(at.Key, backupTime);
        }

        if (snapshot.Content.ManifestBytes() is not null)
        {
            return null;
        }

        var folder = at.Store.Bytes.OpenSnapshot(at.Key.Namespace, at.Key.At(backupTime));
        try
        {
            folder.ReadManifest();
            return null;
        }
        catch (CorruptDataException error)
        {
            var size = folder.ListFiles().Find(file => file.Name == SnapshotJson.ManifestName).SizeBytes;
            return calls.NoManifest(
                at.Key, backupTime, size < DataBlob.PlainHeaderSize ? $"blob too small ({size} bytes)." : error.Reason);
        }
    }
}
