// POSIX ACLs between the kernel's attribute (system.posix_acl_access, _default: version 2, then tag, permissions and id per entry) and a pxar archive, which
// keeps only what the mode does not say.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>Conversion both ways.</summary>
public static class PosixAcl
{
    private const uint Version = 2;
    private const int EntrySize = 8;
    private const ushort UserObj = 1;
    private const ushort User = 2;
    private const ushort GroupObj = 4;
    private const ushort Group = 8;
    private const ushort Mask = 16;
    private const ushort Other = 32;

    public static ReadOnlySpan<byte> AccessName => "system.posix_acl_access"u8;

    public static ReadOnlySpan<byte> DefaultName => "system.posix_acl_default"u8;

    /// <summary>Adds an access ACL as the kernel gives it; false if it is none.</summary>
    public static bool TryAddAccess(ReadOnlySpan<byte> value, PxarAcl acl)
    {
        if (!TryParse(value, acl.Users, acl.Groups, out var named))
        {
            return false;
        }

        // With a mask the mode's group bits are the mask, so the group's own permissions must be kept.
        acl.GroupObject = named.Mask != PxarAcl.None && named.Group != PxarAcl.None ? named.Group : null;
        return true;
    }

    /// <summary>Adds a default ACL; false if it is none.</summary>
    public static bool TryAddDefault(ReadOnlySpan<byte> value, PxarAcl acl)
    {
        if (!TryParse(value, acl.DefaultUsers, acl.DefaultGroups, out var named))
        {
            return false;
        }

        acl.Default = named is { Owner: PxarAcl.None, Group: PxarAcl.None, Other: PxarAcl.None, Mask: PxarAcl.None } ? null : named;
        return true;
    }

    /// <summary>The access ACL for the kernel.</summary>
    /// <param name="mode">Mode of the entry.</param>
    public static byte[] Access(PxarAcl acl, ulong mode)
    {
        var groupBits = (mode >> 3) & 7;
        var hasNamed = acl.Users.Count > 0 || acl.Groups.Count > 0;
        return Encode(
            (mode >> 6) & 7, acl.Users, acl.GroupObject ?? groupBits, acl.Groups, acl.GroupObject is not null || hasNamed ? groupBits : PxarAcl.None,
            mode & 7);
    }

    /// <summary>The default ACL for the kernel; null if there is none.</summary>
    public static byte[]? Default(PxarAcl acl) => acl.Default is { } named
        ? Encode(named.Owner, acl.DefaultUsers, named.Group, acl.DefaultGroups, named.Mask, named.Other)
        : null;

    private static bool TryParse(ReadOnlySpan<byte> value, List<AclEntry> users, List<AclEntry> groups, out DefaultAcl named)
    {
        named = new DefaultAcl(PxarAcl.None, PxarAcl.None, PxarAcl.None, PxarAcl.None);
        if (value.Length < 4 || (value.Length - 4) % EntrySize != 0 || BinaryPrimitives.ReadUInt32LittleEndian(value) != Version)
        {
            return false;
        }

        for (var rest = value[4..]; !rest.IsEmpty; rest = rest[EntrySize..])
        {
            ulong permissions = BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]);
            ulong id = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            switch (BinaryPrimitives.ReadUInt16LittleEndian(rest))
            {
                case UserObj:
                    named = named with { Owner = permissions };
                    break;
                case GroupObj:
                    named = named with { Group = permissions };
                    break;
                case Other:
                    named = named with { Other = permissions };
                    break;
                case Mask:
                    named = named with { Mask = permissions };
                    break;
                case User:
                    users.Add(new AclEntry(id, permissions));
                    break;
                case Group:
                    groups.Add(new AclEntry(id, permissions));
                    break;
                default:
                    return false;
            }
        }

        users.Sort(Compare);
        groups.Sort(Compare);
        return true;
    }

    private static int Compare(AclEntry a, AclEntry b) => a.Id != b.Id ? a.Id.CompareTo(b.Id) : a.Permissions.CompareTo(b.Permissions);

    /// <summary>Entries in the order that the kernel wants.</summary>
    private static byte[] Encode(ulong owner, List<AclEntry> users, ulong group, List<AclEntry> groups, ulong mask, ulong other)
    {
        var entries = new List<(ushort Tag, ulong Permissions, ulong Id)>();
        void Named(ushort tag, ulong permissions)
        {
            if (permissions != PxarAcl.None)
            {
                entries.Add((tag, permissions, uint.MaxValue));
            }
        }

        Named(UserObj, owner);
        entries.AddRange(users.Order(Comparer<AclEntry>.Create(Compare)).Select(one => (User, one.Permissions, one.Id)));
        Named(GroupObj, group);
        entries.AddRange(groups.Order(Comparer<AclEntry>.Create(Compare)).Select(one => (Group, one.Permissions, one.Id)));
        Named(Mask, mask);
        Named(Other, other);
        var value = new byte[4 + (entries.Count * EntrySize)];
        BinaryPrimitives.WriteUInt32LittleEndian(value, Version);
        for (var i = 0; i < entries.Count; i++)
        {
            var target = value.AsSpan(4 + (i * EntrySize));
            BinaryPrimitives.WriteUInt16LittleEndian(target, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(target[2..], (ushort)(entries[i].Permissions & 7));
            BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)entries[i].Id);
        }

        return value;
    }
}
