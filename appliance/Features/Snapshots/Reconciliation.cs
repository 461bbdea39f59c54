// Disk and ledger compared, at start and for a group whose last backup ended in doubt (docs/write-order.md W6 is the table). The ledger is told what is
// found; nothing that could be somebody's data is removed, and nothing is repaired silently.
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
public sealed class Reconciliation(Func<SnapshotsState> snapshots, Func<DatastoresState> datastores, Recorder recorder)
{
    private const string AfterRestart = "the appliance was restarted";

    /// <summary>The whole datastore; before its first session.</summary>
    public async Task<ReconciliationReport> ReconcileStoreAsync(OpenDatastore store)
    {
        var report = ReconciliationReport.Nothing;
        var seen = new HashSet<GroupKey>();
        foreach (var ns in store.Bytes.ListNamespaces(BackupNamespace.Root))
        {
            await AdoptNamespaceAsync(store, ns).ConfigureAwait(false);
            foreach (var group in store.Bytes.ListGroups(ns))
            {
                var key = new GroupKey(store.Name, ns.Text, group.TypeName, group.Id);
                seen.Add(key);
                report += await ReconcileGroupAsync(store, key).ConfigureAwait(false);
            }
        }

        foreach (var group in snapshots().InStore(store.Name).Where(group => !seen.Contains(group.Key)).ToList())
        {
            report += await ReconcileGroupAsync(store, group.Key).ConfigureAwait(false);
        }

        return report;
    }

    /// <summary>One group; its lease must be held, or no session be possible.</summary>
    public async Task<ReconciliationReport> ReconcileGroupAsync(OpenDatastore store, GroupKey key)
    {
        var (ns, group) = (key.Namespace, key.Group);
        var onDisk = store.Bytes.NamespaceExists(ns) ? store.Bytes.ListSnapshots(ns, group) : [];
        var known = snapshots().Find(key);
        var events = new List<NewEvent>();
        var removals = new List<SnapshotName>();
        var report = ReconciliationReport.Nothing;
        foreach (var snapshot in onDisk)
        {
            report += Compare(store, key, known, snapshot, events, removals);
        }

        report += CompareAbsent(key, known, onDisk, events);
        foreach (var part in events.Chunk(500))
        {
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, part, TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        }

        foreach (var name in removals)
        {
            store.Bytes.RemoveSnapshot(ns, name, evenIfProtected: known!.Leaving.Contains(name.Time));
        }

        await EndRemovalsAsync(store, key, known).ConfigureAwait(false);
        store.Doubtful.Remove(key);
        return report;
    }

