// Every index file anywhere below a datastore: in snapshots, finished or not, and where nobody would look for one. Hidden folders are left out, as PBS does;
// what can't be listed or named ends the search, because an index that is overlooked would cost its chunks.
namespace Holdfast.Storage;

/// <summary>An index file as it was when it was found; the same values later mean the same content.</summary>
internal readonly record struct IndexFile(string Path, ulong Inode, long SizeBytes, long ModifyTimeNs)
{
    /// <summary>Does it lie in a snapshot's folder?</summary>
    public bool IsInPlace
    {
        get
        {
            var parts = Path.Split('/');
            var first = 0;
            while (parts.Length - first > 4 && parts[first] == "ns")
            {
                first += 2;
            }

            return parts.Length - first == 4 && parts[first] is "vm" or "ct" or "host" && SnapshotName.TryParseTime(parts[first + 2], out _);
        }
    }
}

internal static class IndexFiles
{
    /// <summary>What a name holds where it was no UTF-8.</summary>
    private const char Replacement = '\uFFFD';

    /// <summary>All index files below a folder, "" for the whole store. What vanishes meanwhile is left out.</summary>
    /// <exception cref="VolumeException">A folder can't be read.</exception>
    /// <exception cref="CorruptDataException">An index that is no file, or a name that can't be spoken.</exception>
    public static List<IndexFile> Find(Volume volume, string below, CancellationToken cancel)
    {
        var found = new List<IndexFile>();
        var folders = new Stack<string>([below]);
        while (folders.TryPop(out var folder))
        {
            cancel.ThrowIfCancellationRequested();
            foreach (var entry in ListOf(volume, folder))
            {
                var path = folder.Length == 0 ? entry.Name : folder + "/" + entry.Name;
                if (entry.Kind == EntryKind.Folder)
                {
                    if (entry.Name[0] != '.')
                    {
                        folders.Push(Speakable(path));
                    }
                }
                else if (entry.Name.EndsWith(".fidx", StringComparison.Ordinal) || entry.Name.EndsWith(".didx", StringComparison.Ordinal))
                {
                    Take(volume, Speakable(path), found);
                }
            }
        }

        found.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return found;
    }

    private static void Take(Volume volume, string path, List<IndexFile> found)
    {
        if (volume.TryStat(path, out var stat))
        {
            found.Add(stat.Kind == EntryKind.File
                ? new IndexFile(path, stat.Inode, stat.SizeBytes, stat.ModifyTimeNs)
                : throw new CorruptDataException(path, "has the name of an index and is no file"));
        }
    }

    private static List<VolumeEntry> ListOf(Volume volume, string folder)
    {
        try
        {
            return volume.List(folder);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound && folder.Length > 0)
        {
            return [];
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.AccessDenied && folder == "lost+found")
        {
            return []; // The file system's own, made by mkfs; everywhere else a folder that can't be read ends the search.
        }
    }

    private static string Speakable(string path) =>
        path.Contains(Replacement) ? throw new CorruptDataException(path, "its name is not UTF-8, so it can't be opened") : path;
}
