// Removal of many snapshots at once (docs/write-order.md W5): all manifests first, one sync for all of them, then the rest. Interrupted anywhere it leaves
// snapshots without manifest, never half a finished one, and can be called again.
namespace Holdfast.Storage;

/// <summary>A snapshot to remove. <paramref name="Files"/> are names that it is known to hold: they save a look into the folder, and may be wrong.</summary>
public sealed record SnapshotRemoval(BackupNamespace Namespace, SnapshotName Name, IReadOnlyList<string> Files);

/// <summary>Why a snapshot could not be removed.</summary>
public sealed record RemovalFault(SnapshotRemoval Removal, StorageException Error);

public sealed partial class Datastore
{
    /// <summary>Up to this many manifests are made to disappear durably by a sync of each folder; more by one sync of the file system, which has to wait
    /// for what running backups write.</summary>
    private const int FewSnapshots = 8;

    /// <summary>Below this more threads cost more than they bring.</summary>
    private const int ManySnapshots = 64;

    /// <summary>Removes snapshots without asking for their protection; their groups stay. What can't be removed is told, and the others go on.</summary>
    /// <param name="threads">Most threads that do it.</param>
    /// <exception cref="VolumeException">The sync failed: the store is not healthy any more.</exception>
    public List<RemovalFault> RemoveSnapshots(IReadOnlyList<SnapshotRemoval> which, int threads)
    {
        RequireWritable();
        var faults = new List<RemovalFault>();
        var unpublished = new List<SnapshotRemoval>(which.Count);
        ForEach(which, threads, faults, removal =>
        {
            if (AtomicFile.Unlink(Volume, FolderOf(removal) + "/" + SafeId.ManifestName))
            {
                lock (unpublished)
                {
                    unpublished.Add(removal);
                }
            }
        });

        if (unpublished.Count > FewSnapshots)
        {
            MakeDurable();
        }
        else
        {
            unpublished.ForEach(removal => Volume.SyncFolder(FolderOf(removal)));
        }

        // No sync after this: a folder that a power cut brings back has no manifest, and the next start removes it (W6).
        var refused = faults.Select(fault => fault.Removal).ToHashSet(ReferenceEqualityComparer.Instance);
        ForEach(which, threads, faults, removal =>
        {
            if (!refused.Contains(removal))
            {
                RemoveRest(FolderOf(removal), removal.Files);
            }
        });
        return faults;
    }

    /// <summary>Names of the snapshot folders of a group, finished or not, without a look into them; unsorted.</summary>
    public List<long> ListSnapshotTimes(BackupNamespace ns, BackupGroup group)
    {
        var times = new List<long>();
        foreach (var entry in ListOrEmpty(ns.PathOf(group.ToString())))
        {
            if (entry.Kind == EntryKind.Folder && SnapshotName.TryParseTime(entry.Name, out var time))
            {
                times.Add(time);
            }
        }

        return times;
    }

    /// <summary>Does the folder of this snapshot carry the mark of protection?</summary>
    public bool IsProtected(BackupNamespace ns, SnapshotName name) =>
        Volume.TryStat(ns.PathOf(name.ToString()) + "/" + SnapshotFolder.ProtectedMarker, out _);

    private static string FolderOf(SnapshotRemoval removal) => removal.Namespace.PathOf(removal.Name.ToString());

    private static void ForEach(IReadOnlyList<SnapshotRemoval> which, int threads, List<RemovalFault> faults, Action<SnapshotRemoval> act)
    {
        if (threads < 2 || which.Count < ManySnapshots)
        {
            foreach (var removal in which)
            {
                Try(removal, faults, act);
            }

            return;
        }

        Parallel.ForEach(which, new ParallelOptions { MaxDegreeOfParallelism = threads }, removal => Try(removal, faults, act));
    }

    private static void Try(SnapshotRemoval removal, List<RemovalFault> faults, Action<SnapshotRemoval> act)
    {
        try
        {
            act(removal);
        }
        catch (StorageException error)
        {
            lock (faults)
            {
                faults.Add(new RemovalFault(removal, error));
            }
        }
    }

    /// <summary>Files, then the folder. What is gone already is no fault: another removal may have been here.</summary>
    private void RemoveRest(string folder, IReadOnlyList<string> files)
    {
        foreach (var file in files)
        {
            AtomicFile.Unlink(Volume, folder + "/" + file);
        }

        for (var isListed = false; ; isListed = true)
        {
            try
            {
                Volume.RemoveFolder(folder);
                return;
            }
            catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
            {
                return;
            }
            catch (VolumeException fault) when (fault.Error == VolumeError.NotEmpty && !isListed)
            {
                foreach (var entry in ListOrEmpty(folder))
                {
                    AtomicFile.Unlink(Volume, folder + "/" + entry.Name);
                }
            }
        }
    }
}
