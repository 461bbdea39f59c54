// DataBlob, the envelope of every chunk and .blob file (reference 3.2): magic, CRC-32, and for encrypted ones IV and
// GCM tag, then the payload. Works on spans, allocates nothing, decodes into bounded targets only.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>Encoding, decoding and checking of DataBlobs.</summary>
public static class DataBlob
{
    public const int PlainHeaderSize = 12;

    public const int EncryptedHeaderSize = 44;

    /// <summary>Largest data of a chunk: 16 MiB.</summary>
    public const int MaxChunkSize = 16 * 1024 * 1024;

    /// <summary>Largest data of any blob that is encoded: 128 MiB.</summary>
    public const int MaxBlobSize = 128 * 1024 * 1024;

    /// <summary>Longest raw blob that a session accepts.</summary>
    public const int MaxRawChunkSize = MaxChunkSize + EncryptedHeaderSize;

    public const string WrongMagicText = "unable to parse raw blob - wrong magic";

    public const string WrongCrcText = "Data blob has wrong CRC checksum.";

    private static ReadOnlySpan<byte> PlainMagic => [0x42, 0xab, 0x38, 0x07, 0xbe, 0x83, 0x70, 0xa1];

    private static ReadOnlySpan<byte> CompressedMagic => [0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f];

    private static ReadOnlySpan<byte> EncryptedMagic => [0x7b, 0x67, 0x85, 0xbe, 0x22, 0x2d, 0x4c, 0xf0];

    private static ReadOnlySpan<byte> EncryptedCompressedMagic => [0xe6, 0x59, 0x1b, 0xbf, 0x0b, 0xbf, 0xd8, 0x0b];

    /// <summary>Upper bound of the raw length for data of that length.</summary>
    public static int MaxEncodedSize(int dataSizeBytes) => checked(dataSizeBytes + EncryptedHeaderSize);

    /// <summary>Reads magic and CRC and checks the shortest legal length. Null if the blob is acceptable so far, else
    /// PBS's error text.</summary>
    public static string? Parse(ReadOnlySpan<byte> raw, out BlobHeader header)
    {
        header = default;
        if (raw.Length < PlainHeaderSize)
        {
            return "blob too small.";
        }

        if (!TryKind(raw, out var kind))
        {
            return WrongMagicText;
        }

        header = new BlobHeader(kind, BinaryPrimitives.ReadUInt32LittleEndian(raw[8..]));
        return raw.Length < header.Size ? "encrypted blob too small." : null;
    }

    /// <summary>Kind by the first 8 bytes.</summary>
    public static bool TryKind(ReadOnlySpan<byte> start, out BlobKind kind)
    {
        kind = BlobKind.Plain;
        if (start.StartsWith(PlainMagic))
        {
            return true;
        }

        kind = BlobKind.Compressed;
        if (start.StartsWith(CompressedMagic))
        {
            return true;
        }

        kind = BlobKind.Encrypted;
        if (start.StartsWith(EncryptedMagic))
        {
            return true;
        }

        kind = BlobKind.EncryptedCompressed;
        return start.StartsWith(EncryptedCompressedMagic);
    }

    /// <summary>The CRC that a parsed blob ought to carry: over everything after its header.</summary>
    public static uint ComputeCrc(ReadOnlySpan<byte> raw, BlobHeader header) => Crc32.Compute(raw[header.Size..]);

    /// <summary>Puts the right CRC into a parsed blob.</summary>
    public static void WriteCrc(Span<byte> raw, BlobHeader header) =>
        BinaryPrimitives.WriteUInt32LittleEndian(raw[8..], ComputeCrc(raw, header));

    /// <summary>Null if the blob parses and its CRC fits, else PBS's error text.</summary>
    public static string? Check(ReadOnlySpan<byte> raw, out BlobHeader header) =>
        Parse(raw, out header) ?? (ComputeCrc(raw, header) == header.Crc ? null : WrongCrcText);

    /// <summary>Encodes into the target (<see cref="MaxEncodedSize"/> bytes suffice) and returns the raw length.
    /// Compressed only if that is not longer; encrypted if a key is given.</summary>
    /// <exception cref="RefusedException">More than <see cref="MaxBlobSize"/>.</exception>
    public static int Encode(
        ReadOnlySpan<byte> data, Span<byte> target, bool compress = true, CryptConfig? crypt = null)
    {
        if (data.Length > MaxBlobSize)
        {
            throw new RefusedException("data blob too large");
        }

        var context = CodecContext.Rent();
        try
        {
            return crypt == null
                ? EncodePlain(context, data, target, compress)
                : EncodeEncrypted(context, data, target, compress, crypt);
        }
        finally
        {
            context.Return();
        }
    }

