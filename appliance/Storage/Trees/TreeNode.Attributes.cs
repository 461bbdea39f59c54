// Attributes of an open node, as the kernel has them: extended attributes, owner, mode, times, flags.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

public sealed unsafe partial class TreeNode
{
    private const int XattrListMax = 64 * 1024;
    private const int XattrValueMax = 64 * 1024;

    /// <summary>True if attributes of others may be set.</summary>
    public static bool IsPrivileged => LibC.Geteuid() == 0;

    /// <summary>User and group that this process makes files as.</summary>
    public static (uint Uid, uint Gid) Identity => (LibC.Geteuid(), LibC.Getegid());

    /// <summary>Names of extended attributes, each without NUL; null where there are none or can be none.</summary>
    public List<byte[]>? ListXattrs()
    {
        Span<byte> few = stackalloc byte[512];
        nint length;
        fixed (byte* names = few)
        {
            length = LibC.ListXattr(fd, names, few.Length);
        }

        if (length == 0 || (length < 0 && IsWithout(Marshal.GetLastPInvokeError())))
        {
            return null;
        }

        if (length > 0)
        {
            return SplitNames(few[..(int)length]);
        }

        if (Marshal.GetLastPInvokeError() != LibC.Erange)
        {
            throw Error("listxattr", default, Marshal.GetLastPInvokeError());
        }

        var many = new byte[XattrListMax];
        fixed (byte* names = many)
        {
            length = LibC.ListXattr(fd, names, many.Length);
        }

        ThrowIf((int)Math.Min(length, 0), "listxattr", default);
        return SplitNames(many.AsSpan(0, (int)length));
    }

    /// <summary>Value of an extended attribute; null if it is not there.</summary>
    public byte[]? GetXattr(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        Span<byte> few = stackalloc byte[256];
        var native = Native(name, buffer);
        var length = GetXattr(native, few);
        if (length >= 0)
        {
            return few[..(int)length].ToArray();
        }

        var errno = Marshal.GetLastPInvokeError();
        if (errno == LibC.Erange)
        {
            var many = new byte[XattrValueMax];
            length = GetXattr(native, many);
            ThrowIf((int)Math.Min(length, 0), "getxattr", name);
            return many[..(int)length];
        }

        return IsWithout(errno) ? null : throw Error("getxattr", name, errno);
    }

    public void SetXattr(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        byte nothing = 0;
        fixed (byte* native = Native(name, buffer), data = value)
        {
            ThrowIf(LibC.SetXattr(fd, native, data == null ? &nothing : data, value.Length, 0), "setxattr", name);
        }
    }

    public void SetOwner(uint uid, uint gid) => ThrowIf(LibC.Fchown(fd, uid, gid), "chown", default);

    /// <summary>Owner of a child, of the link itself if it is one.</summary>
    public void SetOwner(ReadOnlySpan<byte> name, uint uid, uint gid)
    {
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            ThrowIf(LibC.FchownAt(fd, native, uid, gid, LibC.SymlinkNoFollow), "chown", name);
        }
    }

    public void SetMode(uint permissions) => ThrowIf(LibC.Fchmod(fd, permissions), "chmod", default);

    /// <summary>Mode of a child that this process has just made and that is no symbolic link.</summary>
    public void SetMode(ReadOnlySpan<byte> name, uint permissions)
    {
        // There is no chmod that does not follow links on every kernel: through the magic link of a descriptor that was opened without following.
        using var child = Open(name, Use.Look);
        Span<byte> path = stackalloc byte[40];
        System.Text.Unicode.Utf8.TryWrite(path, $"/proc/self/fd/{(int)child.fd.DangerousGetHandle()}\0", out _);
        fixed (byte* native = path)
        {
            ThrowIf(LibC.FchmodAt(fd, native, permissions, 0), "chmod", name);
        }
    }

    /// <summary>Sets the modification time and leaves the access time.</summary>
    public void SetMtime(long seconds, uint nanoseconds)
    {
        var times = stackalloc long[] { 0, LibC.UtimeOmit, seconds, nanoseconds };
        ThrowIf(LibC.Futimens(fd, times), "utimens", default);
    }

    /// <summary>Modification time of a child, of the link itself if it is one.</summary>
    public void SetMtime(ReadOnlySpan<byte> name, long seconds, uint nanoseconds)
    {
        var times = stackalloc long[] { 0, LibC.UtimeOmit, seconds, nanoseconds };
        Span<byte> buffer = stackalloc byte[NameBytes];
        fixed (byte* native = Native(name, buffer))
        {
            ThrowIf(LibC.Utimensat(fd, native, times, LibC.SymlinkNoFollow), "utimens", name);
        }
    }

    /// <summary>chattr flags; 0 where the file system has none.</summary>
    public uint GetFlags()
    {
        long flags = 0;
        return Ioctl(LibC.GetFlags, &flags) ? (uint)flags : 0;
    }

    /// <summary>False if the file system has none.</summary>
    public bool SetFlags(uint flags)
    {
        long value = flags;
        return Ioctl(LibC.SetFlags, &value);
    }

    /// <summary>FAT attributes; 0 elsewhere.</summary>
    public uint GetFatFlags()
    {
        uint flags = 0;
        return Ioctl(LibC.GetFatFlags, &flags) ? flags : 0;
    }

    /// <summary>False if the file system has none.</summary>
    public bool SetFatFlags(uint flags) => Ioctl(LibC.SetFatFlags, &flags);

    /// <summary>Quota project id; 0 for none.</summary>
    public uint GetProjectId()
    {
        var attributes = stackalloc uint[7];
        return Ioctl(LibC.GetFsXattr, attributes) ? attributes[3] : 0;
    }

    /// <summary>False if the file system has none.</summary>
    public bool SetProjectId(uint project)
    {
        var attributes = stackalloc uint[7];
        if (!Ioctl(LibC.GetFsXattr, attributes))
        {
            return false;
        }

        attributes[3] = project;
        return Ioctl(LibC.SetFsXattr, attributes);
    }

    private static bool IsWithout(int errno) => errno is LibC.Enodata or LibC.Eopnotsupp or LibC.Ebadf;

    private static List<byte[]> SplitNames(ReadOnlySpan<byte> names)
    {
        var list = new List<byte[]>();
        foreach (var range in names.Split((byte)0))
        {
            if (!names[range].IsEmpty)
            {
                list.Add(names[range].ToArray());
            }
        }

        return list;
    }

    private nint GetXattr(Span<byte> native, Span<byte> value)
    {
        fixed (byte* name = native, target = value)
        {
            return LibC.GetXattr(fd, name, target, value.Length);
        }
    }

    private bool Ioctl(nuint request, void* argument)
    {
        if (LibC.Ioctl(fd, request, argument) >= 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno is LibC.Enotty or LibC.Enosys or LibC.Ebadf or LibC.Eopnotsupp or LibC.Einval
            ? false
            : throw Error("ioctl", default, errno);
    }
}
