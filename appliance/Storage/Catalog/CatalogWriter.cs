// Writes a catalog front to back while archives are made: a folder's block is written when the folder ends. Bytes gather in Pending for its owner to send.
using System.Buffers;
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>Encoder of one catalog. Not for several threads.</summary>
public sealed class CatalogWriter
{
    private readonly Stack<Folder> folders = new();
    private long taken;

    public CatalogWriter()
    {
        Pending.Write(CatalogFormat.Magic);
        folders.Push(new Folder([]));
    }

    /// <summary>What has been written and not been taken yet.</summary>
    public ArrayBufferWriter<byte> Pending { get; } = new(16 * 1024);

    private long Position => taken + Pending.WrittenCount;

    /// <summary>The owner has sent <see cref="Pending"/>.</summary>
    public void Taken()
    {
        taken += Pending.WrittenCount;
        Pending.ResetWrittenCount();
    }

    /// <summary>Starts a folder; at the top that is an archive, <c>root.pxar.didx</c>.</summary>
    public void BeginFolder(ReadOnlySpan<byte> name) => folders.Push(new Folder(name.ToArray()));

    public void EndFolder()
    {
        var ended = folders.Pop();
        var start = Position;
        WriteBlock(ended);
        folders.Peek().AddFolder(ended.Name, start);
    }

    /// <summary>An entry that is no folder.</summary>
    public void Add(CatalogKind kind, ReadOnlySpan<byte> name, long sizeBytes = 0, long mtimeS = 0)
    {
        var folder = folders.Peek();
        Encode(folder.Entries, kind, name, sizeBytes, mtimeS);
        folder.Count++;
    }

    /// <summary>Entries that were encoded elsewhere with <see cref="Encode"/>.</summary>
    public void Add(ReadOnlySpan<byte> encoded, int count)
    {
        var folder = folders.Peek();
        folder.Entries.Write(encoded);
        folder.Count += count;
    }

    /// <summary>Encodes an entry that is no folder.</summary>
    public static void Encode(IBufferWriter<byte> output, CatalogKind kind, ReadOnlySpan<byte> name, long sizeBytes, long mtimeS)
    {
        Head(output, kind, name);
        if (kind == CatalogKind.File)
        {
            CatalogFormat.WriteUnsigned(output, (ulong)sizeBytes);
            CatalogFormat.WriteSigned(output, mtimeS);
        }
    }

    /// <summary>Writes the root and where it lies: the catalog is complete.</summary>
    public void Finish()
    {
        var start = Position;
        WriteBlock(folders.Pop());
        BinaryPrimitives.WriteInt64LittleEndian(Pending.GetSpan(8), start);
        Pending.Advance(8);
    }

    private static void Head(IBufferWriter<byte> output, CatalogKind kind, ReadOnlySpan<byte> name)
    {
        output.GetSpan(1)[0] = (byte)kind;
        output.Advance(1);
        CatalogFormat.WriteUnsigned(output, (ulong)name.Length);
        output.Write(name);
    }

    private void WriteBlock(Folder folder)
    {
        var start = Position;
        var block = new ArrayBufferWriter<byte>(folder.Entries.WrittenCount + 64);
        CatalogFormat.WriteUnsigned(block, (ulong)folder.Count);
        var entries = folder.Entries.WrittenSpan;
        foreach (var (name, at, before) in folder.Folders)
        {
            // Entries that are no folders stand between the folders, in the order of the archive.
            block.Write(entries[..before]);
            entries = entries[before..];
            Head(block, CatalogKind.Folder, name);
            CatalogFormat.WriteUnsigned(block, (ulong)(start - at));
        }

        block.Write(entries);
        CatalogFormat.WriteUnsigned(Pending, (ulong)block.WrittenCount);
        Pending.Write(block.WrittenSpan);
    }

    private sealed class Folder(byte[] name)
    {
        private int seen;

        public byte[] Name => name;

        /// <summary>Folders in it: name, start of the block, and bytes of <see cref="Entries"/> between the folder before and this one.</summary>
        public List<(byte[] Name, long Start, int BytesBefore)> Folders { get; } = [];

        public ArrayBufferWriter<byte> Entries { get; } = new(256);

        public int Count { get; set; }

        public void AddFolder(byte[] child, long start)
        {
            Folders.Add((child, start, Entries.WrittenCount - seen));
            seen = Entries.WrittenCount;
            Count++;
        }
    }
}