    /// <summary>Records that what was forgotten is gone, now that it is.</summary>
    private async Task EndRemovalsAsync(OpenDatastore store, GroupKey key, GroupState? known)
    {
        foreach (var part in (known?.Leaving ?? []).Chunk(10_000))
        {
            if (store.Bytes.NamespaceExists(key.Namespace) && store.Bytes.GroupExists(key.Namespace, key.Group))
            {
                store.Bytes.RemoveGroupIfEmpty(key.Namespace, key.Group);
            }

            var removed = new SnapshotsRemoved(key.Store, key.Ns, key.BackupType, key.BackupId, part);
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, [Event.Of(removed, EventMetadata.System)], TimeSpan.FromSeconds(30))
                .ConfigureAwait(false);
        }
    }

    private static ReconciliationReport Compare(
        OpenDatastore store, GroupKey key, GroupState? known, DiskSnapshot disk, List<NewEvent> events, List<SnapshotName> removals)
    {
        var time = disk.Name.Time;
        var started = known?.Open.Any(open => open.BackupTime == time) ?? false;
        var finished = known?.Snapshots.GetValueOrDefault(time);
        if (known is not null && known.Leaving.Contains(time))
        {
            // Forgotten, and the removal was cut off: it goes on, with a manifest or without (W5).
            removals.Add(disk.Name);
            return new(0, 0, 0, 1);
        }

        if (disk.IsFinished)
        {
            if (finished is { Missing: false } && !started)
            {
                return ReconciliationReport.Nothing;
            }

            if (!store.Bytes.SnapshotExists(disk.Namespace, disk.Name) || !store.Bytes.OpenSnapshot(disk.Namespace, disk.Name).IsFinished)
            {
                return ReconciliationReport.Nothing; // Removed since the folder was listed.
            }

            var why = started ? "its manifest was durable, its end not yet recorded"
                : finished is not null ? "it was missing before"
                : "no event explains it";
            events.Add(Event.Of(Discover(store, key, disk, known, why), EventMetadata.System));
            return new(1, 0, 0, 0);
        }

        if (started)
        {
            events.Add(Event.Of(
                new BackupAborted(key.Store, key.Ns, key.BackupType, key.BackupId, time, AfterRestart), EventMetadata.System));
            removals.Add(disk.Name);
            return new(0, 0, 1, 1);
        }

        // A folder without manifest of a group that we wrote is the rest of an aborted or forgotten snapshot. One of a group that no event knows is
        // somebody else's unfinished work.
        if (known is not null && finished is null)
        {
            removals.Add(disk.Name);
            return new(0, 0, 0, 1);
        }

        return ReconciliationReport.Nothing;
    }

    private static ReconciliationReport CompareAbsent(GroupKey key, GroupState? known, List<DiskSnapshot> onDisk, List<NewEvent> events)
    {
        var finishedOnDisk = onDisk.Where(snapshot => snapshot.IsFinished).Select(snapshot => snapshot.Name.Time).ToHashSet();
        var foldersOnDisk = onDisk.Select(snapshot => snapshot.Name.Time).ToHashSet();
        var report = ReconciliationReport.Nothing;
        foreach (var snapshot in known?.Snapshots.Values ?? [])
        {
            if (!snapshot.Missing && !finishedOnDisk.Contains(snapshot.BackupTime))
            {
                events.Add(Event.Of(new SnapshotMissing(
                    key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime, "its manifest is not on disk"), EventMetadata.System));
                report += new ReconciliationReport(0, 1, 0, 0);
            }
        }

        foreach (var open in known?.Open ?? [])
        {
            if (!foldersOnDisk.Contains(open.BackupTime))
            {
                events.Add(Event.Of(
                    new BackupAborted(key.Store, key.Ns, key.BackupType, key.BackupId, open.BackupTime, AfterRestart), EventMetadata.System));
                report += new ReconciliationReport(0, 0, 1, 0);
            }
        }

        return report;
    }

    private static SnapshotDiscovered Discover(OpenDatastore store, GroupKey key, DiskSnapshot disk, GroupState? known, string why)
    {
        var owner = store.Bytes.GetOwner(disk.Namespace, disk.Name.Group) ?? known?.Owner ?? "root@pam";
        SnapshotContent content;
        try
        {
            var folder = store.Bytes.OpenSnapshot(disk.Namespace, disk.Name);
            var raw = folder.ReadManifestRaw();
            content = SnapshotContents.Of(Manifest.FromBlob(raw, SafeId.ManifestName), raw.Length, disk.IsProtected);
            if (folder.ListFiles().Any(file => file.Name == SafeId.ClientLogName))
            {
                content = content with { Files = [.. content.Files, new SnapshotFile(SafeId.ClientLogName, null, null, null)] };
            }
        }
        catch (CorruptDataException error)
        {
            // Kept in sight, with what is wrong: hiding it would be worse.
            content = new SnapshotContent([new SnapshotFile(SafeId.ManifestName, null, null, null)], null, null, null, null, disk.IsProtected);
            why += "; " + error.Message;
        }

        return new SnapshotDiscovered(key.Store, key.Ns, key.BackupType, key.BackupId, disk.Name.Time, owner, content, why);
    }

    private async Task AdoptNamespaceAsync(OpenDatastore store, BackupNamespace ns)
    {
        if (datastores().Stores.TryGetValue(store.Name, out var facts) && !facts.HasNamespace(ns.Text))
        {
            await recorder.DecideAsync("datastore:" + store.Name, ExpectedVersion.Any,
                [Event.Of(new NamespaceCreated(store.Name, ns.Text, Discovered: true), EventMetadata.System)], TimeSpan.FromSeconds(30))
                .ConfigureAwait(false);
        }
    }
}
