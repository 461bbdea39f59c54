// The end of a datastore's data: everything that a datastore consists of is removed from the volume, and nothing else. Can be interrupted anywhere and done
// again. Who decided it has told the ledger before.
namespace Holdfast.Storage;

public sealed partial class Datastore
{
    private const int FoldersDeepMax = 64;

    /// <summary>What a datastore has at its top, PBS's and ours; chunks last, so that a destruction cut short leaves no snapshot without its data.</summary>
    private static readonly string[] OwnNames =
    [
        "ns", "vm", "ct", "host", ChunkStore.Folder, ".gc-status", SuspectMarker, OpenMarker, FolderCheck.ProbeFolder, OwnLockFile, LockFile,
    ];

    /// <summary>Removes a closed datastore's data from its volume.</summary>
    /// <param name="removed">Told of every part that is gone.</param>
    /// <returns>Names that were found beside it, which stay.</returns>
    /// <exception cref="VolumeException">Something can't be removed.</exception>
    public static IReadOnlyList<string> Destroy(Volume volume, Action<string> removed, CancellationToken cancel)
    {
        foreach (var name in OwnNames)
        {
            if (!volume.TryStat(name, out var stat))
            {
                continue;
            }

            if (stat.Kind == EntryKind.Folder)
            {
                RemoveTree(volume, name, 0, cancel);
                volume.RemoveFolder(name);
            }
            else
            {
                volume.Unlink(name);
            }

            removed(name);
        }

        // Hidden folders of ours beside the chunks, whatever a version called them.
        foreach (var entry in volume.List("").Where(entry => entry.Name.StartsWith(".holdfast-", StringComparison.Ordinal)))
        {
            if (entry.Kind == EntryKind.Folder)
            {
                RemoveTree(volume, entry.Name, 0, cancel);
                volume.RemoveFolder(entry.Name);
            }
            else
            {
                volume.Unlink(entry.Name);
            }
        }

        volume.SyncAll();
        return [.. volume.List("").Where(entry => entry.Name != "lost+found").Select(entry => entry.Name)];
    }

    private static void RemoveTree(Volume volume, string folder, int depth, CancellationToken cancel)
    {
        if (depth > FoldersDeepMax)
        {
            throw new RefusedException($"{folder}: folders lie deeper than a datastore has them");
        }

        foreach (var entry in volume.List(folder))
        {
            cancel.ThrowIfCancellationRequested();
            var path = folder + "/" + entry.Name;
            if (entry.Kind == EntryKind.Folder)
            {
                RemoveTree(volume, path, depth + 1, cancel);
                volume.RemoveFolder(path);
            }
            else
            {
                volume.Unlink(path);
            }
        }
    }
}
