// What a pxar archive keeps of an entry besides name and content. Numbers are as the kernel has them; nothing is interpreted.
namespace Holdfast.Storage;

/// <summary>An extended attribute; the name without NUL.</summary>
public sealed record PxarXattr(byte[] Name, byte[] Value);

/// <summary>A named user or group of an ACL. Permissions: read 4, write 2, execute 1.</summary>
public readonly record struct AclEntry(ulong Id, ulong Permissions);

/// <summary>Base entries of a default ACL; <see cref="PxarAcl.None"/> where one is absent.</summary>
public sealed record DefaultAcl(ulong Owner, ulong Group, ulong Other, ulong Mask);

/// <summary>POSIX ACLs of an entry, without what the mode says already.</summary>
public sealed class PxarAcl
{
    /// <summary>Placeholder of a missing entry.</summary>
    public const ulong None = ulong.MaxValue;

    public List<AclEntry> Users { get; init; } = [];

    public List<AclEntry> Groups { get; init; } = [];

    /// <summary>Permissions of the owning group, where the mode's group bits hold the mask.</summary>
    public ulong? GroupObject { get; set; }

    public DefaultAcl? Default { get; set; }

    public List<AclEntry> DefaultUsers { get; init; } = [];

    public List<AclEntry> DefaultGroups { get; init; } = [];

    public bool HasAccess => Users.Count > 0 || Groups.Count > 0 || GroupObject is not null;

    public bool IsEmpty => !HasAccess && Default is null && DefaultUsers.Count == 0 && DefaultGroups.Count == 0;
}

/// <summary>Attributes of an entry.</summary>
public sealed class PxarMetadata
{
    /// <summary>A hard link has none of its own.</summary>
    public static readonly PxarMetadata None = new();

    /// <summary>Type and permissions as in stat.</summary>
    public ulong Mode { get; init; }

    /// <summary>File attributes (chattr) in PBS's own numbering: <see cref="FileAttributeFlags"/>.</summary>
    public ulong Flags { get; init; }

    public uint Uid { get; init; }

    public uint Gid { get; init; }

    /// <summary>Modification time, seconds since the epoch; may lie before it.</summary>
    public long MtimeS { get; init; }

    /// <summary>Nanoseconds on top, 0 to 999,999,999.</summary>
    public uint MtimeNs { get; init; }

    public IReadOnlyList<PxarXattr> Xattrs { get; init; } = [];

    public PxarAcl? Acl { get; init; }

    /// <summary>Value of security.capability.</summary>
    public byte[]? FileCapabilities { get; init; }

    /// <summary>Quota project id of ext4, XFS, ZFS; null for none.</summary>
    public ulong? ProjectId { get; init; }
}
