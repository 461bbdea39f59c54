// Writer of a .didx: strictly one chunk after the other; entries are gathered into blocks and hashed as they come.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>A growing dynamic index, at most <see cref="IndexReader.MaxChunks"/> chunks.</summary>
public sealed class DynamicIndexWriter : IndexWriter
{
    private readonly byte[] block = new byte[DynamicIndexReader.EntrySize * 100];
    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int blockLength;
    private long filePosition = IndexReader.HeaderSize;

    private DynamicIndexWriter(Volume volume, string folder, string name, IndexOrigin origin)
        : base(volume, folder, name, origin)
    {
    }

    /// <summary>Running position in the stream.</summary>
    public long SizeBytes { get; private set; }

    public int ChunkCount { get; private set; }

    /// <exception cref="RefusedException">The name is not acceptable.</exception>
    public static DynamicIndexWriter Create(Volume volume, string folder, string name, IndexOrigin origin) =>
        SafeId.TryArchiveKind(name, out var kind) && kind == ArchiveKind.DynamicIndex
            ? new DynamicIndexWriter(volume, folder, name, origin)
            : throw new RefusedException($"wrong archive extension: '{name}'");

    /// <summary>Appends a chunk of that many bytes (1..16 MiB).</summary>
    /// <exception cref="RefusedException">Bad size, or the index is full.</exception>
    public void Append(long chunkSizeBytes, in Digest digest)
    {
        EnsureOpen();
        if (chunkSizeBytes is < 1 or > DataBlob.MaxChunkSize || ChunkCount >= IndexReader.MaxChunks)
        {
            throw new RefusedException("chunk does not fit the dynamic index");
        }

        if (blockLength == block.Length)
        {
            Flush();
        }

        SizeBytes += chunkSizeBytes;
        ChunkCount++;
        var entry = block.AsSpan(blockLength, DynamicIndexReader.EntrySize);
        BinaryPrimitives.WriteInt64LittleEndian(entry, SizeBytes);
        digest.CopyTo(entry[8..]);
        sha.AppendData(entry);
        blockLength += entry.Length;
    }

    public override Digest ComputeCsum()
    {
        Flush();
        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetCurrentHash(hash);
        return new Digest(hash);
    }

    private protected override IndexSummary Summary(Digest csum) => new(Name, SizeBytes, ChunkCount, csum);

    private protected override void FillHeader(Span<byte> header) => DynamicIndexReader.Magic.CopyTo(header);

    private void Flush()
    {
        EnsureOpen();
        if (blockLength > 0)
        {
            File.Write(block.AsSpan(0, blockLength), filePosition);
            filePosition += blockLength;
            blockLength = 0;
        }
    }
}
