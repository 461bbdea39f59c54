// Reads a pxar archive of version 1 or 2 at any place (reference 3.13). Nothing in it is believed: every size is compared with the item's kind and with what
// is left of the archive, positions only ascend, and memory is bounded by PxarFormat's limits whatever the bytes say.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>An open archive. One thread at a time; the files stay their owner's.</summary>
public sealed partial class PxarArchive
{
    private const int PreludeMax = 16 * 1024 * 1024;

    private readonly ReadableFile archive;
    private readonly ReadableFile? payload;
    private readonly byte[] head = new byte[PxarFormat.HeaderSize];
    private readonly byte[] fixedPart = new byte[PxarFormat.EntrySize];

    private PxarArchive(ReadableFile archive, ReadableFile? payload)
    {
        (this.archive, this.payload) = (archive, payload);
        End = archive.SizeBytes;
        Root = ReadRoot();
    }

    /// <summary>The root folder.</summary>
    public PxarEntry Root { get; }

    /// <summary>Length of the archive (of the metadata in a split one).</summary>
    public long End { get; }

    /// <summary>1: all in one; 2: content in a stream of its own.</summary>
    public int Version { get; private set; } = 1;

    /// <param name="payload">The payload stream of a split archive; without it names and metadata can be read.</param>
    /// <exception cref="CorruptDataException">Not a pxar archive.</exception>
    public static PxarArchive Open(ReadableFile archive, ReadableFile? payload = null) => new(archive, payload);