    /// <summary>As <see cref="Encode(ReadOnlySpan{byte}, Span{byte}, bool, CryptConfig?)"/>, into a new
    /// array.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> data, bool compress = true, CryptConfig? crypt = null)
    {
        if (data.Length > MaxBlobSize)
        {
            throw new RefusedException("data blob too large");
        }

        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(MaxEncodedSize(data.Length));
        try
        {
            return buffer[..Encode(data, buffer, compress, crypt)];
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Checks the CRC and decodes into the target; returns the length of the data.</summary>
    /// <param name="subject">Name of the chunk or file for the error.</param>
    /// <exception cref="CorruptDataException">Bad head, CRC, frame or tag, or more data than the target
    /// holds.</exception>
    /// <exception cref="KeyRequiredException">Encrypted, and no key given.</exception>
    public static int Decode(ReadOnlySpan<byte> raw, Span<byte> target, CryptConfig? crypt, string subject)
    {
        var fault = TryDecode(raw, target, crypt, out var written);
        return fault switch
        {
            null => written,
            MissingKeyText => throw new KeyRequiredException($"{subject}: {fault}"),
            _ => throw new CorruptDataException(subject, fault),
        };
    }

    /// <summary>Decodes a small blob into a new array of at most <paramref name="maxSizeBytes"/>.</summary>
    public static byte[] DecodeToArray(ReadOnlySpan<byte> raw, int maxSizeBytes, CryptConfig? crypt, string subject)
    {
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(Math.Max(1, maxSizeBytes));
        try
        {
            return buffer[..Decode(raw, buffer.AsSpan(0, maxSizeBytes), crypt, subject)];
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal const string MissingKeyText = "unable to decrypt blob - missing CryptConfig";

    internal const string TooLongText = "data is longer than allowed";

    internal const string BrokenFrameText = "unable to decompress blob";

    /// <summary>As <see cref="Decode"/>, the fault as text (a constant) instead of an exception.</summary>
    internal static string? TryDecode(ReadOnlySpan<byte> raw, Span<byte> target, CryptConfig? crypt, out int written)
    {
        written = 0;
        var fault = Check(raw, out var header);
        if (fault != null)
        {
            return fault;
        }

        if (header.IsEncrypted && crypt == null)
        {
            return MissingKeyText;
        }

        var context = CodecContext.Rent();
        try
        {
            var payload = raw[header.Size..];
            if (!header.IsEncrypted)
            {
                return Unpack(context, payload, target, header.IsCompressed, out written);
            }

            var decrypted = header.IsCompressed || payload.Length > target.Length
                ? context.Scratch(Math.Max(1, payload.Length))[..payload.Length]
                : target[..payload.Length];
            if (!context.Decrypt(crypt!.Key, raw.Slice(12, 16), raw.Slice(28, 16), payload, decrypted))
            {
                return "unable to decrypt blob - wrong key or damaged data";
            }

            if (!header.IsCompressed && payload.Length <= target.Length)
            {
                written = payload.Length;
                return null;
            }

            return Unpack(context, decrypted, target, header.IsCompressed, out written);
        }
        finally
        {
            context.Return();
        }
    }

    /// <summary>Payload of an unencrypted blob into the target; a constant text if it can not be had.</summary>
    internal static string? Unpack(
        CodecContext context, ReadOnlySpan<byte> payload, Span<byte> target, bool compressed, out int written)
    {
        written = 0;
        if (compressed)
        {
            return context.Decompress(payload, target, out written) switch
            {
                ZstdOutcome.Ok => null,
                ZstdOutcome.TargetTooSmall => TooLongText,
                _ => BrokenFrameText,
            };
        }

        if (payload.Length > target.Length)
        {
            return TooLongText;
        }

        payload.CopyTo(target);
        written = payload.Length;
        return null;
    }

    private static int EncodePlain(CodecContext context, ReadOnlySpan<byte> data, Span<byte> target, bool compress)
    {
        var body = target[PlainHeaderSize..];
        var size = compress && data.Length > 0 ? context.Compress(data, body[..data.Length]) : -1;
        var kind = BlobKind.Compressed;
        if (size < 0)
        {
            kind = BlobKind.Plain;
            size = data.Length;
            data.CopyTo(body);
        }

        (kind == BlobKind.Plain ? PlainMagic : CompressedMagic).CopyTo(target);
        var raw = target[..(PlainHeaderSize + size)];
        WriteCrc(raw, new BlobHeader(kind, 0));
        return raw.Length;
    }

    private static int EncodeEncrypted(
        CodecContext context, ReadOnlySpan<byte> data, Span<byte> target, bool compress, CryptConfig crypt)
    {
        var kind = BlobKind.Encrypted;
        var source = data;
        if (compress && data.Length > 0)
        {
            var scratch = context.Scratch(data.Length);
            var size = context.Compress(data, scratch);
            if (size >= 0)
            {
                kind = BlobKind.EncryptedCompressed;
                source = scratch[..size];
            }
        }

        var raw = target[..(EncryptedHeaderSize + source.Length)];
        (kind == BlobKind.Encrypted ? EncryptedMagic : EncryptedCompressedMagic).CopyTo(raw);
        RandomNumberGenerator.Fill(raw.Slice(12, 16));
        context.Encrypt(crypt.Key, raw.Slice(12, 16), source, raw[EncryptedHeaderSize..], raw.Slice(28, 16));
        WriteCrc(raw, new BlobHeader(kind, 0));
        return raw.Length;
    }
}
