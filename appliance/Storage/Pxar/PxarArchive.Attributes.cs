// The attributes between an entry's stat data and its body: gathered item by item, each kind at most as often as it can exist, all of them bounded.
using System.Buffers.Binary;

namespace Holdfast.Storage;

public sealed partial class PxarArchive
{
    private sealed class Attributes(PxarArchive owner)
    {
        private List<PxarXattr>? xattrs;
        private PxarAcl? acl;
        private byte[]? capabilities;
        private ulong? project;
        private ulong flags;
        private uint uid;
        private uint gid;
        private long mtimeS;
        private uint mtimeNs;
        private int count;
        private long sumBytes;

        public ulong Mode { get; private set; }

        public PxarMetadata ToMetadata() => new()
        {
            Mode = Mode, Flags = flags, Uid = uid, Gid = gid, MtimeS = mtimeS, MtimeNs = mtimeNs, Xattrs = xattrs ?? (IReadOnlyList<PxarXattr>)[],
            Acl = acl, FileCapabilities = capabilities, ProjectId = project,
        };

        /// <summary>The entry item itself, of today or of the first version.</summary>
        public void Stat(ulong type, long position, long size)
        {
            if (type is not (PxarFormat.Entry or PxarFormat.EntryV1))
            {
                throw owner.Corrupt(position, "an entry is expected");
            }

            var isNow = type == PxarFormat.Entry;
            var stat = owner.Fixed(position, size, isNow ? PxarFormat.EntrySize : PxarFormat.EntryV1Size);
            Mode = BinaryPrimitives.ReadUInt64LittleEndian(stat);
            flags = BinaryPrimitives.ReadUInt64LittleEndian(stat[8..]);
            uid = BinaryPrimitives.ReadUInt32LittleEndian(stat[16..]);
            gid = BinaryPrimitives.ReadUInt32LittleEndian(stat[20..]);
            if (isNow)
            {
                mtimeS = BinaryPrimitives.ReadInt64LittleEndian(stat[24..]);
                mtimeNs = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(stat[32..]), 999_999_999);
            }
            else
            {
                var time = BinaryPrimitives.ReadUInt64LittleEndian(stat[24..]);
                (mtimeS, mtimeNs) = ((long)(time / 1_000_000_000), (uint)(time % 1_000_000_000));
            }

            if (Mode > ushort.MaxValue || FileModes.KindOf(Mode) is null)
            {
                throw owner.Corrupt(position, "a mode that no file has");
            }
        }

        /// <summary>Takes an attribute; false if the item is none.</summary>
        public bool Take(ulong type, long position, long size)
        {
            switch (type)
            {
                case PxarFormat.Xattr:
                    TakeXattr(position, size);
                    break;
                case PxarFormat.Fcaps when capabilities is null:
                    capabilities = Bytes(position, size);
                    break;
                case PxarFormat.QuotaProjid when project is null:
                    project = owner.Word(position, size);
                    break;
                case PxarFormat.AclUser:
                    (acl ??= new PxarAcl()).Users.Add(AclEntry(position, size));
                    break;
                case PxarFormat.AclGroup:
                    (acl ??= new PxarAcl()).Groups.Add(AclEntry(position, size));
                    break;
                case PxarFormat.AclDefaultUser:
                    (acl ??= new PxarAcl()).DefaultUsers.Add(AclEntry(position, size));
                    break;
                case PxarFormat.AclDefaultGroup:
                    (acl ??= new PxarAcl()).DefaultGroups.Add(AclEntry(position, size));
                    break;
                case PxarFormat.AclGroupObj when acl?.GroupObject is null:
                    (acl ??= new PxarAcl()).GroupObject = owner.Word(position, size);
                    break;
                case PxarFormat.AclDefault when acl?.Default is null:
                    TakeDefault(position, size);
                    break;
                default:
                    return false;
            }

            sumBytes += size;
            return ++count <= PxarFormat.MaxAttributes && sumBytes <= PxarFormat.MaxAttributeBytes
                ? true
                : throw owner.Corrupt(position, "an entry has too many attributes");
        }

        private AclEntry AclEntry(long position, long size)
        {
            var (id, permissions) = owner.Pair(position, size);
            return new AclEntry(id, permissions);
        }

        private void TakeDefault(long position, long size)
        {
            var words = owner.Fixed(position, size, 32);
            (acl ??= new PxarAcl()).Default = new DefaultAcl(
                BinaryPrimitives.ReadUInt64LittleEndian(words), BinaryPrimitives.ReadUInt64LittleEndian(words[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(words[16..]), BinaryPrimitives.ReadUInt64LittleEndian(words[24..]));
        }

        private void TakeXattr(long position, long size)
        {
            var content = Bytes(position, size);
            var end = content.AsSpan().IndexOf((byte)0);
            if (end is <= 0 or > 255)
            {
                throw owner.Corrupt(position, "an extended attribute without a name");
            }

            (xattrs ??= []).Add(new PxarXattr(content[..end], content[(end + 1)..]));
        }

        private byte[] Bytes(long position, long size)
        {
            var length = size - PxarFormat.HeaderSize;
            if (length > PxarFormat.MaxXattrBytes)
            {
                throw owner.Corrupt(position, "an attribute is too long");
            }

            var content = new byte[length];
            owner.ReadContent(position + PxarFormat.HeaderSize, content);
            return content;
        }
    }
}
