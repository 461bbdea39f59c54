// The real volume: a folder of a Linux file system, every path opened relative to one descriptor of the root that
// lives as long as the volume. Symbolic links are not followed at the last part. EINTR is repeated, all other errors
// go up typed. That descriptor is also what syncfs is called on, so write-back errors of any file reach us.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Storage;

/// <summary>A <see cref="Volume"/> over a folder of the machine.</summary>
public sealed unsafe partial class DiskVolume : Volume
{
    private const int PathBytes = (MaxPathLength * 3) + 1;

    private readonly FdHandle root;

    private DiskVolume(FdHandle root, bool direct) => (this.root, directWorks) = (root, direct);

    /// <summary>Opens an existing folder, given by an absolute or process-relative path.</summary>
    /// <param name="direct">Large whole files go past the page cache where the file system can.</param>
    public static DiskVolume OpenFolder(string folder, bool direct = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var bytes = new byte[Encoding.UTF8.GetByteCount(folder) + 1];
        Encoding.UTF8.GetBytes(folder, bytes);
        fixed (byte* path = bytes)
        {
            var flags = LibC.ReadOnlyFlag | LibC.DirectoryFlag | LibC.CloseOnExecFlag;
            int fd;
            do
            {
                fd = LibC.OpenAt(LibC.AtFdCwd, path, flags, 0);
            }
            while (fd < 0 && Marshal.GetLastPInvokeError() == LibC.Eintr);

            if (fd < 0)
            {
                throw Error("open", folder, Marshal.GetLastPInvokeError());
            }

            return new DiskVolume(new FdHandle(fd), direct);
        }
    }

    protected override VolumeFile OpenCore(string path, FileUse use, int mode)
    {
        var flags = use switch
        {
            FileUse.Read => LibC.ReadOnlyFlag,
            FileUse.Write => LibC.ReadWriteFlag,
            FileUse.CreateNew => LibC.ReadWriteFlag | LibC.CreateFlag | LibC.ExclusiveFlag,
            _ => LibC.ReadWriteFlag | LibC.CreateFlag | LibC.TruncateFlag,
        };
        return new DiskFile(this, path, OpenFd(path, flags | LibC.NoFollowFlag, mode, "open"));
    }

    protected override void MakeFolderCore(string path, int mode)
    {
        Span<byte> buffer = stackalloc byte[PathBytes];
        fixed (byte* native = Native(path, buffer))
        {
            ThrowIfNegative(LibC.MkdirAt(root, native, mode), "mkdir", path);
        }
    }

    protected override void RenameCore(string from, string to)
    {
        Span<byte> fromBuffer = stackalloc byte[PathBytes];
        Span<byte> toBuffer = stackalloc byte[PathBytes];
        fixed (byte* nativeFrom = Native(from, fromBuffer), nativeTo = Native(to, toBuffer))
        {
            ThrowIfNegative(LibC.RenameAt(root, nativeFrom, root, nativeTo), "rename", to);
        }
    }

    protected override void UnlinkCore(string path) => Remove(path, 0, "unlink");

    protected override void RemoveFolderCore(string path) => Remove(path, LibC.RemoveDir, "rmdir");

    protected override bool TryStatCore(string path, out VolumeStat stat)
    {
        Span<byte> buffer = stackalloc byte[PathBytes];
        Span<byte> statx = stackalloc byte[256];
        int result;
        fixed (byte* native = Native(path, buffer), target = statx)
        {
            result = LibC.Statx(root, native, LibC.SymlinkNoFollow, 0x7FF, target);
        }

        if (result < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            stat = default;
            return errno == LibC.Enoent ? false : throw Error("stat", path, errno);
        }

        var mode = BinaryPrimitives.ReadUInt16LittleEndian(statx[28..]);
        var kind = (mode & 0xF000) switch
        {
            0x8000 => EntryKind.File,
            0x4000 => EntryKind.Folder,
            _ => EntryKind.Other,
        };
        stat = new VolumeStat(
            kind, BinaryPrimitives.ReadInt64LittleEndian(statx[40..]), Time(statx[64..]), Time(statx[112..]),
            mode & 0xFFF, BinaryPrimitives.ReadUInt64LittleEndian(statx[32..]));
        return true;
    }

