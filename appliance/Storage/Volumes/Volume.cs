// The one seam between storage and a file system: every byte of a datastore goes through it, so that faults can be
// injected. Paths are relative, with '/' between parts that were validated; nothing reaches outside the root.
// After a failed fsync or syncfs the volume refuses every write until it is reopened (the failure is never retried).
namespace Holdfast.Storage;

/// <summary>A folder tree on which a datastore lives. All calls may be made from several threads.</summary>
/// <remarks>Every call throws <see cref="VolumeException"/> on failure and nothing else.</remarks>
public abstract class Volume : IDisposable
{
    /// <summary>Longest relative path in characters; far above what a legal snapshot path needs.</summary>
    public const int MaxPathLength = 1024;

    /// <summary>More entries than this in one folder are refused by <see cref="List"/>.</summary>
    public const int MaxFolderEntries = 4_000_000;

    private volatile VolumeState state;

    public VolumeState State => state;

    /// <summary>Opens or creates a file; <paramref name="mode"/> applies when it is created.</summary>
    public VolumeFile Open(string path, FileUse use, int mode = 0x1A4)
    {
        Check(path, write: use != FileUse.Read);
        return OpenCore(path, use, mode);
    }

    /// <summary>Creates or replaces the content of a file as a whole. Durable only with <paramref name="sync"/>
    /// (fsync), and even then not its name.</summary>
    public void WriteWhole(string path, ReadOnlySpan<byte> data, bool sync)
    {
        Check(path, write: true);
        WriteWholeCore(path, data, sync);
    }

    /// <summary>Reads a whole file and returns its length.</summary>
    /// <param name="expectedSizeBytes">What a stat said: only a hint how to read.</param>
    /// <exception cref="CorruptDataException">It is longer than the buffer.</exception>
    public int ReadWhole(string path, Span<byte> buffer, long expectedSizeBytes)
    {
        Check(path, write: false);
        return ReadWholeCore(path, buffer, (int)Math.Clamp(expectedSizeBytes, 0, int.MaxValue));
    }

    public void MakeFolder(string path, int mode = 0x1ED)
    {
        Check(path, write: true);
        MakeFolderCore(path, mode);
    }

    /// <summary>Atomic; replaces a file that has the new name.</summary>
    public void Rename(string from, string to)
    {
        Check(from, write: true);
        Check(to, write: true);
        RenameCore(from, to);
    }

    public void Unlink(string path)
    {
        Check(path, write: true);
        UnlinkCore(path);
    }

    public void RemoveFolder(string path)
    {
        Check(path, write: true);
        RemoveFolderCore(path);
    }

    /// <summary>The entries of a folder in no particular order; "" is the root.</summary>
    public List<VolumeEntry> List(string path, int maxEntries = MaxFolderEntries)
    {
        Check(path, write: false);
        return ListCore(path, maxEntries);
    }

    /// <summary>Every name of a folder, in no particular order and without bound, as it is read: for folders whose entries are only looked at.</summary>
    public void ForEachName(string path, NameTaker take)
    {
        Check(path, write: false);
        ForEachNameCore(path, take);
    }

    /// <summary>False if there is nothing of that name.</summary>
    public bool TryStat(string path, out VolumeStat stat)
    {
        Check(path, write: false);
        return TryStatCore(path, out stat);
    }

    /// <summary>Sets the access time to now and leaves the modify time. False if there is no such file.</summary>
    public bool Touch(string path)
    {
        Check(path, write: true);
        return TouchCore(path);
    }

    /// <summary>fsync of a folder: its entries become durable.</summary>
    public void SyncFolder(string path)
    {
        Check(path, write: true);
        SyncFolderCore(path);
    }

    /// <summary>syncfs: everything written to the volume before the call becomes durable.</summary>
    public void SyncAll()
    {
        Check("", write: true);
        SyncAllCore();
    }

    public VolumeSpace Space() => SpaceCore();

    /// <summary>Locks an existing file or folder without waiting; null if somebody else holds it.</summary>
    public IDisposable? TryLock(string path, LockMode mode, LockKind kind = LockKind.Flock)
    {
        Check(path, write: false);
        return TryLockCore(path, mode, kind);
    }

    /// <summary>Makes a held record lock exclusive or shared without letting go of it; false, and nothing changed, if others hold it too.</summary>
    /// <param name="held">What <see cref="TryLock"/> gave for <see cref="LockKind.Record"/>.</param>
    public bool TryChangeLock(IDisposable held, LockMode mode) => TryChangeLockCore(held, mode);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract VolumeFile OpenCore(string path, FileUse use, int mode);

    protected virtual void WriteWholeCore(string path, ReadOnlySpan<byte> data, bool sync)
    {
        using var file = OpenCore(path, FileUse.Create, 0x1A4);
        file.Write(data, 0);
        if (sync)
        {
            file.Sync();
        }
    }

    protected virtual int ReadWholeCore(string path, Span<byte> buffer, int expectedSizeBytes)
    {
        using var file = OpenCore(path, FileUse.Read, 0);
        var size = file.SizeBytes;
        if (size > buffer.Length)
        {
            throw new CorruptDataException(path, "file is larger than allowed");
        }

        file.ReadExactly(buffer[..(int)size], 0);
        return (int)size;
    }

    protected abstract void MakeFolderCore(string path, int mode);

    protected abstract void RenameCore(string from, string to);

    protected abstract void UnlinkCore(string path);

    protected abstract void RemoveFolderCore(string path);

    protected abstract List<VolumeEntry> ListCore(string path, int maxEntries);

    protected virtual void ForEachNameCore(string path, NameTaker take)
    {
        foreach (var entry in ListCore(path, int.MaxValue))
        {
            take(System.Text.Encoding.UTF8.GetBytes(entry.Name), entry.Kind);
        }
    }

    protected abstract bool TryStatCore(string path, out VolumeStat stat);

    protected abstract bool TouchCore(string path);

    protected abstract void SyncFolderCore(string path);

    protected abstract void SyncAllCore();

    protected abstract VolumeSpace SpaceCore();

    protected abstract IDisposable? TryLockCore(string path, LockMode mode, LockKind kind);

    protected abstract bool TryChangeLockCore(IDisposable held, LockMode mode);

    protected abstract void Dispose(bool disposing);

    /// <summary>Called where an fsync failed, before the exception goes up.</summary>
    protected internal void MarkFailed() => state = VolumeState.Failed;

    /// <summary>Throws when the volume takes no writes any more.</summary>
    protected internal void EnsureWritable(string operation, string path)
    {
        if (state == VolumeState.Failed)
        {
            throw new VolumeException(VolumeError.Failed, 0, operation, path);
        }
    }

    /// <summary>True for "" and for 'a/b/c' whose parts are neither empty, '.', '..' nor contain NUL.</summary>
    public static bool IsLegalPath(ReadOnlySpan<char> path)
    {
        if (path.Length == 0)
        {
            return true;
        }

        if (path.Length > MaxPathLength || path.Contains('\0'))
        {
            return false;
        }

        while (true)
        {
            var slash = path.IndexOf('/');
            var part = slash < 0 ? path : path[..slash];
            if (part.Length == 0 || part is "." or "..")
            {
                return false;
            }

            if (slash < 0)
            {
                return true;
            }

            path = path[(slash + 1)..];
        }
    }

    private void Check(string path, bool write)
    {
        if (!IsLegalPath(path))
        {
            throw new VolumeException(VolumeError.AccessDenied, 0, "illegal path", path.Length > 100 ? "(long)" : path);
        }

        if (write)
        {
            EnsureWritable("write", path);
        }
    }
}
