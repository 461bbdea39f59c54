// A .fidx: chunks of one size, the last one perhaps shorter.
using System.Buffers.Binary;
using System.Numerics;

namespace Holdfast.Storage;

/// <summary>Reader of a fixed index; <see cref="IndexReader.Open"/> makes it.</summary>
public sealed class FixedIndexReader : IndexReader
{
    private FixedIndexReader(ReadableFile file, long count, ReadOnlySpan<byte> header, long size, long chunkSize)
        : base(file, Digest.Size, count, header) => (TotalSize, ChunkSize) = (size, chunkSize);

    public static ReadOnlySpan<byte> Magic => [0x2f, 0x7f, 0x41, 0xed, 0x91, 0xfd, 0x0f, 0xcd];

    public override long TotalSize { get; }

    /// <summary>A power of two; 4 MiB in practice.</summary>
    public long ChunkSize { get; }

    public override IndexEntry this[int i]
    {
        get
        {
            var digest = new Digest(Entry(i));
            var start = i * ChunkSize;
            return new IndexEntry(digest, start, Math.Min(start + ChunkSize, TotalSize));
        }
    }

    internal static FixedIndexReader Parse(ReadableFile file, long fileSize, ReadOnlySpan<byte> header)
    {
        var size = BinaryPrimitives.ReadInt64LittleEndian(header[64..]);
        var chunkSize = BinaryPrimitives.ReadInt64LittleEndian(header[72..]);
        if (chunkSize is < 512 or > DataBlob.MaxChunkSize || !BitOperations.IsPow2(chunkSize))
        {
            throw new CorruptDataException(file.Name, "chunk size of the index is not acceptable");
        }

        if (size < 1 || size > MaxChunks * chunkSize)
        {
            throw new CorruptDataException(file.Name, "image size of the index is not acceptable");
        }

        var count = (size + chunkSize - 1) / chunkSize;
        return fileSize == HeaderSize + (count * Digest.Size)
            ? new FixedIndexReader(file, count, header, size, chunkSize)
            : throw new CorruptDataException(file.Name, "length of the index file does not fit its size field");
    }
}
