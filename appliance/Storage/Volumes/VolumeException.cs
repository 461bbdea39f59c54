// A failed call on a volume: which call, which path, which error. Device errors are never mixed with bad content:
// that is CorruptDataException.
namespace Holdfast.Storage;

/// <summary>The errors that callers tell apart. Everything else is <see cref="Other"/> with its errno.</summary>
public enum VolumeError
{
    Other,
    NotFound,
    Exists,
    NoSpace,
    IoError,
    AccessDenied,
    ReadOnly,
    NotEmpty,
    NotADirectory,
    IsADirectory,
    NameTooLong,
    TooManyFiles,

    /// <summary>The volume saw an fsync fail earlier and accepts no write until it is reopened.</summary>
    Failed,

    /// <summary>A folder holds more entries than the caller's bound.</summary>
    TooManyEntries,
}

/// <summary>A call on a <see cref="Volume"/> failed.</summary>
public sealed class VolumeException(VolumeError error, int errno, string operation, string path)
    : StorageException($"{operation} '{path}' failed: {error}" + (errno == 0 ? "" : $" (errno {errno})"))
{
    public VolumeError Error { get; } = error;

    /// <summary>The system's error number, 0 where the refusal is ours.</summary>
    public int Errno { get; } = errno;

    public string Operation { get; } = operation;

    public string Path { get; } = path;

    /// <summary>Maps a Linux errno to the kinds that callers tell apart.</summary>
    public static VolumeError Classify(int errno) => errno switch
    {
        2 => VolumeError.NotFound,
        17 => VolumeError.Exists,
        28 or 122 or 27 => VolumeError.NoSpace, // ENOSPC, EDQUOT, EFBIG (RLIMIT_FSIZE)
        5 or 117 => VolumeError.IoError, // EIO, EUCLEAN
        1 or 13 => VolumeError.AccessDenied,
        30 => VolumeError.ReadOnly,
        39 => VolumeError.NotEmpty,
        20 => VolumeError.NotADirectory,
        21 => VolumeError.IsADirectory,
        36 => VolumeError.NameTooLong,
        23 or 24 => VolumeError.TooManyFiles,
        _ => VolumeError.Other,
    };
}