    protected override bool TouchCore(string path)
    {
        Span<byte> buffer = stackalloc byte[PathBytes];
        var times = stackalloc long[4];
        times[1] = LibC.UtimeNow;
        times[3] = LibC.UtimeOmit;
        fixed (byte* native = Native(path, buffer))
        {
            if (LibC.Utimensat(root, native, times, LibC.SymlinkNoFollow) >= 0)
            {
                return true;
            }

            var errno = Marshal.GetLastPInvokeError();
            return errno == LibC.Enoent ? false : throw Error("touch", path, errno);
        }
    }

    protected override List<VolumeEntry> ListCore(string path, int maxEntries)
    {
        // The descriptor goes to the directory stream, which closes it.
        var dir = LibC.FdOpenDir(DetachFd(OpenFd(path, LibC.DirectoryFlag | LibC.NoFollowFlag, 0, "list")));
        if (dir == 0)
        {
            throw Error("list", path, Marshal.GetLastPInvokeError());
        }

        try
        {
            var entries = new List<VolumeEntry>();
            while (true)
            {
                Marshal.SetLastSystemError(0);
                var entry = LibC.ReadDir(dir);
                if (entry == null)
                {
                    var errno = Marshal.GetLastPInvokeError();
                    return errno == 0 ? entries : throw Error("list", path, errno);
                }

                var name = Marshal.PtrToStringUTF8((nint)(entry + 19))!;
                if (name is "." or "..")
                {
                    continue;
                }

                if (entries.Count >= maxEntries)
                {
                    throw new VolumeException(VolumeError.TooManyEntries, 0, "list", path);
                }

                entries.Add(new VolumeEntry(name, KindOf(entry[18], path, name)));
            }
        }
        finally
        {
            _ = LibC.CloseDir(dir);
        }
    }

    protected override void SyncFolderCore(string path)
    {
        using var fd = OpenFd(path, LibC.DirectoryFlag, 0, "open folder");
        SyncOrFail(LibC.Fsync(fd), "fsync folder", path);
    }

    protected override void SyncAllCore() => SyncOrFail(LibC.Syncfs(root), "syncfs", "");

    protected override VolumeSpace SpaceCore()
    {
        Span<byte> buffer = stackalloc byte[256];
        fixed (byte* native = buffer)
        {
            ThrowIfNegative(LibC.Fstatvfs(root, native), "statvfs", "");
        }

        var unit = BinaryPrimitives.ReadInt64LittleEndian(buffer[8..]);
        var blocks = BinaryPrimitives.ReadInt64LittleEndian(buffer[16..]);
        var free = BinaryPrimitives.ReadInt64LittleEndian(buffer[24..]);
        var available = BinaryPrimitives.ReadInt64LittleEndian(buffer[32..]);
        var inodes = BinaryPrimitives.ReadInt64LittleEndian(buffer[40..]);
        return new VolumeSpace(blocks * unit, (blocks - free) * unit, available * unit)
        {
            FreeInodes = inodes > 0 ? BinaryPrimitives.ReadInt64LittleEndian(buffer[56..]) : null,
        };
    }

    protected override IDisposable? TryLockCore(string path, LockMode mode, LockKind kind)
    {
        var fd = OpenToLock(path, kind);
        int result;
        if (kind == LockKind.Flock)
        {
            result = LibC.Flock(fd, (mode == LockMode.Shared ? 1 : 2) | 4);
        }
        else
        {
            result = SetRecordLock(fd, mode);
        }

        if (result >= 0)
        {
            return fd;
        }

        var errno = Marshal.GetLastPInvokeError();
        fd.Dispose();
        return errno is LibC.Eagain or LibC.Eacces ? null : throw Error("lock", path, errno);
    }

