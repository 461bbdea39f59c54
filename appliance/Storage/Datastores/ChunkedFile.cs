// The stream of an index as a file that can be read at any offset: chunks are loaded when a byte of them is wanted, checked by whoever loads them, and a few
// of them are kept. Memory is bounded by that number times the largest chunk.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Random access to an archive. One thread at a time; it owns the index.</summary>
/// <param name="load">Fills the span, which is as long as the chunk must be, with checked data, or throws.</param>
/// <param name="kept">Chunks in memory, at least one.</param>
public sealed class ChunkedFile(IndexReader index, ChunkedFile.Load load, int kept = 2) : ReadableFile
{
    private readonly Slot[] slots = new Slot[Math.Max(1, kept)];
    private long uses;

    /// <summary>Loads the data of one chunk.</summary>
    public delegate void Load(IndexEntry entry, Span<byte> target);

    public override string Name => index.Name;

    public override long SizeBytes => index.TotalSize;

    public override int Read(Span<byte> buffer, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var done = 0;
        while (done < buffer.Length && offset < index.TotalSize)
        {
            ref var slot = ref Chunk(offset);
            var from = (int)(offset - slot.Start);
            var count = Math.Min(buffer.Length - done, (int)(slot.End - offset));
            slot.Data.AsSpan(from, count).CopyTo(buffer[done..]);
            done += count;
            offset += count;
        }

        return done;
    }

    protected override void Dispose(bool disposing)
    {
        for (var i = 0; i < slots.Length; i++)
        {
            Drop(ref slots[i]);
        }

        index.Dispose();
    }

    private static void Drop(ref Slot slot)
    {
        if (slot.Data is { } data)
        {
            ArrayPool<byte>.Shared.Return(data);
        }

        slot = default;
    }

    private ref Slot Chunk(long offset)
    {
        var oldest = 0;
        for (var i = 0; i < slots.Length; i++)
        {
            if (offset >= slots[i].Start && offset < slots[i].End)
            {
                slots[i].Used = ++uses;
                return ref slots[i];
            }

            oldest = slots[i].Used < slots[oldest].Used ? i : oldest;
        }

        var entry = index[index.Find(offset)];
        ref var slot = ref slots[oldest];
        Drop(ref slot);
        var data = ArrayPool<byte>.Shared.Rent((int)entry.SizeBytes);
        try
        {
            load(entry, data.AsSpan(0, (int)entry.SizeBytes));
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(data);
            throw;
        }

        slot = new Slot { Data = data, Start = entry.Start, End = entry.End, Used = ++uses };
        return ref slot;
    }

    private struct Slot
    {
        public byte[]? Data;
        public long Start;
        public long End;
        public long Used;
    }
}
