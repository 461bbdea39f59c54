// The chunk store's side of a collection: chunks are set aside, put back and removed under the same lock under which they are inserted, after a look at who
// holds them. Nothing here decides what is garbage.
namespace Holdfast.Storage;

public sealed partial class ChunkStore
{
    /// <summary>Chunks between decision and removal: on the same file system, outside the chunk folder, hidden from a PBS that adopts the store.</summary>
    public const string TrashFolder = ".holdfast-trash";

    /// <summary>"DIGEST.tmp_...": an insert that did not come to its end, ours or a PBS's.</summary>
    internal const string TemporaryMark = ".tmp_";

    /// <summary>Moves a chunk out of the way; false if somebody holds it or it is gone.</summary>
    /// <param name="sizeBytes">As seen when it was found.</param>
    internal bool TrySetAside(in Digest digest, long sizeBytes)
    {
        lock (StripeOf(digest))
        {
            return !Holders.IsHeld(digest) && TryTake(digest, sizeBytes, toTrash: true);
        }
    }

    /// <summary>Removes a chunk at once; false if somebody holds it or it is gone.</summary>
    internal bool TryRemove(in Digest digest, long sizeBytes)
    {
        lock (StripeOf(digest))
        {
            return !Holders.IsHeld(digest) && TryTake(digest, sizeBytes, toTrash: false);
        }
    }

    /// <summary>Puts a chunk back that was set aside. If it was stored anew meanwhile, the older file goes.</summary>
    internal void PutBack(in Digest digest, long sizeBytes)
    {
        var path = PathOf(digest);
        lock (StripeOf(digest))
        {
            if (volume.TryStat(path, out _))
            {
                AtomicFile.Unlink(volume, TrashPathOf(digest));
                return;
            }

            Usage.Begin(digest.Prefix);
            try
            {
                volume.Rename(TrashPathOf(digest), path);
            }
            catch
            {
                Usage.End(digest.Prefix, 0, 0);
                throw;
            }

            Usage.End(digest.Prefix, 1, sizeBytes);
            Usage.Remember(digest);
        }
    }

    /// <summary>Removes for good what was set aside.</summary>
    internal void RemoveAside(in Digest digest) => AtomicFile.Unlink(volume, TrashPathOf(digest));

    /// <summary>Removes a file beside the chunks (set aside as bad, or left by an interrupted insert) while nobody inserts its chunk.</summary>
    internal bool TryRemoveBeside(in Digest digest, string fileName)
    {
        lock (StripeOf(digest))
        {
            return AtomicFile.Unlink(volume, FolderOf(digest.Prefix) + "/" + fileName);
        }
    }

    /// <summary>After a crash or a disk that did not obey: all that lies in the trash goes back to its place. What is garbage will be
    /// found to be so again.</summary>
    internal void EmptyTrash()
    {
        if (!volume.TryStat(TrashFolder, out _))
        {
            return;
        }

        foreach (var entry in volume.List(TrashFolder, int.MaxValue))
        {
            if (entry.Kind == EntryKind.File && Digest.TryParse(entry.Name, out var digest))
            {
                AtomicFile.MakeFolder(volume, FolderOf(digest.Prefix), Datastore.FolderMode);
                PutBack(digest, volume.TryStat(TrashPathOf(digest), out var stat) ? stat.SizeBytes : 0);
            }
        }

        RemoveTrashFolder();
    }

    /// <summary>Durable on return: what is moved into it must not be lost with it.</summary>
    internal void MakeTrashFolder()
    {
        if (AtomicFile.MakeFolder(volume, TrashFolder, Datastore.FolderMode))
        {
            volume.SyncFolder("");
        }
    }

    /// <summary>It stays if something lies in it that is none of ours.</summary>
    internal void RemoveTrashFolder()
    {
        try
        {
            volume.RemoveFolder(TrashFolder);
        }
        catch (VolumeException fault) when (fault.Error is VolumeError.NotEmpty or VolumeError.NotFound)
        {
            // See above.
        }
    }

    private static string TrashPathOf(in Digest digest) => TrashFolder + "/" + digest;

    private Lock StripeOf(in Digest digest) => stripes[digest.GetHashCode() & (StripeCount - 1)];

    private bool TryTake(in Digest digest, long sizeBytes, bool toTrash)
    {
        var isTaken = false;
        Usage.Begin(digest.Prefix);
        try
        {
            if (toTrash)
            {
                volume.Rename(PathOf(digest), TrashPathOf(digest));
            }
            else
            {
                volume.Unlink(PathOf(digest));
            }

            return isTaken = true;
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            return false;
        }
        finally
        {
            Usage.End(digest.Prefix, isTaken ? -1 : 0, isTaken ? -sizeBytes : 0);
        }
    }

    private void Unlink(string path, int prefix, long sizeBytes)
    {
        Usage.Begin(prefix);
        var isDone = false;
        try
        {
            volume.Unlink(path);
            isDone = true;
        }
        finally
        {
            Usage.End(prefix, isDone ? -1 : 0, isDone ? -sizeBytes : 0);
        }
    }

    /// <summary>A chunk that is set aside as corrupt. The next collection looks at every name again: bad chunks are counted there.</summary>
    private void RenameCounted(string path, int prefix, string badPath)
    {
        volume.TryStat(path, out var stat);
        Usage.Begin(prefix);
        var isDone = false;
        try
        {
            volume.Rename(path, badPath);
            isDone = true;
        }
        finally
        {
            Usage.End(prefix, isDone ? -1 : 0, isDone ? -stat.SizeBytes : 0);
            Usage.Doubt();
        }
    }

    private void WriteCounted(string path, in Digest digest, ReadOnlySpan<byte> raw, bool isNew, long oldSizeBytes)
    {
        Usage.Begin(digest.Prefix);
        var isDone = false;
        try
        {
            Write(path, digest, raw);
            isDone = true;
        }
        finally
        {
            Usage.End(digest.Prefix, isDone && isNew ? 1 : 0, isDone ? raw.Length - (isNew ? 0 : oldSizeBytes) : 0);
        }

        if (isNew)
        {
            Usage.Remember(digest);
        }
    }
}
