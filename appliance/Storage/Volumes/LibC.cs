// The few libc calls that a volume needs and .NET does not offer as such (openat, fsync of folders, syncfs, locks,
// utimensat). Layouts are those of 64-bit Linux; open flags that differ by processor are chosen at start.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Storage;

/// <summary>A file descriptor that closes itself.</summary>
internal sealed class FdHandle : SafeHandleMinusOneIsInvalid
{
    public FdHandle(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}

/// <summary>A struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public byte* Start;
    public nint Length;
}

internal static unsafe partial class LibC
{
    public const int AtFdCwd = -100;
    public const int ReadOnlyFlag = 0;
    public const int ReadWriteFlag = 2;
    public const int CreateFlag = 0x40;
    public const int ExclusiveFlag = 0x80;
    public const int TruncateFlag = 0x200;
    public const int CloseOnExecFlag = 0x80000;
    public const int SymlinkNoFollow = 0x100;
    public const int RemoveDir = 0x200;
    public const int Eintr = 4;
    public const int Enoent = 2;
    public const int Eagain = 11;
    public const int Eacces = 13;
    public const long UtimeNow = 0x3FFFFFFF;
    public const long UtimeOmit = 0x3FFFFFFE;
    public const int OfdSetLock = 37;
    public const int SyncFileRangeWrite = 2;
    public const int ReadNoWait = 8;

    private static readonly bool Arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static int DirectoryFlag => Arm ? 0x4000 : 0x10000;

    public static int DirectFlag => Arm ? 0x10000 : 0x4000;

    public static int NoFollowFlag => Arm ? 0x8000 : 0x20000;

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial int OpenAt(int dirFd, byte* path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial int OpenAt(FdHandle dirFd, byte* path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "pread64", SetLastError = true)]
    public static partial nint Pread(FdHandle fd, byte* buffer, nint count, long offset);

    /// <summary>preadv2 with RWF_NOWAIT: what the page cache has, and nothing that has to be waited for.</summary>
    [LibraryImport("libc", EntryPoint = "preadv64v2", SetLastError = true)]
    public static partial nint Preadv2(FdHandle fd, IoVector* vectors, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "pwrite64", SetLastError = true)]
    public static partial nint Pwrite(FdHandle fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "ftruncate64", SetLastError = true)]
    public static partial int Ftruncate(FdHandle fd, long size);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Fsync(FdHandle fd);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    public static partial int Syncfs(FdHandle fd);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    public static partial int SyncFileRange(FdHandle fd, long offset, long count, uint flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    public static partial int RenameAt(FdHandle fromFd, byte* from, FdHandle toFd, byte* to);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    public static partial int UnlinkAt(FdHandle dirFd, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    public static partial int MkdirAt(FdHandle dirFd, byte* path, int mode);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    public static partial int Utimensat(FdHandle dirFd, byte* path, long* times, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    public static partial int Statx(FdHandle dirFd, byte* path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "fstatvfs64", SetLastError = true)]
    public static partial int Fstatvfs(FdHandle fd, byte* buffer);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(FdHandle fd, int operation);

    [LibraryImport("libc", EntryPoint = "fcntl64", SetLastError = true)]
    public static partial int FcntlLock(FdHandle fd, int command, byte* flock);

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    public static partial nint GetDents(FdHandle fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    public static partial nint FdOpenDir(int fd);

    [LibraryImport("libc", EntryPoint = "readdir64", SetLastError = true)]
    public static partial byte* ReadDir(nint dir);

    [LibraryImport("libc", EntryPoint = "closedir")]
    public static partial int CloseDir(nint dir);
}
