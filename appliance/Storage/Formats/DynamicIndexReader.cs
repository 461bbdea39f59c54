// A .didx: chunks of any size, each entry with its end offset.
using System.Buffers.Binary;

namespace Holdfast.Storage;

/// <summary>Reader of a dynamic index; <see cref="IndexReader.Open"/> makes it.</summary>
public sealed class DynamicIndexReader : IndexReader
{
    public const int EntrySize = 40;

    private DynamicIndexReader(ReadableFile file, long count, ReadOnlySpan<byte> header)
        : base(file, EntrySize, count, header) =>
        TotalSize = count == 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(Entry((int)count - 1));

    public static ReadOnlySpan<byte> Magic => [0x1c, 0x91, 0x4e, 0xa5, 0x19, 0xba, 0xb3, 0xcd];

    public override long TotalSize { get; }

    public override IndexEntry this[int i]
    {
        get
        {
            var start = i == 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(Entry(i - 1));
            var entry = Entry(i);
            var end = BinaryPrimitives.ReadInt64LittleEndian(entry);
            return start >= 0 && end > start && end - start <= DataBlob.MaxChunkSize
                ? new IndexEntry(new Digest(entry[8..]), start, end)
                : throw new CorruptDataException(Name, $"offsets of entry {i} are not acceptable");
        }
    }

    internal static DynamicIndexReader Parse(ReadableFile file, long fileSize, ReadOnlySpan<byte> header)
    {
        var body = fileSize - HeaderSize;
        if (body % EntrySize != 0 || body / EntrySize > MaxChunks)
        {
            throw new CorruptDataException(file.Name, "length of the index file is not acceptable");
        }

        var reader = new DynamicIndexReader(file, body / EntrySize, header);
        return reader.TotalSize >= reader.Count && reader.TotalSize <= (long)reader.Count * DataBlob.MaxChunkSize
            ? reader
            : throw new CorruptDataException(file.Name, "stream size of the index is not acceptable");
    }
}
