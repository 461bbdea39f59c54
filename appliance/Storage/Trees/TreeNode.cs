// An open file or folder of the machine, reached by name relative to another one and never through a symbolic link. Names are bytes: a file system knows no
// encoding. EINTR is repeated; other errors go up typed, with the name in a form that can be shown.
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Storage;

/// <summary>What stat says of a node.</summary>
public readonly record struct NodeStat(
    uint Mode, uint Uid, uint Gid, long SizeBytes, ulong Inode, uint LinkCount, ulong Device, ulong RawDevice, long MtimeS, uint MtimeNs)
{
    /// <summary>Null for a type that no archive knows.</summary>
    public PxarKind? Kind => FileModes.KindOf(Mode);

    /// <summary>Which file this is, whatever its names.</summary>
    public (ulong Device, ulong Inode) Identity => (Device, Inode);
}

/// <summary>One name of a folder; the type is a hint of the file system, 0 if it gives none.</summary>
public readonly record struct FolderName(byte[] Name, byte Type)
{
    public bool MayBeFolder => Type is 0 or 4;

    public bool MayBeFile => Type is 0 or 8;
}

/// <summary>An open node. Calls do not depend on each other, so several threads may use it.</summary>
[SkipLocalsInit]
public sealed unsafe partial class TreeNode : IDisposable
{
    private readonly FdHandle fd;

    private TreeNode(FdHandle fd) => this.fd = fd;

    /// <summary>How a node is opened.</summary>
    public enum Use
    {
        /// <summary>To read content, names and attributes. Does not change the access time where that is allowed.</summary>
        Read,

        /// <summary>Only to look at it: works for links, devices, sockets.</summary>
        Look,
    }

