// Reading of both index formats (reference 3.4, 3.5). The header is checked before anything is believed; the digests
// stay in the file and are read in blocks, so an index of 16 million chunks costs no more memory than a small one.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>One chunk of an archive: its name and the range of the stream it holds.</summary>
public readonly record struct IndexEntry(Digest Digest, long Start, long End)
{
    public long SizeBytes => End - Start;
}

/// <summary>Takes some entries as they are in the file.</summary>
/// <param name="entryBytes">Length of one.</param>
/// <param name="digestOffset">Where in it the digest is.</param>
internal delegate void EntriesTaker(ReadOnlySpan<byte> entries, int entryBytes, int digestOffset);

/// <summary>An open index. One thread at a time; it owns the file it was opened on.</summary>
public abstract class IndexReader : IDisposable
{
    public const int HeaderSize = 4096;

    /// <summary>Most chunks of an index: 16 Mi, that is 64 TiB of 4 MiB chunks.</summary>
    public const int MaxChunks = 1 << 24;

    /// <summary>Largest stream of an index: 64 TiB for fixed ones; dynamic ones by their chunks of up to 16
    /// MiB.</summary>
    public const long FixedChunkSize = 4 * 1024 * 1024;

    private const int BlockBytes = 64 * 1024;

    private readonly int entrySize;
    private readonly byte[] block;
    private long blockStart = -1;
    private int blockLength;

    private protected IndexReader(ReadableFile file, int entrySize, long count, ReadOnlySpan<byte> header)
    {
        File = file;
        this.entrySize = entrySize;
        Count = (int)count;
        Csum = new Digest(header.Slice(32, Digest.Size));
        Uuid = new Guid(header.Slice(8, 16), bigEndian: true);
        CreatedTime = BinaryPrimitives.ReadInt64LittleEndian(header[24..]);
        block = new byte[(int)Math.Min(BlockBytes - (BlockBytes % entrySize), Math.Max(1, count) * entrySize)];
    }

    public int Count { get; }

    /// <summary>Length of the stream in bytes; the manifest's size.</summary>
    public abstract long TotalSize { get; }

    /// <summary>What the header claims; compare with <see cref="ComputeCsum"/>.</summary>
    public Digest Csum { get; }

    public Guid Uuid { get; }

    /// <summary>Seconds since the epoch.</summary>
    public long CreatedTime { get; }

    public string Name => File.Name;

    private protected ReadableFile File { get; }

    /// <summary>Opens by magic. The reader owns the file, also when this throws.</summary>
    /// <exception cref="CorruptDataException">Not an index, or one that contradicts itself.</exception>
    public static IndexReader Open(ReadableFile file)
    {
        try
        {
            var size = file.SizeBytes;
            if (size < HeaderSize)
            {
                throw new CorruptDataException(file.Name, "index file is too small");
            }

            Span<byte> header = stackalloc byte[HeaderSize];
            file.ReadExactly(header, 0);
            if (header.StartsWith(FixedIndexReader.Magic))
            {
                return FixedIndexReader.Parse(file, size, header);
            }

            return header.StartsWith(DynamicIndexReader.Magic)
                ? DynamicIndexReader.Parse(file, size, header)
                : throw new CorruptDataException(file.Name, "unknown index magic");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Entry number i, 0..Count-1.</summary>
    /// <exception cref="CorruptDataException">Offsets that do not ascend.</exception>
    public abstract IndexEntry this[int i] { get; }

    /// <summary>The checksum over the entries as they are in the file: what a manifest must name.</summary>
    public Digest ComputeCsum() => ComputeCsum(static (_, _, _) => { });

    /// <summary>Shows all entries on the way to the checksum. Nothing is checked but that: not their order, not their offsets.</summary>
    internal Digest ComputeCsum(EntriesTaker take)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var position = (long)HeaderSize;
        var end = position + ((long)Count * entrySize);
        while (position < end)
        {
            var count = LoadBlock(position, end);
            sha.AppendData(block, 0, count);
            take(block.AsSpan(0, count), entrySize, entrySize - Digest.Size);
            position += count;
        }

        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetHashAndReset(hash);
        return new Digest(hash);
    }

    /// <summary>Number of the entry that holds the byte at that offset of the stream; -1 beyond the end.</summary>
    /// <exception cref="CorruptDataException">Offsets that do not ascend.</exception>
    public int Find(long offset)
    {
        if (offset < 0 || offset >= TotalSize)
        {
            return -1;
        }

        var (low, high) = (0, Count - 1);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            if (this[middle].End <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        // Neighbours that ascend do not prove that all do: a search among damaged offsets can end anywhere.
        var found = this[low];
        return offset >= found.Start && offset < found.End
            ? low
            : throw new CorruptDataException(Name, "offsets of the index are not acceptable");
    }

    public void Dispose() => File.Dispose();

    /// <summary>The bytes of an entry, from the block that is in memory or newly read.</summary>
    private protected ReadOnlySpan<byte> Entry(int i)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
        var position = HeaderSize + ((long)i * entrySize);
        if (blockStart < 0 || position < blockStart || position + entrySize > blockStart + blockLength)
        {
            LoadBlock(position, HeaderSize + ((long)Count * entrySize));
        }

        return block.AsSpan((int)(position - blockStart), entrySize);
    }

    private int LoadBlock(long position, long end)
    {
        var length = (int)Math.Min(block.Length, end - position);
        blockStart = -1;
        File.ReadExactly(block.AsSpan(0, length), position);
        (blockStart, blockLength) = (position, length);
        return length;
    }
}
