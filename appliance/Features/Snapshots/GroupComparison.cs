// One group as it lies on disk against the group as the ledger tells it: what the ledger must be told, and which remains go (docs/write-order.md W6 is the
// table). Reads a manifest only where the ledger does not know it.
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>Compares one group; the findings collect in it.</summary>
internal sealed class GroupComparison(OpenDatastore store, GroupKey key, GroupState? known, DateTimeOffset now)
{
    private const string AfterRestart = "the appliance was restarted";

    /// <summary>Notes longer than this are told of only so far: an event has its bounds.</summary>
    public const int NotesCharsMax = 128 * 1024;

    /// <summary>Names told of an unfinished folder.</summary>
    private const int FilesMax = 1000;

    /// <summary>What the ledger is to be told.</summary>
    public List<NewEvent> Events { get; } = [];

    /// <summary>Remains of aborted and forgotten snapshots.</summary>
    public List<SnapshotName> Removals { get; } = [];

    /// <summary>Folders without a manifest that the state does not explain; the history may: see <see cref="Explain"/>.</summary>
    public List<DiskSnapshot> Unexplained { get; } = [];

    public ReconciliationReport Report { get; private set; } = ReconciliationReport.Nothing;

    /// <summary>Compares with what is on disk, oldest first.</summary>
    public void Run(List<DiskSnapshot> onDisk)
    {
        foreach (var snapshot in onDisk)
        {
            if (snapshot.IsFinished)
            {
                CompareFinished(snapshot);
            }
            else
            {
                CompareUnfinished(snapshot);
            }
        }

        CompareAbsent(onDisk);
        if (onDisk.Count > 0 && known?.Pending.Group is not true)
        {
            CompareGroup();
        }
    }

    /// <summary>What the history ended is a remain of it, brought back by a power cut or left by an interrupted removal. The rest is somebody else's
    /// unfinished work.</summary>
    /// <param name="ended">Backup times that were aborted or forgotten.</param>
    public void Explain(IReadOnlySet<long> ended)
    {
        foreach (var disk in Unexplained)
        {
            if (ended.Contains(disk.Name.Time))
            {
                Remove(disk);
                continue;
            }

            var files = store.Bytes.OpenSnapshot(disk.Namespace, disk.Name).ListFiles().Take(FilesMax).Select(file => file.Name).ToList();
            Tell(new UnfinishedSnapshotDiscovered(
                key.Store, key.Ns, key.BackupType, key.BackupId, disk.Name.Time, OwnerOnDisk(), files, disk.IsProtected));
        }
    }

    private void CompareFinished(DiskSnapshot disk)
    {
        var time = disk.Name.Time;
        if (known?.Leaving.Contains(time) is true)
        {
            // Forgotten, and the removal was cut off: it goes on, with a manifest or without (W5).
            Remove(disk);
            return;
        }

        var started = known?.Open.Any(open => open.BackupTime == time) ?? false;
        var finished = known?.Snapshots.GetValueOrDefault(time);
        if (finished is { Missing: false } && !started)
        {
            if (known!.Pending.Changed.Contains(time))
            {
                return; // What was decided is about to be written over it.
            }

            if (finished.Content.ManifestBytes() is { } knownBytes && knownBytes != disk.ManifestBytes)
            {
                Discover(disk, "its manifest was changed outside");
            }
            else if (finished.Content.Protected != disk.IsProtected)
            {
                Tell(new SnapshotProtectionChanged(
                    key.Store, key.Ns, key.BackupType, key.BackupId, time, disk.IsProtected, Discovered: true));
            }

            return;
        }

        if (!store.Bytes.SnapshotExists(disk.Namespace, disk.Name) || !store.Bytes.OpenSnapshot(disk.Namespace, disk.Name).IsFinished)
        {
            return; // Removed since the folder was listed.
        }

        Discover(disk, started ? "its manifest was durable, its end not yet recorded"
            : finished is not null ? "it was missing before"
            : "no event explains it");
    }

