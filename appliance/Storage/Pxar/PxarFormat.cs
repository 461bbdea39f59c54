// Constants of the pxar format (reference 3.13), and the bounds that a reader keeps to: an archive comes from anywhere.
namespace Holdfast.Storage;

/// <summary>What the bytes of a pxar archive mean.</summary>
public static class PxarFormat
{
    /// <summary>Type and full size of an item, 8 bytes each.</summary>
    public const int HeaderSize = 16;

    /// <summary>Longest name of an entry, and longest target of a link.</summary>
    public const int MaxPathBytes = 4096;

    /// <summary>Longest name and value of an extended attribute together.</summary>
    public const int MaxXattrBytes = 255 + (64 * 1024);

    /// <summary>Folders inside each other. A path of the system's own calls has no more.</summary>
    public const int MaxDepth = 2048;

    /// <summary>Attributes of one entry, extended ones and ACL entries together.</summary>
    public const int MaxAttributes = 16 * 1024;

    /// <summary>Bytes of all attributes of one entry.</summary>
    public const int MaxAttributeBytes = 8 * 1024 * 1024;

    internal const ulong FormatVersion = 0x730f6c75df16a40d;
    internal const ulong Prelude = 0xe309d79d9f7b771b;
    internal const ulong Entry = 0xd5956474e588acef;
    internal const ulong EntryV1 = 0x11da850a1c1cceff;
    internal const ulong FileName = 0x16701121063917b3;
    internal const ulong Symlink = 0x27f971e7dbf5dc5f;
    internal const ulong Device = 0x9fc9e906586d5ce9;
    internal const ulong Xattr = 0x0dab0229b57dcd03;
    internal const ulong AclUser = 0x2ce8540a457d55b8;
    internal const ulong AclGroup = 0x136e3eceb04c03ab;
    internal const ulong AclGroupObj = 0x10868031e9582876;
    internal const ulong AclDefault = 0xbbbb13415a6896f5;
    internal const ulong AclDefaultUser = 0xc89357b40532cd1f;
    internal const ulong AclDefaultGroup = 0xf90a8a5816038ffe;
    internal const ulong Fcaps = 0x2da9dd9db5f7fb67;
    internal const ulong QuotaProjid = 0xe07540e82f7d1cbb;
    internal const ulong HardLink = 0x51269c8422bd7275;
    internal const ulong Payload = 0x28147a1b0b7c1a25;
    internal const ulong PayloadRef = 0x419d3d6bc4ba977e;
    internal const ulong Goodbye = 0x2fec4fa642d5731d;
    internal const ulong GoodbyeTail = 0xef5eed5b753e1555;
    internal const ulong PayloadStart = 0x834c68c2194a4ed2;

    internal const int EntrySize = 40;
    internal const int EntryV1Size = 32;

    /// <summary>Hash of a name in a goodbye table.</summary>
    public static ulong HashName(ReadOnlySpan<byte> name) => SipHash.Compute(0x83ac3f1cfbb450db, 0xaa4f1b6879369fbd, name);

    /// <summary>One component of a path and nothing else: no slash, no NUL, neither `.` nor `..`, not empty, not too long.</summary>
    public static bool IsLegalName(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= MaxPathBytes && !name.ContainsAny((byte)'/', (byte)0)
        && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8);
}

/// <summary>What an entry is.</summary>
public enum PxarKind
{
    Folder,
    File,
    Symlink,
    HardLink,
    BlockDevice,
    CharDevice,
    Fifo,
    Socket,
}

/// <summary>The file type bits of a mode.</summary>
public static class FileModes
{
    public const uint TypeMask = 0xF000;
    public const uint Socket = 0xC000;
    public const uint Symlink = 0xA000;
    public const uint Regular = 0x8000;
    public const uint BlockDevice = 0x6000;
    public const uint Folder = 0x4000;
    public const uint CharDevice = 0x2000;
    public const uint Fifo = 0x1000;

    /// <summary>Permissions with set-user-id, set-group-id and sticky.</summary>
    public const uint PermissionMask = 0xFFF;

    /// <summary>The kind that a mode says; null for none that exists.</summary>
    public static PxarKind? KindOf(ulong mode) => (uint)(mode & TypeMask) switch
    {
        Regular => PxarKind.File,
        Folder => PxarKind.Folder,
        Symlink => PxarKind.Symlink,
        BlockDevice => PxarKind.BlockDevice,
        CharDevice => PxarKind.CharDevice,
        Fifo => PxarKind.Fifo,
        Socket => PxarKind.Socket,
        _ => null,
    };
}