    /// <summary>Opens a folder by a path of the machine; symbolic links are followed, the user named it.</summary>
    public static TreeNode OpenFolder(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        fixed (byte* native = bytes)
        {
            int result;
            do
            {
                result = LibC.OpenAt(LibC.AtFdCwd, native, LibC.DirectoryFlag | LibC.CloseOnExecFlag, 0);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == LibC.Eintr);

            return result >= 0 ? new TreeNode(new FdHandle(result)) : throw Error("open", Encoding.UTF8.GetBytes(path), Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Opens a child; a symbolic link itself is only looked at, never followed.</summary>
    /// <exception cref="VolumeException">NotFound, AccessDenied ...</exception>
    public TreeNode Open(ReadOnlySpan<byte> name, Use use)
    {
        var flags = LibC.NoFollowFlag | LibC.CloseOnExecFlag | LibC.NoTtyFlag;
        if (use == Use.Look)
        {
            return new TreeNode(new FdHandle(OpenFd(name, flags | LibC.PathOnlyFlag, 0)));
        }

        // Not to wait for a fifo that took a file's place meanwhile.
        flags |= LibC.NonBlockFlag;
        var result = TryOpen(name, flags | LibC.NoAtimeFlag, 0, out var errno);
        return result < 0 && errno == LibC.Eperm
            ? new TreeNode(new FdHandle(OpenFd(name, flags, 0)))
            : result >= 0 ? new TreeNode(new FdHandle(result)) : throw Error("open", name, errno);
    }

    /// <summary>Opens a child that must be a folder.</summary>
    public TreeNode OpenChildFolder(ReadOnlySpan<byte> name) =>
        new(new FdHandle(OpenFd(name, LibC.DirectoryFlag | LibC.NoFollowFlag | LibC.CloseOnExecFlag, 0)));

    /// <summary>Makes a file that was not there before.</summary>
    /// <exception cref="VolumeException">Exists: the name is taken, be it by a symbolic link.</exception>
    public TreeNode CreateFile(ReadOnlySpan<byte> name) => new(new FdHandle(OpenFd(
        name, LibC.WriteOnlyFlag | LibC.CreateFlag | LibC.ExclusiveFlag | LibC.NoFollowFlag | LibC.CloseOnExecFlag, 0x180)));

    public NodeStat Stat()
    {
        byte nothing = 0;
        Span<byte> statx = stackalloc byte[256];
        fixed (byte* target = statx)
        {
            ThrowIf(LibC.Statx(fd, &nothing, LibC.EmptyPath | LibC.SymlinkNoFollow, 0x7FF, target), "stat", default);
        }

        return Parse(statx);
    }

    /// <summary>Stat of a child, of the link itself if it is one; null if there is none.</summary>
    public NodeStat? TryStat(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        Span<byte> statx = stackalloc byte[256];
        fixed (byte* native = Native(name, buffer), target = statx)
        {
            if (LibC.Statx(fd, native, LibC.SymlinkNoFollow, 0x7FF, target) >= 0)
            {
                return Parse(statx);
            }
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno == LibC.Enoent ? null : throw Error("stat", name, errno);
    }

    /// <summary>Reads at an offset; fewer bytes only at the end.</summary>
    public int Read(Span<byte> buffer, long offset)
    {
        var done = 0;
        while (done < buffer.Length)
        {
            nint count;
            fixed (byte* target = buffer[done..])
            {
                count = LibC.Pread(fd, target, buffer.Length - done, offset + done);
            }

            if (count < 0 && Marshal.GetLastPInvokeError() == LibC.Eintr)
            {
                continue;
            }

            ThrowIf((int)Math.Min(count, 0), "read", default);
            if (count == 0)
            {
                break;
            }

            done += (int)count;
        }

        return done;
    }

    /// <summary>Writes all at an offset.</summary>
    public void Write(ReadOnlySpan<byte> data, long offset)
    {
        while (data.Length > 0)
        {
            nint count;
            fixed (byte* source = data)
            {
                count = LibC.Pwrite(fd, source, data.Length, offset);
            }

            if (count < 0 && Marshal.GetLastPInvokeError() == LibC.Eintr)
            {
                continue;
            }

            ThrowIf((int)Math.Min(count, 0), "write", default);
            data = data[(int)count..];
            offset += count;
        }
    }

    /// <summary>Sets the length: what was not written is a hole.</summary>
    public void SetLength(long sizeBytes) => ThrowIf(LibC.Ftruncate(fd, sizeBytes), "truncate", default);

    public void MakeFolder(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            ThrowIf(LibC.MkdirAt(fd, native, 0x1C0), "mkdir", name);
        }
    }

    public void MakeSymlink(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        Span<byte> targetBuffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer), nativeTarget = Native(target, targetBuffer))
        {
            ThrowIf(LibC.SymlinkAt(nativeTarget, fd, native), "symlink", name);
        }
    }

    /// <summary>One more name for a file, which is not followed if it is a symbolic link.</summary>
    public void MakeHardLink(ReadOnlySpan<byte> name, TreeNode folder, ReadOnlySpan<byte> linked)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        Span<byte> linkedBuffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer), nativeLinked = Native(linked, linkedBuffer))
        {
            ThrowIf(LibC.LinkAt(folder.fd, nativeLinked, fd, native, 0), "link", name);
        }
    }

    /// <summary>A device, fifo or socket, closed to everybody until its mode is set.</summary>
    public void MakeSpecial(ReadOnlySpan<byte> name, uint type, ulong rawDevice)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            ThrowIf(LibC.MknodAt(fd, native, type | 0x180, rawDevice), "mknod", name);
        }
    }

    /// <summary>Removes a child that is no folder.</summary>
    public void Unlink(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            ThrowIf(LibC.UnlinkAt(fd, native, 0), "unlink", name);
        }
    }

    /// <summary>Target of a child that is a symbolic link.</summary>
    public byte[] ReadLink(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        Span<byte> target = stackalloc byte[NameBytes];
        nint length;
        fixed (byte* native = Native(name, buffer), into = target)
        {
            length = LibC.ReadLinkAt(fd, native, into, target.Length);
        }

        ThrowIf((int)Math.Min(length, 0), "readlink", name);
        return length <= PxarFormat.MaxPathBytes ? target[..(int)length].ToArray() : throw Error("readlink", name, 36);
    }

    /// <summary>All names but `.` and `..`, in no order.</summary>
    /// <param name="maxNames">More are an error.</param>
    public List<FolderName> List(int maxNames)
    {
        // fdopendir takes the descriptor over, and its position is shared: a fresh one is opened.
        var fresh = OpenFd("."u8, LibC.DirectoryFlag | LibC.CloseOnExecFlag, 0);
        var dir = LibC.FdOpenDir(fresh);
        if (dir == 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            _ = LibC.Close(fresh);
            throw Error("opendir", default, errno);
        }

        try
        {
            return Read(dir, maxNames);
        }
        finally
        {
            _ = LibC.CloseDir(dir);
        }
    }

    /// <summary>The file system's magic number.</summary>
    public long FileSystemType()
    {
        Span<byte> statfs = stackalloc byte[256];
        fixed (byte* target = statfs)
        {
            ThrowIf(LibC.Fstatfs(fd, target), "statfs", default);
        }

        return BinaryPrimitives.ReadInt64LittleEndian(statfs);
    }

    public void Dispose() => fd.Dispose();

    /// <summary>A name as people can read it: what is not printable UTF-8 is written as \xNN.</summary>
    public static string Show(ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder(name.Length);
        while (!name.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(name, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done && !Rune.IsControl(rune))
            {
                text.Append(rune);
            }
            else
            {
                foreach (var one in name[..length])
                {
                    text.Append("\\x").Append(one.ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
                }
            }

            name = name[length..];
        }

        return text.ToString();
    }

    private const int NameBytes = PxarFormat.MaxPathBytes + 1;

    private static List<FolderName> Read(nint dir, int maxNames)
    {
        var names = new List<FolderName>();
        while (true)
        {
            Marshal.SetLastSystemError(0);
            var entry = LibC.ReadDir(dir);
            if (entry == null)
            {
                var errno = Marshal.GetLastPInvokeError();
                return errno == 0 ? names : throw Error("readdir", default, errno);
            }

            var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry + 19);
            if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            {
                continue;
            }

            names.Add(new FolderName(name.ToArray(), entry[18]));
            if (names.Count > maxNames)
            {
                throw new VolumeException(VolumeError.TooManyEntries, 0, "readdir", ".");
            }
        }
    }

    private static NodeStat Parse(ReadOnlySpan<byte> statx)
    {
        static ulong Device(uint major, uint minor) => ((ulong)(major & 0xfffff000) << 32) | ((ulong)(major & 0xfff) << 8)
            | ((ulong)(minor & 0xffffff00) << 12) | (minor & 0xff);
        static uint Word(ReadOnlySpan<byte> span, int at) => BinaryPrimitives.ReadUInt32LittleEndian(span[at..]);
        return new NodeStat(
            BinaryPrimitives.ReadUInt16LittleEndian(statx[28..]), Word(statx, 20), Word(statx, 24), BinaryPrimitives.ReadInt64LittleEndian(statx[40..]),
            BinaryPrimitives.ReadUInt64LittleEndian(statx[32..]), Word(statx, 16), Device(Word(statx, 136), Word(statx, 140)),
            Device(Word(statx, 128), Word(statx, 132)), BinaryPrimitives.ReadInt64LittleEndian(statx[112..]), Word(statx, 120));
    }

    private int OpenFd(ReadOnlySpan<byte> name, int flags, int mode)
    {
        var result = TryOpen(name, flags, mode, out var errno);
        return result >= 0 ? result : throw Error("open", name, errno);
    }

    private int TryOpen(ReadOnlySpan<byte> name, int flags, int mode, out int errno)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            while (true)
            {
                var result = LibC.OpenAt(fd, native, flags, mode);
                errno = result < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (errno != LibC.Eintr)
                {
                    return result;
                }
            }
        }
    }

    private static Span<byte> Native(ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        if (name.Length >= buffer.Length || name.Contains((byte)0))
        {
            throw Error("use", name, 36);
        }

        name.CopyTo(buffer);
        buffer[name.Length] = 0;
        return buffer;
    }

    private static void ThrowIf(int result, string operation, ReadOnlySpan<byte> name)
    {
        if (result < 0)
        {
            throw Error(operation, name, Marshal.GetLastPInvokeError());
        }
    }

    private static VolumeException Error(string operation, ReadOnlySpan<byte> name, int errno) =>
        new(VolumeException.Classify(errno), errno, operation, name.IsEmpty ? "." : Show(name.Length > 512 ? name[..512] : name));
}
