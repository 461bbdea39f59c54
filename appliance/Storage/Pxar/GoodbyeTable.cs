// The table at the end of every folder of a pxar archive: hash, place and size of each child, as a binary search tree laid out in an array (the children of
// node i are 2i+1 and 2i+2). With it a path is found without reading the archive.
using System.Buffers;
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>A child as the table names it. While writing, <see cref="Offset"/> counts from the start of the archive.</summary>
public readonly record struct GoodbyeItem(ulong Hash, long Offset, long SizeBytes)
{
    public const int EncodedSize = 24;
}

/// <summary>Writing of goodbye tables.</summary>
internal static class GoodbyeTable
{
    /// <summary>Appends the table of a folder.</summary>
    /// <param name="items">The children; they get sorted.</param>
    /// <param name="start">Where the table starts in the archive.</param>
    /// <param name="entryStart">Where the folder's own entry starts.</param>
    public static void Write(IBufferWriter<byte> output, List<GoodbyeItem> items, long start, long entryStart)
    {
        items.Sort(static (a, b) => a.Hash != b.Hash ? a.Hash.CompareTo(b.Hash) : a.Offset.CompareTo(b.Offset));
        var content = PxarItems.Header(output, PxarFormat.Goodbye, checked((items.Count + 1) * GoodbyeItem.EncodedSize));
        Place(items, 0, items.Count, 0, content, start);
        Put(content[(items.Count * GoodbyeItem.EncodedSize)..], new GoodbyeItem(
            PxarFormat.GoodbyeTail, start - entryStart, content.Length + PxarFormat.HeaderSize));
    }

    /// <summary>Puts the sorted items from..from+count at node and below it. A complete tree: all levels are full but the last, which is filled from the
    /// left. That makes the depth a logarithm.</summary>
    private static void Place(List<GoodbyeItem> items, int from, int count, int node, Span<byte> target, long start)
    {
        if (count == 0)
        {
            return;
        }

        var left = LeftCount(count);
        var item = items[from + left];
        Put(target[(node * GoodbyeItem.EncodedSize)..], item with { Offset = start - item.Offset });
        Place(items, from, left, (2 * node) + 1, target, start);
        Place(items, from + left + 1, count - left - 1, (2 * node) + 2, target, start);
    }

    /// <summary>Nodes to the left of the root in a complete tree of that many.</summary>
    private static int LeftCount(int count)
    {
        var height = System.Numerics.BitOperations.Log2((uint)count);
        var lastLevel = count - ((1 << height) - 1);
        var half = height == 0 ? 0 : 1 << (height - 1);
        return height == 0 ? 0 : half - 1 + Math.Min(lastLevel, half);
    }

    private static void Put(Span<byte> target, GoodbyeItem item)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, item.Hash);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], item.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], item.SizeBytes);
    }
}
