// What a backup session asks of an uploaded chunk before it may be stored (reference 2.2, chunk upload checks).
// A pure function over the raw blob; allocates nothing unless a refusal is put into words.
using System.Runtime.CompilerServices;

namespace Holdfast.Storage;

/// <summary>Why a chunk is refused.</summary>
public enum ChunkRefusal
{
    None,
    TooSmall,
    TooLarge,
    WrongMagic,
    BrokenFrame,
    WrongDigest,
    WrongLength,
}

/// <summary>Verdict on an upload. <see cref="Actual"/> is -1 where the true length is only known to be
/// larger.</summary>
public readonly record struct ChunkCheck(ChunkRefusal Refusal, bool IsEncrypted, long Expected, long Actual)
{
    public bool IsAccepted => Refusal == ChunkRefusal.None;

    /// <summary>PBS's error text; empty if accepted.</summary>
    public string Message => Refusal switch
    {
        ChunkRefusal.None => "",
        ChunkRefusal.TooSmall => "blob too small.",
        ChunkRefusal.TooLarge => "uploaded chunk is larger than announced.",
        ChunkRefusal.WrongMagic => DataBlob.WrongMagicText,
        ChunkRefusal.BrokenFrame => DataBlob.BrokenFrameText,
        ChunkRefusal.WrongDigest => "detected chunk with wrong digest.",
        _ when Actual < 0 => $"detected chunk with wrong length ({Expected} != more than {Expected})",
        _ => $"detected chunk with wrong length ({Expected} != {Actual})",
    };
}

/// <summary>The upload check.</summary>
public static class ChunkUpload
{
    /// <summary>Checks a raw blob against what the client claims and writes the right CRC into it (the one sent is
    /// ignored, as PBS does). Digest and length of an encrypted chunk can not be checked.</summary>
    /// <param name="raw">The whole blob; its CRC field is overwritten when the chunk is accepted.</param>
    /// <param name="digest">Claimed name.</param>
    /// <param name="sizeBytes">Claimed length of the data, 1..16 MiB.</param>
    [SkipLocalsInit]
    public static ChunkCheck Check(Span<byte> raw, in Digest digest, int sizeBytes)
    {
        if (raw.Length > DataBlob.MaxRawChunkSize || sizeBytes is < 1 or > DataBlob.MaxChunkSize)
        {
            return new ChunkCheck(ChunkRefusal.TooLarge, false, sizeBytes, raw.Length);
        }

        var fault = DataBlob.Parse(raw, out var header);
        if (fault != null || raw.Length == header.Size)
        {
            var refusal = fault == DataBlob.WrongMagicText ? ChunkRefusal.WrongMagic : ChunkRefusal.TooSmall;
            return new ChunkCheck(refusal, header.IsEncrypted, sizeBytes, 0);
        }

        if (!header.IsEncrypted)
        {
            var verdict = CheckContent(raw[header.Size..], header.IsCompressed, digest, sizeBytes);
            if (!verdict.IsAccepted)
            {
                return verdict;
            }
        }

        DataBlob.WriteCrc(raw, header);
        return new ChunkCheck(ChunkRefusal.None, header.IsEncrypted, sizeBytes, sizeBytes);
    }

    private static ChunkCheck CheckContent(
        ReadOnlySpan<byte> payload, bool compressed, in Digest digest, int sizeBytes)
    {
        if (!compressed)
        {
            return Compare(payload, digest, sizeBytes);
        }

        var context = CodecContext.Rent();
        try
        {
            var data = context.Scratch(sizeBytes);
            return context.Decompress(payload, data, out var written) switch
            {
                ZstdOutcome.Ok => Compare(data[..written], digest, sizeBytes),
                ZstdOutcome.TargetTooSmall => new ChunkCheck(ChunkRefusal.WrongLength, false, sizeBytes, -1),
                _ => new ChunkCheck(ChunkRefusal.BrokenFrame, false, sizeBytes, 0),
            };
        }
        finally
        {
            context.Return();
        }
    }

    /// <summary>Digest first, then length, as PBS orders them.</summary>
    private static ChunkCheck Compare(ReadOnlySpan<byte> data, in Digest digest, int sizeBytes)
    {
        var refusal = Digest.Of(data) != digest ? ChunkRefusal.WrongDigest
            : data.Length != sizeBytes ? ChunkRefusal.WrongLength
            : ChunkRefusal.None;
        return new ChunkCheck(refusal, false, sizeBytes, data.Length);
    }
}
