// Reads a catalog at any place: a path is looked up block by block, so listing one folder of a large backup reads little. Offsets lead backwards only.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>One line of a folder. <see cref="Block"/>: start of a folder's block.</summary>
public readonly record struct CatalogEntry(CatalogKind Kind, ReadOnlyMemory<byte> Name, long SizeBytes, long MtimeS, long Block);

/// <summary>An open catalog. One thread at a time; the file stays its owner's.</summary>
public sealed class CatalogReader
{
    private const int HeadBytes = 10;

    /// <summary>Kind, length, a name of one byte.</summary>
    private const int MinEntryBytes = 3;

    private readonly ReadableFile file;
    private readonly long root;

    private CatalogReader(ReadableFile file)
    {
        this.file = file;
        Span<byte> word = stackalloc byte[8];
        if (file.SizeBytes < 8 + 2 + 8)
        {
            throw new CorruptDataException(file.Name, "the catalog is too short");
        }

        file.ReadExactly(word, 0);
        if (!word.SequenceEqual(CatalogFormat.Magic))
        {
            throw new CorruptDataException(file.Name, "not a catalog");
        }

        file.ReadExactly(word, file.SizeBytes - 8);
        root = BinaryPrimitives.ReadInt64LittleEndian(word);
        if (root < 8 || root >= file.SizeBytes - 8)
        {
            throw new CorruptDataException(file.Name, "the root of the catalog lies outside of it");
        }
    }

    /// <exception cref="CorruptDataException">Not a catalog.</exception>
    public static CatalogReader Open(ReadableFile file) => new(file);

    /// <summary>The top: a folder of archives.</summary>
    public CatalogEntry Root => new(CatalogKind.Folder, default, 0, 0, root);

    /// <summary>The entry at a path (names with `/` between them); null if there is none.</summary>
    public CatalogEntry? Find(ReadOnlySpan<byte> path)
    {
        var current = Root;
        foreach (var range in path.Split((byte)'/'))
        {
            var name = path[range];
            if (name.IsEmpty)
            {
                continue;
            }

            if (current.Kind != CatalogKind.Folder || Child(current, name) is not { } child)
            {
                return null;
            }

            current = child;
        }

        return current;
    }

    /// <summary>Entries of a folder in the order of the file.</summary>
    /// <exception cref="CorruptDataException">Its block is damaged.</exception>
    public List<CatalogEntry> List(CatalogEntry folder)
    {
        var block = Block(folder.Block);
        ReadOnlySpan<byte> rest = block;
        if (!CatalogFormat.TryReadUnsigned(ref rest, out var count) || count > (ulong)rest.Length / MinEntryBytes)
        {
            throw Corrupt(folder.Block, "the count of entries is not acceptable");
        }

        var entries = new List<CatalogEntry>((int)count);
        for (ulong i = 0; i < count; i++)
        {
            entries.Add(Entry(block, ref rest, folder.Block));
        }

        return rest.IsEmpty ? entries : throw Corrupt(folder.Block, "bytes behind the last entry");
    }

    /// <summary>Everything in the catalog, folders in front of what is in them, with its path as people can read it. A catalog names each block once, so
    /// one that leads in circles of any kind is found out by the number of bytes it visits.</summary>
    public IEnumerable<(string Path, CatalogEntry Entry)> Walk()
    {
        var left = file.SizeBytes;
        var folders = new Stack<(string Prefix, List<CatalogEntry> Entries, int Next)>();
        folders.Push(("", List(Root), 0));
        while (folders.TryPop(out var folder))
        {
            if (folder.Next == folder.Entries.Count)
            {
                continue;
            }

            folders.Push(folder with { Next = folder.Next + 1 });
            var entry = folder.Entries[folder.Next];
            var path = folder.Prefix + TreeNode.Show(entry.Name.Span);
            left -= MinEntryBytes;
            if (left < 0 || folders.Count > PxarFormat.MaxDepth)
            {
                throw Corrupt(entry.Block, "a folder is named more than once");
            }

            yield return (path, entry);
            if (entry.Kind == CatalogKind.Folder)
            {
                folders.Push((path + "/", List(entry), 0));
            }
        }
    }

    private CatalogEntry? Child(CatalogEntry folder, ReadOnlySpan<byte> name)
    {
        foreach (var entry in List(folder))
        {
            if (entry.Name.Span.SequenceEqual(name))
            {
                return entry;
            }
        }

        return null;
    }

    private byte[] Block(long start)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        var limit = file.SizeBytes - 8;
        ReadOnlySpan<byte> rest = head[..file.Read(head[..(int)Math.Min(HeadBytes, limit - start)], start)];
        var available = rest.Length;
        if (!CatalogFormat.TryReadUnsigned(ref rest, out var length) || length == 0 || length > CatalogFormat.MaxBlockBytes
            || length > (ulong)(limit - start - (available - rest.Length)))
        {
            throw Corrupt(start, "a block does not fit the catalog");
        }

        var block = new byte[length];
        file.ReadExactly(block, start + available - rest.Length);
        return block;
    }

    private CatalogEntry Entry(byte[] block, ref ReadOnlySpan<byte> rest, long start)
    {
        if (rest.IsEmpty)
        {
            throw Corrupt(start, "an entry is cut short");
        }

        var kind = (CatalogKind)rest[0];
        rest = rest[1..];
        if (!Enum.IsDefined(kind) || !CatalogFormat.TryReadUnsigned(ref rest, out var length) || length is 0 or >= CatalogFormat.MaxNameBytes
            || length > (ulong)rest.Length || rest[..(int)length].ContainsAny((byte)'/', (byte)0))
        {
            throw Corrupt(start, "an entry that is none");
        }

        var name = block.AsMemory(block.Length - rest.Length, (int)length);
        rest = rest[(int)length..];
        switch (kind)
        {
            case CatalogKind.Folder:
                return CatalogFormat.TryReadUnsigned(ref rest, out var back) && back > 0 && back <= (ulong)(start - 8)
                    ? new CatalogEntry(kind, name, 0, 0, start - (long)back)
                    : throw Corrupt(start, "a folder that lies nowhere");
            case CatalogKind.File:
                return CatalogFormat.TryReadUnsigned(ref rest, out var size) && size <= long.MaxValue && CatalogFormat.TryReadSigned(ref rest, out var mtime)
                    ? new CatalogEntry(kind, name, (long)size, mtime, 0)
                    : throw Corrupt(start, "a file without size and time");
            default:
                return new CatalogEntry(kind, name, 0, 0, 0);
        }
    }

    private CorruptDataException Corrupt(long position, string reason) => new(file.Name, $"{reason} (at {position})");
}
