// Disk and ledger compared, at start and for a group whose last backup ended in doubt (docs/write-order.md W6 is the table). What was decided and not yet done
// on disk is done now (W5). Beyond that the ledger is told what is found: nothing that could be somebody's data is removed, and nothing is repaired silently.
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>What a reconciliation found.</summary>
public sealed record ReconciliationReport(int Discovered, int Missing, int Aborted, int Removed)
{
    public static ReconciliationReport operator +(ReconciliationReport left, ReconciliationReport right) => new(
        left.Discovered + right.Discovered, left.Missing + right.Missing, left.Aborted + right.Aborted, left.Removed + right.Removed);

    /// <summary>Nothing to tell.</summary>
    public static readonly ReconciliationReport Nothing = new(0, 0, 0, 0);
}

/// <summary>Compares datastores with the ledger.</summary>
public sealed class Reconciliation(Func<SnapshotsState> snapshots, Func<DatastoresState> datastores, Recorder recorder, Leases leases)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Settling settling = new(snapshots, leases, recorder);

    /// <summary>Has there ever been a backup or a namespace in this datastore?</summary>
    public bool Knows(string store) =>
        snapshots().InStore(store).Any() || datastores().Stores.GetValueOrDefault(store) is { Namespaces.Count: > 0 };

    /// <summary>The whole datastore; before its first session.</summary>
    public async Task<ReconciliationReport> ReconcileStoreAsync(OpenDatastore store)
    {
        var report = ReconciliationReport.Nothing;
        var seen = new HashSet<GroupKey>();

        // Moves first: where their groups lie is decided before anything is missed or discovered.
        foreach (var group in snapshots().InStore(store.Name).Where(group => !group.Pending.MovedFrom.IsEmpty).ToList())
        {
            seen.Add(group.Key);
            report += await ReconcileGroupAsync(store, group.Key).ConfigureAwait(false);
        }

        await ReconcileNamespacesAsync(store).ConfigureAwait(false);
        foreach (var ns in store.Bytes.ListNamespaces(BackupNamespace.Root))
        {
            foreach (var group in store.Bytes.ListGroups(ns))
            {
                var key = new GroupKey(store.Name, ns.Text, group.TypeName, group.Id);
                if (seen.Add(key))
                {
                    report += await ReconcileGroupAsync(store, key).ConfigureAwait(false);
                }
            }
        }

        foreach (var group in snapshots().InStore(store.Name).Where(group => !seen.Contains(group.Key)).ToList())
        {
            report += await ReconcileGroupAsync(store, group.Key).ConfigureAwait(false);
        }

        return report;
    }

    /// <summary>One group; its lease must be held, or no session be possible.</summary>
    /// <param name="othersWork">Removals and verifications, which need no lease of the group, may go on meanwhile.</param>
    /// <exception cref="RefusedException">They changed the group: try again.</exception>
    public async Task<ReconciliationReport> ReconcileGroupAsync(OpenDatastore store, GroupKey key, bool othersWork = false)
    {
        if (store.Doubtful.Contains(key))
        {
            await FinishMovesFromAsync(store, key).ConfigureAwait(false);
        }

        var (ns, group) = (key.Namespace, key.Group);
        var known = snapshots().Find(key);
        var pending = known?.Pending ?? PendingWork.None;
        foreach (var from in pending.MovedFrom)
        {
            // A group that has come up there since is not the one that was to move: that one went before.
            if (store.Bytes.NamespaceExists(BackupNamespace.Parse(from)) && snapshots().Find(key with { Ns = from }) is null or { IsEmpty: true })
            {
                store.Bytes.MoveGroup(BackupNamespace.Parse(from), group, ns, known!.Owner);
            }
        }

        var onDisk = store.Bytes.NamespaceExists(ns) ? store.Bytes.ListSnapshots(ns, group) : [];
        var comparison = new GroupComparison(store, key, known, recorder.Clock.GetUtcNow());
        comparison.Run(onDisk);
        if (othersWork && !ReferenceEquals(known, snapshots().Find(key)))
        {
            throw new RefusedException($"group {key} changed while it was compared");
        }

        if (comparison.Unexplained.Count > 0)
        {
            comparison.Explain(await EndedAsync(key).ConfigureAwait(false));
        }

        foreach (var part in EventBatches.Cut(comparison.Events))
        {
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, part, Patience).ConfigureAwait(false);
        }

        var done = new HashSet<long>();
        foreach (var name in comparison.Removals)
        {
            Remove(store, key, name, known!, done);
        }

        await SettleAsync(store, key, pending, onDisk, done).ConfigureAwait(false);
        await EndRemovalsAsync(store, key, known, onDisk, done).ConfigureAwait(false);
        store.Doubtful.Remove(key);
        return comparison.Report;
    }

    /// <summary>A move out of this group that the disk cut off comes first: what lies here still is the other group's.</summary>
    /// <exception cref="RefusedException">Somebody works on the other group: later.</exception>
    private async Task FinishMovesFromAsync(OpenDatastore store, GroupKey key)
    {
        var targets = snapshots().InStore(store.Name).Where(group => group.Pending.MovedFrom.Contains(key.Ns) && group.Key == key with { Ns = group.Key.Ns });
        foreach (var target in targets.Select(group => group.Key).ToList())
        {
            using var lease = leases.TryGroup(target)
                ?? throw new RefusedException($"the move of group '{key}' from '{key.Ns}' to '{target.Ns}' is not at its end");
            await ReconcileGroupAsync(store, target).ConfigureAwait(false);
        }
    }

    /// <summary>Backup times of the group that the ledger says were aborted or forgotten. Read from the history itself: that is rarely needed, and no state
    /// could keep them for ever.</summary>
    private async Task<HashSet<long>> EndedAsync(GroupKey key)
    {
        var ended = new HashSet<long>();
        await foreach (var recorded in recorder.Ledger.ReadStreamAsync(key.Stream).ConfigureAwait(false))
        {
            if (recorded.Type == BackupAborted.EventType)
            {
                ended.Add(Event.Read<BackupAborted>(recorded).BackupTime);
            }
            else if (recorded.Type == SnapshotForgotten.EventType)
            {
                ended.Add(Event.Read<SnapshotForgotten>(recorded).BackupTime);
            }
        }

        return ended;
    }

    /// <summary>Records that what was forgotten is gone, now that it is.</summary>
    private async Task EndRemovalsAsync(OpenDatastore store, GroupKey key, GroupState? known, List<DiskSnapshot> onDisk, HashSet<long> done)
    {
        var present = onDisk.Select(disk => disk.Name.Time).ToHashSet();
        foreach (var part in (known?.Leaving ?? []).Where(time => done.Contains(time) || !present.Contains(time)).Chunk(10_000))
        {
            if (store.Bytes.NamespaceExists(key.Namespace) && store.Bytes.GroupExists(key.Namespace, key.Group))
            {
                store.Bytes.RemoveGroupIfEmpty(key.Namespace, key.Group);
            }

            var removed = new SnapshotsRemoved(key.Store, key.Ns, key.BackupType, key.BackupId, part);
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, [Event.Of(removed, EventMetadata.System)], Patience).ConfigureAwait(false);
        }
    }

    private void Remove(OpenDatastore store, GroupKey key, SnapshotName name, GroupState known, HashSet<long> done)
    {
        // Who owns the snapshot is removing it at this moment.
        using var lease = leases.TryOwn(key, name.Time);
        if (lease is not null)
        {
            store.Bytes.RemoveSnapshot(key.Namespace, name, evenIfProtected: known.Leaving.Contains(name.Time));
            done.Add(name.Time);
        }
    }

    /// <summary>Brings the disk to what was decided, and says so.</summary>
    private async Task SettleAsync(OpenDatastore store, GroupKey key, PendingWork pending, List<DiskSnapshot> onDisk, HashSet<long> done)
    {
        if (pending.IsEmpty)
        {
            return;
        }

        if (snapshots().Find(key) is { IsEmpty: false } now && onDisk.Count > 0)
        {
            if (pending.Group)
            {
                store.Bytes.SetOwner(key.Namespace, key.Group, now.Owner);
                store.Bytes.SetGroupNotes(key.Namespace, key.Group, now.Notes ?? "");
            }

            foreach (var disk in onDisk.Where(disk => pending.Changed.Contains(disk.Name.Time)))
            {
                if (await WriteAsync(store, key, now, disk).ConfigureAwait(false))
                {
                    done.Add(disk.Name.Time);
                }
            }
        }

        // What has no folder any more needs none of it.
        var present = onDisk.Select(disk => disk.Name.Time).ToHashSet();
        done.UnionWith(pending.Changed.Where(time => !present.Contains(time)));
        await settling.TellAsync(key, done, group: true, EventMetadata.System).ConfigureAwait(false);
    }

    /// <summary>Notes, verify state and protection of one snapshot; false if somebody else is at it.</summary>
    private async Task<bool> WriteAsync(OpenDatastore store, GroupKey key, GroupState group, DiskSnapshot disk)
    {
        using var lease = leases.TryShare(key, disk.Name.Time);
        using var turn = await leases.LockManifestAsync(key, disk.Name.Time, Patience).ConfigureAwait(false);
        if (lease is null || turn is null)
        {
            return false;
        }

        var folder = store.Bytes.OpenSnapshot(disk.Namespace, disk.Name);
        if (group.Unfinished.TryGetValue(disk.Name.Time, out var unfinished))
        {
            folder.SetProtected(unfinished.Protected);
        }
        else if (group.Snapshots.TryGetValue(disk.Name.Time, out var snapshot))
        {
            var content = snapshot.Content;
            if (content.Protected != disk.IsProtected)
            {
                folder.SetProtected(content.Protected);
            }

            WriteManifest(folder, content);
        }

        return true;
    }

    private static void WriteManifest(SnapshotFolder folder, SnapshotContent content)
    {
        try
        {
            var manifest = folder.ReadManifest();
            var state = content.VerifyState is { } text ? new VerifyState(text, content.VerifyUpid ?? "") : null;
            if ((manifest.Notes ?? "") != (content.Comment ?? "") || manifest.VerifyState != state)
            {
                manifest.Notes = content.Comment;
                manifest.VerifyState = state;
                folder.PublishManifest(manifest.ToBlob());
            }
        }
        catch (CorruptDataException)
        {
            // It can't be read, so it can't be changed; verification tells of it.
        }
    }

    /// <summary>One found is adopted, or goes if its removal was decided and it holds nothing; one that is not there and holds nothing is told of.</summary>
    public async Task ReconcileNamespacesAsync(OpenDatastore store)
    {
        if (!datastores().Stores.TryGetValue(store.Name, out var facts))
        {
            return;
        }

        var onDisk = store.Bytes.ListNamespaces(BackupNamespace.Root);
        var removed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var ns in Enumerable.Reverse(onDisk).Where(ns => !facts.HasNamespace(ns.Text) && facts.RemovedNamespaces.Contains(ns.Text)))
        {
            if (store.Bytes.RemoveNamespace(ns))
            {
                removed.Add(ns.Text);
            }
        }

        var found = onDisk.Where(ns => !facts.HasNamespace(ns.Text) && !removed.Contains(ns.Text))
            .Select(ns => Event.Of(new NamespaceCreated(store.Name, ns.Text, Discovered: true), EventMetadata.System));
        var lost = facts.Namespaces.Except(onDisk.Select(ns => ns.Text))
            .Where(ns => snapshots().In(store.Name, ns).Values.All(group => group.IsEmpty)).Reverse()
            .Select(ns => Event.Of(new NamespaceRemoved(store.Name, ns, Discovered: true), EventMetadata.System));
        foreach (var part in EventBatches.Cut(found.Concat(lost)))
        {
            await recorder.DecideAsync("datastore:" + store.Name, ExpectedVersion.Any, part, Patience).ConfigureAwait(false);
        }
    }
}
