// Random access: a path is found by the goodbye tables, a folder is listed by its table, a hard link is followed, and content is read at any offset.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>A folder whose goodbye table was found and checked.</summary>
public sealed class PxarFolder
{
    internal PxarFolder(PxarEntry entry, long tableStart, int count) => (Entry, TableStart, Count) = (entry, tableStart, count);

    public PxarEntry Entry { get; }

    /// <summary>Number of children.</summary>
    public int Count { get; }

    internal long TableStart { get; }

    internal long ItemsStart => TableStart + PxarFormat.HeaderSize;
}

public sealed partial class PxarArchive
{
    /// <summary>The root with its table.</summary>
    public PxarFolder OpenRoot() => OpenFolder(Root, End);

    /// <summary>The entry at a path, `/` between names; null if there is none. Symbolic links are not followed.</summary>
    /// <exception cref="CorruptDataException">A table on the way is damaged.</exception>
    public PxarEntry? Find(ReadOnlySpan<byte> path) => Find(path, out _);

    /// <summary>As <see cref="Find(ReadOnlySpan{byte})"/>; a folder comes with its table.</summary>
    public PxarEntry? Find(ReadOnlySpan<byte> path, out PxarFolder? folder)
    {
        folder = OpenRoot();
        PxarEntry? found = Root;
        foreach (var range in path.Split((byte)'/'))
        {
            var name = path[range];
            if (name.IsEmpty || name.SequenceEqual("."u8))
            {
                continue;
            }

            if (folder is null || FindChild(folder, name) is not { } child)
            {
                folder = null;
                return null;
            }

            found = child.Entry;
            folder = found.Kind == PxarKind.Folder ? OpenFolder(found, child.End) : null;
        }

        return found;
    }

    /// <summary>Children in the order of the table.</summary>
    public IEnumerable<PxarEntry> List(PxarFolder folder)
    {
        for (var i = 0; i < folder.Count; i++)
        {
            yield return ReadChild(folder, Item(folder, i)).Entry;
        }
    }

    /// <summary>The file that a hard link links to.</summary>
    /// <exception cref="CorruptDataException">It leads to something that is no file.</exception>
    public PxarEntry Follow(PxarEntry hardLink)
    {
        var file = ReadNamed(hardLink.LinkedItem, hardLink.ItemStart);
        return file.Kind == PxarKind.File ? file : throw Corrupt(hardLink.ItemStart, "a hard link to something that is no file");
    }

    /// <summary>Where the content of a file lies; for a split archive the head of the payload item is checked.</summary>
    /// <exception cref="CorruptDataException">The payload stream says something else, or there is none.</exception>
    public (ReadableFile Source, long Start) Locate(PxarEntry file)
    {
        if (!file.IsSplit)
        {
            return (archive, file.ContentStart);
        }

        if (payload is null)
        {
            throw new CorruptDataException(archive.Name, "the content of a split archive is in its payload stream, which is not open");
        }

        payload.ReadExactly(head, file.ContentStart);
        return BinaryPrimitives.ReadUInt64LittleEndian(head) == PxarFormat.Payload
            && BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8)) == (ulong)file.SizeBytes + PxarFormat.HeaderSize
            ? (payload, file.ContentStart + PxarFormat.HeaderSize)
            : throw new CorruptDataException(payload.Name, $"no payload of {file.SizeBytes} bytes at {file.ContentStart}");
    }

    private PxarFolder OpenFolder(PxarEntry entry, long end)
    {
        var tailStart = end - GoodbyeItem.EncodedSize;
        if (tailStart < entry.Next)
        {
            throw Corrupt(entry.ItemStart, "a folder without a table");
        }

        // The root of a split archive counts from the very first byte, not from its entry behind version and prelude.
        var tail = ReadItem(tailStart);
        var start = end - tail.SizeBytes;
        if (tail.Hash != PxarFormat.GoodbyeTail || tail.SizeBytes < PxarFormat.HeaderSize + GoodbyeItem.EncodedSize
            || (tail.SizeBytes - PxarFormat.HeaderSize) % GoodbyeItem.EncodedSize != 0 || start < entry.Next
            || (tail.Offset != start - entry.EntryStart && !(ReferenceEquals(entry, Root) && tail.Offset == start)))
        {
            throw Corrupt(tailStart, "the table of a folder is not acceptable");
        }

        var count = ((tail.SizeBytes - PxarFormat.HeaderSize) / GoodbyeItem.EncodedSize) - 1;
        return Header(start, end) == (PxarFormat.Goodbye, tail.SizeBytes) && count <= int.MaxValue / 4
            ? new PxarFolder(entry, start, (int)count)
            : throw Corrupt(start, "the table of a folder is not acceptable");
    }

    /// <summary>Walks down the tree. Equal hashes may stand on either side, so both are looked at; every node is seen once at most.</summary>
    private (PxarEntry Entry, long End)? FindChild(PxarFolder folder, ReadOnlySpan<byte> name)
    {
        var hash = PxarFormat.HashName(name);
        var nodes = new Stack<int>();
        nodes.Push(0);
        while (nodes.TryPop(out var node))
        {
            if (node >= folder.Count)
            {
                continue;
            }

            var item = Item(folder, node);
            if (item.Hash == hash)
            {
                var child = ReadChild(folder, item);
                if (child.Entry.Name.Span.SequenceEqual(name))
                {
                    return child;
                }
            }

            if (item.Hash >= hash)
            {
                nodes.Push((2 * node) + 1);
            }

            if (item.Hash <= hash)
            {
                nodes.Push((2 * node) + 2);
            }
        }

        return null;
    }

    private (PxarEntry Entry, long End) ReadChild(PxarFolder folder, GoodbyeItem item)
    {
        var start = folder.TableStart - item.Offset;
        if (item.Offset <= 0 || start < folder.Entry.Next || item.SizeBytes <= 0)
        {
            throw Corrupt(folder.TableStart, "the table of a folder leads outside of it");
        }

        // In a split archive a file counts with its content, which is elsewhere: what ends a child is the table at the latest.
        var end = item.SizeBytes < item.Offset ? start + item.SizeBytes : folder.TableStart;
        return (ReadNamed(start, end), end);
    }

    private GoodbyeItem Item(PxarFolder folder, int node) => ReadItem(folder.ItemsStart + ((long)node * GoodbyeItem.EncodedSize));

    private GoodbyeItem ReadItem(long position)
    {
        var item = fixedPart.AsSpan(0, GoodbyeItem.EncodedSize);
        archive.ReadExactly(item, position);
        return new GoodbyeItem(
            BinaryPrimitives.ReadUInt64LittleEndian(item), BinaryPrimitives.ReadInt64LittleEndian(item[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[16..]));
    }
}
