// Writer of a .fidx: slots in any order and as often as wanted, kept in a sparse file rather than in memory. At most
// 64 TiB; neighbouring slots are gathered into one write.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>A growing fixed index of 4 MiB chunks.</summary>
public sealed class FixedIndexWriter : IndexWriter
{
    /// <summary>Largest image: 64 TiB.</summary>
    public const long MaxImageSize = IndexReader.MaxChunks * IndexReader.FixedChunkSize;

    private readonly byte[] run = new byte[4096];
    private readonly bool sizeIsKnown;
    private long size;
    private long runStart;
    private int runLength;

    private FixedIndexWriter(Volume volume, string folder, string name, long? sizeBytes, IndexOrigin origin)
        : base(volume, folder, name, origin)
    {
        sizeIsKnown = sizeBytes != null;
        size = sizeBytes ?? 0;
        File.Truncate(EndOf(size));
    }

    /// <summary>Image size; grows with the slots if it was not given.</summary>
    public long SizeBytes => size;

    public int SlotCount => SlotsOf(size);

    /// <param name="sizeBytes">Image size, 1..64 TiB; null if it is not known yet (clients since 4.x).</param>
    /// <exception cref="RefusedException">Name or size is not acceptable.</exception>
    public static FixedIndexWriter Create(
        Volume volume, string folder, string name, long? sizeBytes, IndexOrigin origin)
    {
        if (!SafeId.TryArchiveKind(name, out var kind) || kind != ArchiveKind.FixedIndex)
        {
            throw new RefusedException($"wrong archive extension: '{name}'");
        }

        return sizeBytes is null or (>= 1 and <= MaxImageSize)
            ? new FixedIndexWriter(volume, folder, name, sizeBytes, origin)
            : throw new RefusedException("image size is not acceptable");
    }

    /// <summary>Number of slots of an image of that size.</summary>
    public static int SlotsOf(long sizeBytes) =>
        (int)((sizeBytes + IndexReader.FixedChunkSize - 1) / IndexReader.FixedChunkSize);

    /// <summary>Puts a chunk at its place. Start and size must fit the image as reference 2.2 says.</summary>
    /// <returns>Null, or why the place is refused.</returns>
    public string? TrySet(long startOffset, long chunkSizeBytes, in Digest digest)
    {
        EnsureOpen();
        const long chunk = IndexReader.FixedChunkSize;
        if (startOffset < 0 || startOffset % chunk != 0 || startOffset >= MaxImageSize)
        {
            return $"got unaligned chunk offset ({startOffset})";
        }

        var end = startOffset + chunkSizeBytes;
        if (chunkSizeBytes is < 1 or > chunk || (sizeIsKnown && end > size))
        {
            return $"chunk data exceeds size ({end} > {size})";
        }

        if (chunkSizeBytes != chunk && (sizeIsKnown ? end != size : end < size))
        {
            return $"got wrong chunk size ({chunkSizeBytes} != {chunk})";
        }

        if (end > size)
        {
            Grow(end);
        }

        SetSlot((int)(startOffset / chunk), digest);
        return null;
    }

    /// <summary>Puts a digest into a slot of the declared image.</summary>
    public void SetSlot(int slot, in Digest digest)
    {
        EnsureOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, SlotCount);
        var position = IndexReader.HeaderSize + ((long)slot * Digest.Size);
        if (runLength > 0 && (position != runStart + runLength || runLength == run.Length))
        {
            Flush();
        }

        if (runLength == 0)
        {
            runStart = position;
        }

        digest.CopyTo(run.AsSpan(runLength));
        runLength += Digest.Size;
    }

    /// <summary>Takes over all digests of the previous snapshot's index.</summary>
    /// <exception cref="RefusedException">It has another number of chunks.</exception>
    public void CopyFrom(FixedIndexReader previous)
    {
        if (previous.Count != SlotCount || previous.ChunkSize != IndexReader.FixedChunkSize)
        {
            throw new RefusedException("cannot reuse index - chunk count does not match");
        }

        for (var i = 0; i < previous.Count; i++)
        {
            SetSlot(i, previous[i].Digest);
        }
    }

    public override Digest ComputeCsum()
    {
        Flush();
        return HashFile(IndexReader.HeaderSize, EndOf(size));
    }

    private protected override IndexSummary Summary(Digest csum) => new(Name, size, SlotCount, csum);

    private protected override void FillHeader(Span<byte> header)
    {
        FixedIndexReader.Magic.CopyTo(header);
        BinaryPrimitives.WriteInt64LittleEndian(header[64..], size);
        BinaryPrimitives.WriteInt64LittleEndian(header[72..], IndexReader.FixedChunkSize);
    }

    private static long EndOf(long sizeBytes) => IndexReader.HeaderSize + ((long)SlotsOf(sizeBytes) * Digest.Size);

    private void Grow(long newSize)
    {
        // The writer's file grows in steps of its slots; what lies between reads back as zero digests.
        Flush();
        size = newSize;
        File.Truncate(EndOf(size));
    }

    private void Flush()
    {
        EnsureOpen();
        if (runLength > 0)
        {
            File.Write(run.AsSpan(0, runLength), runStart);
            runLength = 0;
        }
    }
}
