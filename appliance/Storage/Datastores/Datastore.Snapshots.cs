// Snapshots of a datastore: list, create, open, remove, lock, and the walk over all of them.
namespace Holdfast.Storage;

/// <summary>A snapshot as the folders show it; finished means that its manifest is there.</summary>
public sealed record DiskSnapshot(BackupNamespace Namespace, SnapshotName Name, bool IsFinished, bool IsProtected)
{
    /// <summary>Size of the manifest's file; 0 if there is none.</summary>
    public long ManifestBytes { get; init; }
}

public sealed partial class Datastore
{
    /// <summary>The snapshots of a group, oldest first.</summary>
    public List<DiskSnapshot> ListSnapshots(BackupNamespace ns, BackupGroup group)
    {
        var path = ns.PathOf(group.ToString());
        var result = new List<DiskSnapshot>();
        foreach (var entry in ListOrEmpty(path))
        {
            if (entry.Kind == EntryKind.Folder && SnapshotName.TryParseTime(entry.Name, out var time))
            {
                var name = SnapshotName.Create(group, time);
                var folder = path + "/" + entry.Name;
                var isFinished = Volume.TryStat(folder + "/" + SafeId.ManifestName, out var manifest);
                result.Add(new DiskSnapshot(
                    ns, name, isFinished, Volume.TryStat(folder + "/" + SnapshotFolder.ProtectedMarker, out _))
                {
                    ManifestBytes = isFinished ? manifest.SizeBytes : 0,
                });
            }
        }

        result.Sort(static (a, b) => a.Name.Time.CompareTo(b.Name.Time));
        return result;
    }

    /// <summary>Every snapshot on disk, group by group, finished or not. One folder is in memory at a time.</summary>
    public IEnumerable<DiskSnapshot> DiskScan()
    {
        foreach (var ns in ListNamespaces(BackupNamespace.Root))
        {
            foreach (var group in ListGroups(ns))
            {
                foreach (var snapshot in ListSnapshots(ns, group))
                {
                    yield return snapshot;
                }
            }
        }
    }

    public bool SnapshotExists(BackupNamespace ns, SnapshotName name) =>
        Volume.TryStat(ns.PathOf(name.ToString()), out var stat) && stat.Kind == EntryKind.Folder;

    /// <summary>Makes the folder of a new snapshot in an existing group (see <see cref="CreateGroup"/>).</summary>
    /// <exception cref="RefusedException">"backup directory already exists."</exception>
    public SnapshotFolder CreateSnapshot(BackupNamespace ns, SnapshotName name)
    {
        RequireWritable();
        RequireGroup(ns, name.Group);
        return AtomicFile.MakeFolder(Volume, ns.PathOf(name.ToString()))
            ? new SnapshotFolder(this, ns, name)
            : throw new RefusedException("backup directory already exists.");
    }

    /// <summary>An existing snapshot, finished or not.</summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public SnapshotFolder OpenSnapshot(BackupNamespace ns, SnapshotName name) =>
        SnapshotExists(ns, name)
            ? new SnapshotFolder(this, ns, name)
            : throw new RefusedException($"snapshot {name} does not exist.");

    /// <summary>Removes a snapshot, and its group if that was the last one. Interrupted anywhere it leaves a snapshot
    /// without manifest, never half a finished one, and can be called again. False if nothing was there.</summary>
    /// <exception cref="RefusedException">It is protected and <paramref name="evenIfProtected"/> is false.</exception>
    public bool RemoveSnapshot(BackupNamespace ns, SnapshotName name, bool evenIfProtected = false)
    {
        RequireWritable();
        var folder = ns.PathOf(name.ToString());
        var found = SnapshotExists(ns, name);
        if (found)
        {
            var protectedMarker = folder + "/" + SnapshotFolder.ProtectedMarker;
            if (!evenIfProtected && Volume.TryStat(protectedMarker, out _))
            {
                throw new RefusedException("cannot remove protected snapshot");
            }

            if (AtomicFile.Unlink(Volume, folder + "/" + SafeId.ManifestName))
            {
                Volume.SyncFolder(folder);
            }

            RemoveRest(folder, []);
            Volume.SyncFolder(ns.PathOf(name.Group.ToString()));
        }

        if (GroupExists(ns, name.Group))
        {
            RemoveGroupIfEmpty(ns, name.Group);
        }

        return found;
    }

    /// <summary>flock on the snapshot folder: shared for readers, exclusive for its writer or its removal. Null if
    /// that is not possible now.</summary>
    public IDisposable? TryLockSnapshot(BackupNamespace ns, SnapshotName name, LockMode mode) =>
        Volume.TryLock(ns.PathOf(name.ToString()), mode);
}
