// Small values that the Volume seam speaks in.
namespace Holdfast.Storage;

/// <summary>What a directory entry is.</summary>
public enum EntryKind
{
    File,
    Folder,
    Other,
}

/// <summary>One entry of a folder.</summary>
public readonly record struct VolumeEntry(string Name, EntryKind Kind);

/// <summary>Takes one name of a folder: its bytes, valid during the call only.</summary>
public delegate void NameTaker(ReadOnlySpan<byte> name, EntryKind kind);

/// <summary>What is known about a file or folder without opening it. Times are nanoseconds since the epoch.</summary>
public readonly record struct VolumeStat(
    EntryKind Kind, long SizeBytes, long AccessTimeNs, long ModifyTimeNs, int Mode, ulong Inode);

/// <summary>Space of the file system in bytes; Available is what an unprivileged writer may still use.</summary>
public readonly record struct VolumeSpace(long TotalBytes, long UsedBytes, long AvailableBytes)
{
    /// <summary>Files and folders that can still be made; null where the file system has no fixed number of them.</summary>
    public long? FreeInodes { get; init; }
}

/// <summary>Shared or exclusive.</summary>
public enum LockMode
{
    Shared,
    Exclusive,
}

/// <summary>flock on the open file, or a record lock over the whole file (fcntl, seen by PBS's F_SETLK).</summary>
public enum LockKind
{
    Flock,
    Record,
}

/// <summary>Whether a volume still takes writes.</summary>
public enum VolumeState
{
    Healthy,

    /// <summary>An fsync or syncfs failed: what is on disk is unknown. Reads go on, writes are refused until
    /// reopened.</summary>
    Failed,
}

/// <summary>How a file is opened.</summary>
public enum FileUse
{
    /// <summary>Read an existing file.</summary>
    Read,

    /// <summary>Read and write an existing file.</summary>
    Write,

    /// <summary>Create; fails with Exists.</summary>
    CreateNew,

    /// <summary>Create, or truncate what is there.</summary>
    Create,
}
