// Encodes the items of a pxar archive (reference 3.13) in the order that PBS's own encoder has, so that the same tree gives the same bytes.
using System.Buffers;
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>Appends items to a buffer.</summary>
public static class PxarItems
{
    /// <summary>Name of the entry that follows.</summary>
    /// <exception cref="RefusedException">Not a name of one path component.</exception>
    public static void FileName(IBufferWriter<byte> output, ReadOnlySpan<byte> name)
    {
        if (!PxarFormat.IsLegalName(name))
        {
            throw new RefusedException("a name that no archive can hold");
        }

        Zeroed(output, PxarFormat.FileName, name);
    }

    /// <summary>Stat data and attributes.</summary>
    public static void Metadata(IBufferWriter<byte> output, PxarMetadata metadata)
    {
        var span = Header(output, PxarFormat.Entry, PxarFormat.EntrySize);
        BinaryPrimitives.WriteUInt64LittleEndian(span, metadata.Mode);
        BinaryPrimitives.WriteUInt64LittleEndian(span[8..], metadata.Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(span[16..], metadata.Uid);
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], metadata.Gid);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], metadata.MtimeS);
        BinaryPrimitives.WriteUInt32LittleEndian(span[32..], metadata.MtimeNs);
        BinaryPrimitives.WriteUInt32LittleEndian(span[36..], 0);
        foreach (var xattr in metadata.Xattrs)
        {
            var content = Header(output, PxarFormat.Xattr, xattr.Name.Length + 1 + xattr.Value.Length);
            xattr.Name.CopyTo(content);
            content[xattr.Name.Length] = 0;
            xattr.Value.CopyTo(content[(xattr.Name.Length + 1)..]);
        }

        if (metadata.Acl is { } acl)
        {
            Acl(output, acl);
        }

        if (metadata.FileCapabilities is { } capabilities)
        {
            capabilities.CopyTo(Header(output, PxarFormat.Fcaps, capabilities.Length));
        }

        if (metadata.ProjectId is { } project)
        {
            Words(output, PxarFormat.QuotaProjid, project);
        }
    }

    /// <summary>Head of a file's content; so many bytes must follow.</summary>
    public static void PayloadHeader(IBufferWriter<byte> output, long sizeBytes)
    {
        var span = output.GetSpan(PxarFormat.HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(span, PxarFormat.Payload);
        BinaryPrimitives.WriteInt64LittleEndian(span[8..], sizeBytes + PxarFormat.HeaderSize);
        output.Advance(PxarFormat.HeaderSize);
    }

    public static void Symlink(IBufferWriter<byte> output, ReadOnlySpan<byte> target) => Zeroed(output, PxarFormat.Symlink, target);

    public static void Device(IBufferWriter<byte> output, ulong major, ulong minor) => Words(output, PxarFormat.Device, major, minor);

    /// <param name="distanceBytes">From the name item of the file that is linked to the name item of this entry.</param>
    /// <param name="target">Path of that file inside the archive.</param>
    public static void HardLink(IBufferWriter<byte> output, long distanceBytes, ReadOnlySpan<byte> target)
    {
        var content = Header(output, PxarFormat.HardLink, 8 + target.Length + 1);
        BinaryPrimitives.WriteInt64LittleEndian(content, distanceBytes);
        target.CopyTo(content[8..]);
        content[^1] = 0;
    }

    private static void Acl(IBufferWriter<byte> output, PxarAcl acl)
    {
        Entries(output, PxarFormat.AclUser, acl.Users);
        Entries(output, PxarFormat.AclGroup, acl.Groups);
        if (acl.GroupObject is { } group)
        {
            Words(output, PxarFormat.AclGroupObj, group);
        }

        if (acl.Default is { } defaults)
        {
            Words(output, PxarFormat.AclDefault, defaults.Owner, defaults.Group, defaults.Other, defaults.Mask);
        }

        Entries(output, PxarFormat.AclDefaultUser, acl.DefaultUsers);
        Entries(output, PxarFormat.AclDefaultGroup, acl.DefaultGroups);
    }

    private static void Entries(IBufferWriter<byte> output, ulong type, List<AclEntry> entries)
    {
        foreach (var entry in entries)
        {
            Words(output, type, entry.Id, entry.Permissions);
        }
    }

    private static void Words(IBufferWriter<byte> output, ulong type, params ReadOnlySpan<ulong> words)
    {
        var content = Header(output, type, words.Length * 8);
        for (var i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content[(8 * i)..], words[i]);
        }
    }

    private static void Zeroed(IBufferWriter<byte> output, ulong type, ReadOnlySpan<byte> text)
    {
        var content = Header(output, type, text.Length + 1);
        text.CopyTo(content);
        content[^1] = 0;
    }

    /// <summary>Writes the head and hands out the content, which the caller fills at once.</summary>
    internal static Span<byte> Header(IBufferWriter<byte> output, ulong type, int contentBytes)
    {
        var size = PxarFormat.HeaderSize + contentBytes;
        var span = output.GetSpan(size)[..size];
        BinaryPrimitives.WriteUInt64LittleEndian(span, type);
        BinaryPrimitives.WriteInt64LittleEndian(span[8..], size);
        output.Advance(size);
        return span[PxarFormat.HeaderSize..];
    }
}
