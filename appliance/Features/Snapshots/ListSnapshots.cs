// GET snapshots: finished ones, those under way, and what a PBS left unfinished (pbs-protocol.md 4.2). Answered from the fold; items are rendered once per
// change and copied. Only of a backup that runs at this moment the folder is looked into, for its files.
using Holdfast.Features.Access;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>The list of snapshots.</summary>
public sealed class ListSnapshots(GroupCalls calls)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", GroupCalls.Root + "snapshots",
            new(PbsSchema.Store(), PbsSchema.Namespace(), Parameter.Text("backup-type").AsOptional(), PbsSchema.BackupId().AsOptional()), List),
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        if (calls.RefuseList(call, out var store, out var ns, out var ownOnly) is { } refusal)
        {
            return ValueTask.FromResult(refusal);
        }

        var caller = call.CallerAs<Caller>();
        var type = call.Parameters.OptionalText("backup-type");
        if (type is not (null or "vm" or "ct" or "host"))
        {
            // Here alone PBS reads the type behind its parameter check.
            return ValueTask.FromResult(ApiResult.Error($"unknown variant `{type}`, expected one of `vm`, `ct`, `host`"));
        }

        var id = call.Parameters.OptionalText("backup-id");
        var items = new List<ReadOnlyMemory<byte>>();
        foreach (var (_, group) in calls.Snapshots.In(store, ns))
        {
            if ((type is null || group.Key.BackupType == type) && (id is null || group.Key.BackupId == id)
                && (!ownOnly || Ownership.Is(group.Owner, caller.AuthId)))
            {
                Add(items, group);
            }
        }

        return ValueTask.FromResult(ApiResult.Array(items));
    }

    private void Add(List<ReadOnlyMemory<byte>> items, GroupState group)
    {
        foreach (var (_, snapshot) in group.Snapshots)
        {
            if (!snapshot.Missing)
            {
                items.Add(snapshot.ListItem(group.Key, group.Owner));
            }
        }

        foreach (var (_, unfinished) in group.Unfinished)
        {
            items.Add(SnapshotJson.UnfinishedItem(group.Key, group.Owner, unfinished));
        }

        foreach (var open in group.Open)
        {
            items.Add(SnapshotJson.UnfinishedItem(group.Key, group.Owner, new UnfinishedSnapshot(open.BackupTime, FilesOf(group.Key, open), false)));
        }
    }

    private System.Collections.Immutable.ImmutableArray<string> FilesOf(GroupKey key, OpenBackup open)
    {
        try
        {
            return calls.Stores.Find(key.Store, out _) is { } store && store.Bytes.SnapshotExists(key.Namespace, key.At(open.BackupTime))
                ? [.. store.Bytes.OpenSnapshot(key.Namespace, key.At(open.BackupTime)).ListFiles().Select(file => file.Name)]
                : [];
        }
        catch (StorageException)
        {
            return []; // It ended in this very moment.
        }
    }
}