    private void CompareUnfinished(DiskSnapshot disk)
    {
        var time = disk.Name.Time;
        if (known?.Open.Any(open => open.BackupTime == time) is true)
        {
            Tell(new BackupAborted(key.Store, key.Ns, key.BackupType, key.BackupId, time, AfterRestart));
            Remove(disk);
            Report += new ReconciliationReport(0, 0, 1, 0);
            return;
        }

        if (known?.Leaving.Contains(time) is true)
        {
            Remove(disk);
            return;
        }

        if (known?.Snapshots.ContainsKey(time) is true)
        {
            return; // Its manifest is gone: told with the absent ones.
        }

        if (known?.Unfinished.TryGetValue(time, out var unfinished) is not true)
        {
            Unexplained.Add(disk);
        }
        else if (unfinished!.Protected != disk.IsProtected)
        {
            Tell(new SnapshotProtectionChanged(key.Store, key.Ns, key.BackupType, key.BackupId, time, disk.IsProtected, Discovered: true));
        }
    }

    private void CompareAbsent(List<DiskSnapshot> onDisk)
    {
        var finishedOnDisk = onDisk.Where(snapshot => snapshot.IsFinished).Select(snapshot => snapshot.Name.Time).ToHashSet();
        var foldersOnDisk = onDisk.Select(snapshot => snapshot.Name.Time).ToHashSet();
        foreach (var snapshot in known?.Snapshots.Values ?? [])
        {
            if (!snapshot.Missing && !finishedOnDisk.Contains(snapshot.BackupTime))
            {
                Tell(new SnapshotMissing(
                    key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime, "its manifest is not on disk"));
                Report += new ReconciliationReport(0, 1, 0, 0);
            }
        }

        foreach (var unfinished in known?.Unfinished.Values ?? [])
        {
            if (!foldersOnDisk.Contains(unfinished.BackupTime))
            {
                Tell(new SnapshotMissing(
                    key.Store, key.Ns, key.BackupType, key.BackupId, unfinished.BackupTime, "its unfinished folder is not on disk"));
                Report += new ReconciliationReport(0, 1, 0, 0);
            }
        }

        foreach (var open in known?.Open ?? [])
        {
            if (!foldersOnDisk.Contains(open.BackupTime))
            {
                Tell(new BackupAborted(key.Store, key.Ns, key.BackupType, key.BackupId, open.BackupTime, AfterRestart));
                Report += new ReconciliationReport(0, 0, 1, 0);
            }
        }
    }

    /// <summary>Owner and notes: what somebody changed on disk is told, and holds from now on.</summary>
    private void CompareGroup()
    {
        if (known is { IsEmpty: false } && store.Bytes.GetOwner(key.Namespace, key.Group) is { } owner && owner != known.Owner)
        {
            Tell(new GroupOwnerChanged(key.Store, key.Ns, key.BackupType, key.BackupId, known.Owner, owner, Discovered: true));
        }

        try
        {
            var notes = store.Bytes.GetGroupNotes(key.Namespace, key.Group);
            notes = notes.Length > NotesCharsMax ? notes[..NotesCharsMax] : notes;
            if (notes != (known?.Notes ?? ""))
            {
                Tell(new GroupNotesChanged(key.Store, key.Ns, key.BackupType, key.BackupId, notes, Discovered: true));
            }
        }
        catch (CorruptDataException)
        {
            // Larger than notes can be: whatever it is, it is not notes.
        }
    }

    private void Discover(DiskSnapshot disk, string why)
    {
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
            content = Bare(disk);
            why += "; " + error.Message;
        }

        var found = new SnapshotDiscovered(key.Store, key.Ns, key.BackupType, key.BackupId, disk.Name.Time, OwnerOnDisk(), content, why);
        if (Event.Of(found, EventMetadata.System).Data.Length > LedgerLimits.MaxDataBytes)
        {
            // As one whose manifest can't be read: on disk it stays as it is, and one such must not keep a whole store from being opened.
            found = found with { Content = Bare(disk), Why = why + "; its manifest holds more than the ledger takes" };
        }

        Tell(found);
        if (BackupTimeInFuture.If(key, disk.Name.Time, now) is { } ahead)
        {
            Tell(ahead);
        }

        Report += new ReconciliationReport(1, 0, 0, 0);
    }

    private static SnapshotContent Bare(DiskSnapshot disk) =>
        new([new SnapshotFile(SafeId.ManifestName, null, null, null)], null, null, null, null, disk.IsProtected);

    private string OwnerOnDisk() => store.Bytes.GetOwner(key.Namespace, key.Group) ?? known?.Owner ?? "root@pam";

    private void Remove(DiskSnapshot disk)
    {
        Removals.Add(disk.Name);
        Report += new ReconciliationReport(0, 0, 0, 1);
    }

    private void Tell<T>(T fact) where T : class, IEventData<T> => Events.Add(Event.Of(fact, EventMetadata.System));
}