    /// <summary>The type of the item at a position.</summary>
    internal (ulong Type, long SizeBytes) Header(long position, long end)
    {
        if (position < 0 || end - position < PxarFormat.HeaderSize)
        {
            throw Corrupt(position, "an item is cut short");
        }

        archive.ReadExactly(head, position);
        var type = BinaryPrimitives.ReadUInt64LittleEndian(head);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8));
        return size >= PxarFormat.HeaderSize && size <= (ulong)(end - position)
            ? (type, (long)size)
            : throw Corrupt(position, "an item does not fit the archive");
    }

    /// <summary>Reads the name item at a position and the entry that follows it.</summary>
    /// <param name="end">Nothing of the entry's own items lies behind it.</param>
    internal PxarEntry ReadNamed(long position, long end)
    {
        var (type, size) = Header(position, end);
        if (type != PxarFormat.FileName)
        {
            throw Corrupt(position, "a name is expected");
        }

        var name = ReadText(position, size, PxarFormat.MaxPathBytes + 1);
        return PxarFormat.IsLegalName(name.Span)
            ? ReadEntry(position, name, position + size, end)
            : throw Corrupt(position, "a name that is none");
    }

    internal CorruptDataException Corrupt(long position, string reason) => new(archive.Name, $"{reason} (at {position})");

    /// <summary>Reads the whole of a small item's content.</summary>
    internal void ReadContent(long position, Span<byte> target) => archive.ReadExactly(target, position);

    private PxarEntry ReadRoot()
    {
        long position = 0;
        var (type, size) = Header(0, End);
        if (type == PxarFormat.FormatVersion)
        {
            Version = (int)Math.Min(Word(position, size), int.MaxValue);
            if (Version is not (1 or 2))
            {
                throw Corrupt(0, "unknown format version");
            }

            position += size;
            (type, size) = Header(position, End);
            if (type == PxarFormat.Prelude)
            {
                position += size <= PreludeMax ? size : throw Corrupt(position, "the prelude is too long");
            }
        }

        CheckPayloadStart();
        var root = ReadEntry(position, default, position, End);
        return root.Kind == PxarKind.Folder ? root : throw Corrupt(position, "the archive does not start with a folder");
    }

    private void CheckPayloadStart()
    {
        if (payload is null)
        {
            return;
        }

        payload.ReadExactly(head, 0);
        if (BinaryPrimitives.ReadUInt64LittleEndian(head) != PxarFormat.PayloadStart)
        {
            throw new CorruptDataException(payload.Name, "the payload stream has no start marker");
        }
    }

    private PxarEntry ReadEntry(long itemStart, ReadOnlyMemory<byte> name, long position, long end)
    {
        var (type, size) = Header(position, end);
        if (type == PxarFormat.HardLink)
        {
            return ReadHardLink(itemStart, name, position, size);
        }

        var start = position;
        var attributes = new Attributes(this);
        attributes.Stat(type, position, size);
        position += size;
        while (true)
        {
            // A fifo or a socket may be the last thing that a reader of a part sees.
            if (position == end && FileModes.KindOf(attributes.Mode) is PxarKind.Fifo or PxarKind.Socket)
            {
                return Plain(itemStart, name, start, attributes, position);
            }

            (type, size) = Header(position, end);
            if (!attributes.Take(type, position, size))
            {
                return ReadBody(itemStart, name, start, attributes, (position, type, size));
            }

            position += size;
        }
    }

    private PxarEntry ReadBody(
        long itemStart, ReadOnlyMemory<byte> name, long start, Attributes attributes, (long Position, ulong Type, long Size) item)
    {
        var content = item.Position + PxarFormat.HeaderSize;
        var next = item.Position + item.Size;
        switch (item.Type, FileModes.KindOf(attributes.Mode))
        {
            case (PxarFormat.FileName or PxarFormat.Goodbye, PxarKind.Folder or PxarKind.Fifo or PxarKind.Socket):
                return Plain(itemStart, name, start, attributes, item.Position);
            case (PxarFormat.Payload, PxarKind.File):
                return new PxarEntry
                {
                    Name = name, Kind = PxarKind.File, Metadata = attributes.ToMetadata(), ItemStart = itemStart, EntryStart = start, Next = next,
                    ContentStart = content, SizeBytes = item.Size - PxarFormat.HeaderSize,
                };
            case (PxarFormat.PayloadRef, PxarKind.File):
                var (at, length) = Pair(item.Position, item.Size);
                return at <= long.MaxValue && length <= (ulong)long.MaxValue - PxarFormat.HeaderSize - at
                    ? new PxarEntry
                    {
                        Name = name, Kind = PxarKind.File, Metadata = attributes.ToMetadata(), ItemStart = itemStart, EntryStart = start, Next = next,
                        ContentStart = (long)at, SizeBytes = (long)length, IsSplit = true,
                    }
                    : throw Corrupt(item.Position, "a payload reference leads nowhere");
            case (PxarFormat.Symlink, PxarKind.Symlink):
                return new PxarEntry
                {
                    Name = name, Kind = PxarKind.Symlink, Metadata = attributes.ToMetadata(), ItemStart = itemStart, EntryStart = start, Next = next,
                    Target = ReadText(item.Position, item.Size, PxarFormat.MaxPathBytes + 1),
                };
            case (PxarFormat.Device, PxarKind.BlockDevice or PxarKind.CharDevice):
                var (major, minor) = Pair(item.Position, item.Size);
                return new PxarEntry
                {
                    Name = name, Kind = FileModes.KindOf(attributes.Mode)!.Value, Metadata = attributes.ToMetadata(), ItemStart = itemStart,
                    EntryStart = start, Next = next, DeviceMajor = major, DeviceMinor = minor,
                };
            default:
                throw Corrupt(item.Position, "an item that does not belong to its entry");
        }
    }

    private static PxarEntry Plain(long itemStart, ReadOnlyMemory<byte> name, long start, Attributes attributes, long next) => new()
    {
        Name = name, Kind = FileModes.KindOf(attributes.Mode)!.Value, Metadata = attributes.ToMetadata(), ItemStart = itemStart, EntryStart = start,
        Next = next,
    };

    private PxarEntry ReadHardLink(long itemStart, ReadOnlyMemory<byte> name, long position, long size)
    {
        if (name.IsEmpty || size < PxarFormat.HeaderSize + 8 + 2 || size > PxarFormat.HeaderSize + 8 + PxarFormat.MaxPathBytes + 1)
        {
            throw Corrupt(position, "a hard link of a wrong length");
        }

        var content = new byte[size - PxarFormat.HeaderSize];
        archive.ReadExactly(content, position + PxarFormat.HeaderSize);
        var distance = BinaryPrimitives.ReadUInt64LittleEndian(content);
        var target = content.AsMemory(8);
        if (distance == 0 || distance > (ulong)itemStart || target.Span.IndexOf((byte)0) != target.Length - 1)
        {
            throw Corrupt(position, "a hard link that leads nowhere");
        }

        return new PxarEntry
        {
            Name = name, Kind = PxarKind.HardLink, Metadata = PxarMetadata.None, ItemStart = itemStart, EntryStart = position, Next = position + size,
            Target = target[..^1], LinkedItem = itemStart - (long)distance,
        };
    }

    /// <summary>Text that ends with its only NUL.</summary>
    private ReadOnlyMemory<byte> ReadText(long position, long size, int maxBytes)
    {
        var length = size - PxarFormat.HeaderSize;
        if (length < 1 || length > maxBytes)
        {
            throw Corrupt(position, "a text of a wrong length");
        }

        var text = new byte[length];
        archive.ReadExactly(text, position + PxarFormat.HeaderSize);
        return text.AsSpan().IndexOf((byte)0) == text.Length - 1
            ? text.AsMemory(0, text.Length - 1)
            : throw Corrupt(position, "a text without its end");
    }

    private ulong Word(long position, long size)
    {
        Fixed(position, size, 8);
        return BinaryPrimitives.ReadUInt64LittleEndian(fixedPart);
    }

    private (ulong First, ulong Second) Pair(long position, long size)
    {
        Fixed(position, size, 16);
        return (BinaryPrimitives.ReadUInt64LittleEndian(fixedPart), BinaryPrimitives.ReadUInt64LittleEndian(fixedPart.AsSpan(8)));
    }

    private ReadOnlySpan<byte> Fixed(long position, long size, int expected)
    {
        if (size != PxarFormat.HeaderSize + expected)
        {
            throw Corrupt(position, "an item of a wrong length");
        }

        archive.ReadExactly(fixedPart.AsSpan(0, expected), position + PxarFormat.HeaderSize);
        return fixedPart.AsSpan(0, expected);
    }
}
