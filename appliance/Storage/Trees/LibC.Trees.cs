// The libc calls for trees of files whose names are any bytes: open relative to a folder, never through a symbolic link, and everything about a node that a
// backup keeps. Numbers are those of 64-bit Linux.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

internal static unsafe partial class LibC
{
    public const int WriteOnlyFlag = 1;
    public const int NoTtyFlag = 0x100;
    public const int NonBlockFlag = 0x800;
    public const int NoAtimeFlag = 0x40000;
    public const int PathOnlyFlag = 0x200000;
    public const int EmptyPath = 0x1000;
    public const int Eperm = 1;
    public const int E2big = 7;
    public const int Ebadf = 9;
    public const int Eexist = 17;
    public const int Einval = 22;
    public const int Enotty = 25;
    public const int Enospc = 28;
    public const int Erange = 34;
    public const int Enosys = 38;
    public const int Eloop = 40;
    public const int Enodata = 61;
    public const int Eopnotsupp = 95;
    public const int Estale = 116;

    public const nuint GetFlags = 0x80086601;
    public const nuint SetFlags = 0x40086602;
    public const nuint GetFsXattr = 0x801c581f;
    public const nuint SetFsXattr = 0x401c5820;
    public const nuint GetFatFlags = 0x80047210;
    public const nuint SetFatFlags = 0x40047211;

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    public static partial nint ReadLinkAt(FdHandle dirFd, byte* path, byte* buffer, nint size);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    public static partial int SymlinkAt(byte* target, FdHandle dirFd, byte* path);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    public static partial int LinkAt(FdHandle fromFd, byte* from, FdHandle toFd, byte* to, int flags);

    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true)]
    public static partial int MknodAt(FdHandle dirFd, byte* path, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "flistxattr", SetLastError = true)]
    public static partial nint ListXattr(FdHandle fd, byte* names, nint size);

    [LibraryImport("libc", EntryPoint = "fgetxattr", SetLastError = true)]
    public static partial nint GetXattr(FdHandle fd, byte* name, byte* value, nint size);

    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true)]
    public static partial int SetXattr(FdHandle fd, byte* name, byte* value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    public static partial int Fchown(FdHandle fd, uint uid, uint gid);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    public static partial int FchownAt(FdHandle dirFd, byte* path, uint uid, uint gid, int flags);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    public static partial int Fchmod(FdHandle fd, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmodat", SetLastError = true)]
    public static partial int FchmodAt(FdHandle dirFd, byte* path, uint mode, int flags);

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    public static partial int Futimens(FdHandle fd, long* times);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(FdHandle fd, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "fstatfs64", SetLastError = true)]
    public static partial int Fstatfs(FdHandle fd, byte* buffer);

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    public static partial int Dup(FdHandle fd);

    [LibraryImport("libc", EntryPoint = "fcntl64", SetLastError = true)]
    public static partial int FcntlInt(FdHandle fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint Getegid();
}
