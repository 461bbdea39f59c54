// What clients ask around a backup: lists of groups, snapshots and files, downloads, the client's log, forget (pbs-protocol.md 4.2). Lists are answered from
// the fold: no manifest is read.
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Restore;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>Endpoints on groups and snapshots.</summary>
public sealed class SnapshotEndpoints(
    Permissions permissions, DatastoreRegistry stores, StorageFaults faults, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots,
    Leases leases, Recorder recorder, ChunkIntake intake)
{
    private const string Root = "/admin/datastore/{store}/";
    private const string NotFound = "ENOENT: No such file or directory";

    private static readonly ParameterSchema SnapshotParameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType(), PbsSchema.BackupId(), PbsSchema.BackupTime());

    private static readonly ParameterSchema ListParameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType().AsOptional(), PbsSchema.BackupId().AsOptional());

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints => new ApiEndpoint[]
    {
        new("GET", Root + "snapshots", ListParameters, List),
        new("DELETE", Root + "snapshots", SnapshotParameters, ForgetAsync),
        new("GET", Root + "groups", new(PbsSchema.Store(), PbsSchema.Namespace()), ListGroups),
        new("GET", Root + "files", SnapshotParameters, ListFiles),
        new("GET", Root + "download", SnapshotParameters.With(PbsSchema.FileName()), DownloadAsync) { Kind = ApiKind.Stream },
        new("POST", Root + "upload-backup-log", SnapshotParameters, UploadLogAsync) { Kind = ApiKind.Stream },
    }.Select(endpoint => faults.Guard(endpoint, call => stores.Find(call.Parameters.Text("store"), out _)));

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var (caller, store, ns) = Place(call);
        var path = GroupKey.DatastorePath(store, ns);
        var has = permissions.On(path, caller);
        if (RefuseList(call, caller, path, has, store, ns) is { } refusal)
        {
            return ValueTask.FromResult(refusal);
        }

        var type = call.Parameters.OptionalText("backup-type");
        var id = call.Parameters.OptionalText("backup-id");
        var ownOnly = (has & Privileges.DatastoreAudit) == 0;
        var items = new List<ReadOnlyMemory<byte>>();
        foreach (var (_, group) in snapshots().In(store, ns))
        {
            if ((type is null || group.Key.BackupType == type) && (id is null || group.Key.BackupId == id)
                && (!ownOnly || Ownership.Is(group.Owner, caller.AuthId)))
            {
                foreach (var (_, snapshot) in group.Snapshots)
                {
                    if (!snapshot.Missing)
                    {
                        items.Add(snapshot.ListItem(group.Key, group.Owner));
                    }
                }
            }
        }

        return ValueTask.FromResult(ApiResult.Array(items));
    }

    private ValueTask<ApiResult> ListGroups(ApiCall call)
    {
        var (caller, store, ns) = Place(call);
        var path = GroupKey.DatastorePath(store, ns);
        var has = permissions.On(path, caller);
        if (RefuseList(call, caller, path, has, store, ns) is { } refusal)
        {
            return ValueTask.FromResult(refusal);
        }

        var ownOnly = (has & Privileges.DatastoreAudit) == 0;
        var open = stores.Find(store, out _);
        var groups = snapshots().In(store, ns).Values
            .Where(group => group.Newest is not null && (!ownOnly || Ownership.Is(group.Owner, caller.AuthId))).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var group in groups)
            {
                SnapshotJson.WriteGroup(json, group, Notes(open, group.Key));
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> ListFiles(ApiCall call)
    {
        var (_, snapshot) = Find(call, Privileges.DatastoreAudit | Privileges.DatastoreRead, Privileges.DatastoreBackup);
        return ValueTask.FromResult(ApiResult.Data(json => SnapshotJson.WriteFiles(json, snapshot)));
    }

    private async ValueTask<ApiResult> DownloadAsync(ApiCall call)
    {
        var (group, snapshot) = Find(call, Privileges.DatastoreRead, Privileges.DatastoreBackup);
        using var lease = leases.TryShare(group.Key, snapshot.BackupTime)
            ?? throw new ApiException($"unable to acquire lock on snapshot '{group.Key.SnapshotPath(snapshot.BackupTime)}' - it is being removed");
        var name = call.Parameters.Text("file-name");
        try
        {
            await FileDownload.SendAsync(call.Exchange, Folder(group.Key, snapshot.BackupTime), snapshot.Content, name).ConfigureAwait(false);
            return ApiResult.Written.Instance;
        }
        catch (VolumeException error) when (error.Error == VolumeError.NotFound)
        {
            return ApiResult.Error($"File open failed: {name}: No such file or directory (os error 2)");
        }
    }

    private async ValueTask<ApiResult> UploadLogAsync(ApiCall call)
    {
        var (group, snapshot) = Find(call, Privileges.None, Privileges.DatastoreBackup);
        var length = call.Exchange.BodyLengthBytes;
        if (length is not (>= DataBlob.PlainHeaderSize and <= BytesInFlight.LargeBytes))
        {
            return ApiResult.Error(length is null ? "the log's length must be announced" : "the log is too small or too large");
        }

        var folder = Folder(group.Key, snapshot.BackupTime);
        var refusal = await intake.WithBlobAsync(call.Exchange, (int)length, raw =>
        {
            folder.WriteClientLog(raw);
            return null;
        }).ConfigureAwait(false);
        if (refusal is not null)
        {
            return ApiResult.Error(refusal);
        }

        var key = group.Key;
        await recorder.NoteAsync(key.Stream,
            new BackupLogUploaded(key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime, length.Value),
            call.CallerAs<Caller>().Because("POST upload-backup-log")).ConfigureAwait(false);
        return ApiResult.Null;
    }

    /// <summary>Decided in the ledger first, done on disk next (write order W5).</summary>
    private async ValueTask<ApiResult> ForgetAsync(ApiCall call)
    {
        var (group, snapshot) = Find(call, Privileges.DatastoreModify, Privileges.DatastorePrune);
        var key = group.Key;
        if (snapshot.Content.Protected)
        {
            return ApiResult.Error("failed to delete snapshot - \"cannot remove protected snapshot\"");
        }

        using var groupLease = leases.TryGroup(key) ?? throw new ApiException($"unable to acquire lock on backup group '{key}'");
        using var lease = leases.TryOwn(key, snapshot.BackupTime)
            ?? throw new ApiException($"unable to acquire lock on snapshot '{key.SnapshotPath(snapshot.BackupTime)}' - it is in use");
        var forgotten = new SnapshotForgotten(key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime);
        try
        {
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any,
                [Event.Of(forgotten, call.CallerAs<Caller>().Because("DELETE snapshots"))], default, CancellationToken.None).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }

        var store = stores.FindForWriting(key.Store, out var problem) ?? throw new ApiException(problem);
        store.Bytes.RemoveSnapshot(key.Namespace, key.At(snapshot.BackupTime));
        return ApiResult.Null;
    }

    private (Caller Caller, string Store, string Ns) Place(ApiCall call) =>
        (call.CallerAs<Caller>(), call.Parameters.Text("store"), call.Parameters.OptionalText("ns") ?? "");

    private ApiResult? RefuseList(ApiCall call, Caller caller, string path, Privileges has, string store, string ns)
    {
        if ((has & (Privileges.DatastoreAudit | Privileges.DatastoreBackup)) == 0)
        {
            return ApiResult.Error(403, $"permission check failed - missing Datastore.Audit|Datastore.Backup on {path}");
        }

        if (stores.Find(store, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        return datastores().Stores.TryGetValue(store, out var facts) && facts.HasNamespace(ns) ? null : ApiResult.Error(NotFound);
    }

    private (GroupState Group, Snapshot Snapshot) Find(ApiCall call, Privileges full, Privileges partial)
    {
        var (caller, store, ns) = Place(call);
        var key = new GroupKey(store, ns, call.Parameters.Text("backup-type"), call.Parameters.Text("backup-id"));
        var group = snapshots().Find(key);
        if (permissions.RequireFullOrOwner(caller, key.AclPath, full, partial, group?.Owner) is { } refusal)
        {
            throw new ApiException(refusal.Status, refusal.Text);
        }

        if (stores.Find(store, out var problem) is null)
        {
            throw new ApiException(problem);
        }

        return group is not null && group.Snapshots.TryGetValue(call.Parameters.Integer("backup-time"), out var snapshot) && !snapshot.Missing
            ? (group, snapshot)
            : throw new ApiException(NotFound);
    }

    private SnapshotFolder Folder(GroupKey key, long backupTime)
    {
        var store = stores.Find(key.Store, out var problem) ?? throw new ApiException(problem);
        return store.Bytes.OpenSnapshot(key.Namespace, key.At(backupTime));
    }

    private static string? Notes(OpenDatastore? store, GroupKey key) =>
        store is not null && store.Bytes.GroupExists(key.Namespace, key.Group) ? store.Bytes.GetGroupNotes(key.Namespace, key.Group) : null;
}
