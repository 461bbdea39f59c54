// The head of a DataBlob: which of the four kinds it is, and its checksum.
namespace Holdfast.Storage;

/// <summary>The four DataBlob kinds.</summary>
public enum BlobKind
{
    Plain,
    Compressed,
    Encrypted,
    EncryptedCompressed,
}

/// <summary>Parsed head; <see cref="Crc"/> is what the blob says, not what was checked.</summary>
public readonly record struct BlobHeader(BlobKind Kind, uint Crc)
{
    public bool IsEncrypted => Kind is BlobKind.Encrypted or BlobKind.EncryptedCompressed;

    public bool IsCompressed => Kind is BlobKind.Compressed or BlobKind.EncryptedCompressed;

    /// <summary>Bytes before the payload: 12, or 44 with IV and tag.</summary>
    public int Size => IsEncrypted ? DataBlob.EncryptedHeaderSize : DataBlob.PlainHeaderSize;
}