    /// <summary>For writing where that is possible: a record lock that is or may become exclusive needs it, and on NFS an exclusive flock does too, as
    /// it is one there (flock(2), NFS details). A folder can only be opened for reading; its flock is this machine's alone on NFS.</summary>
    private FdHandle OpenToLock(string path, LockKind kind)
    {
        try
        {
            return OpenFd(path, LibC.ReadWriteFlag | LibC.NoFollowFlag, 0, "lock");
        }
        catch (VolumeException fault) when (kind == LockKind.Flock
            && fault.Error is VolumeError.IsADirectory or VolumeError.AccessDenied or VolumeError.ReadOnly)
        {
            return OpenFd(path, LibC.ReadOnlyFlag | LibC.NoFollowFlag, 0, "lock");
        }
    }

    protected override bool TryChangeLockCore(IDisposable held, LockMode mode)
    {
        if (SetRecordLock((FdHandle)held, mode) >= 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno is LibC.Eagain or LibC.Eacces ? false : throw Error("lock", "", errno);
    }

    protected override void Dispose(bool disposing) => root.Dispose();

    internal static VolumeException Error(string operation, string path, int errno) =>
        new(VolumeException.Classify(errno), errno, operation, path);

    internal void SyncOrFail(int result, string operation, string path)
    {
        if (result >= 0)
        {
            return;
        }

        // Not even EINTR is repeated: after a failed sync the kernel may have dropped the dirty pages.
        var errno = Marshal.GetLastPInvokeError();
        MarkFailed();
        throw Error(operation, path, errno);
    }

    /// <summary>Over the whole file, owned by the open file; setting it anew changes its mode without a gap.</summary>
    private static int SetRecordLock(FdHandle fd, LockMode mode)
    {
        var request = stackalloc byte[32];
        new Span<byte>(request, 32).Clear();
        request[0] = mode == LockMode.Shared ? (byte)0 : (byte)1;
        return LibC.FcntlLock(fd, LibC.OfdSetLock, request);
    }

    private static int DetachFd(FdHandle handle)
    {
        var fd = (int)handle.DangerousGetHandle();
        handle.SetHandleAsInvalid();
        return fd;
    }

    private static long Time(ReadOnlySpan<byte> timestamp) =>
        (BinaryPrimitives.ReadInt64LittleEndian(timestamp) * 1_000_000_000)
        + BinaryPrimitives.ReadUInt32LittleEndian(timestamp[8..]);

    /// <summary>The path as NUL-terminated UTF-8; the root is ".".</summary>
    private static ReadOnlySpan<byte> Native(string path, Span<byte> buffer)
    {
        if (path.Length == 0)
        {
            return ".\0"u8;
        }

        var length = Encoding.UTF8.GetBytes(path, buffer);
        buffer[length] = 0;
        return buffer[..(length + 1)];
    }

    private static void ThrowIfNegative(int result, string operation, string path)
    {
        if (result < 0)
        {
            throw Error(operation, path, Marshal.GetLastPInvokeError());
        }
    }

    private FdHandle OpenFd(string path, int flags, int mode, string operation)
    {
        Span<byte> buffer = stackalloc byte[PathBytes];
        fixed (byte* native = Native(path, buffer))
        {
            while (true)
            {
                var fd = LibC.OpenAt(root, native, flags | LibC.CloseOnExecFlag, mode);
                if (fd >= 0)
                {
                    return new FdHandle(fd);
                }

                var errno = Marshal.GetLastPInvokeError();
                if (errno != LibC.Eintr)
                {
                    throw Error(operation, path, errno);
                }
            }
        }
    }

    private void Remove(string path, int flags, string operation)
    {
        Span<byte> buffer = stackalloc byte[PathBytes];
        fixed (byte* native = Native(path, buffer))
        {
            ThrowIfNegative(LibC.UnlinkAt(root, native, flags), operation, path);
        }
    }

    private EntryKind KindOf(byte type, string folder, string name)
    {
        switch (type)
        {
            case 8:
                return EntryKind.File;
            case 4:
                return EntryKind.Folder;
            case 0:
                // Some file systems do not say; ask. An entry that vanished meanwhile is nothing we use.
                var path = folder.Length == 0 ? name : folder + "/" + name;
                return TryStatCore(path, out var stat) ? stat.Kind : EntryKind.Other;
            default:
                return EntryKind.Other;
        }
    }
}
