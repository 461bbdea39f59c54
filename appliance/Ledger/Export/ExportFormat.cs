// The frame of an export file (docs/formats.md, "Ledger export"): a magic line, then frames of kind, length and payload
// - one header, the events, one end - and nothing after. Every byte is covered by the digest or by the end frame's own
// checks.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Ledger;

internal static class ExportFormat
{
    public const byte HeaderKind = (byte)'H';
    public const byte EventKind = (byte)'E';
    public const byte EndKind = (byte)'Z';
    public const int FrameBytes = 5;
    public const int MaxPayload = LedgerLimits.MaxRecordBytes + EventRecord.HashBytes;
    public const int EndBytes = 8 + 8 + 32 + 32;
    public const int SignatureBytes = 64;
    public static readonly byte[] Magic = "holdfast ledger export 1\n"u8.ToArray();

    /// <summary>Header payload: first position, hash before it, time made (microseconds), key (DER; empty =
    /// unsigned).</summary>
    public static byte[] Header(long from, ReadOnlySpan<byte> previous, long madeUs, ReadOnlySpan<byte> key)
    {
        var header = new byte[48 + key.Length];
        BinaryPrimitives.WriteInt64BigEndian(header, from);
        previous.CopyTo(header.AsSpan(8));
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(40), madeUs);
        key.CopyTo(header.AsSpan(48));
        return header;
    }

    /// <summary>End payload without signature: count, last position, head, digest of all bytes before the end
    /// frame.</summary>
    public static byte[] End(long count, LedgerHead head, ReadOnlySpan<byte> digest)
    {
        var end = new byte[EndBytes];
        BinaryPrimitives.WriteInt64BigEndian(end, count);
        BinaryPrimitives.WriteInt64BigEndian(end.AsSpan(8), head.Position);
        head.Hash.Span.CopyTo(end.AsSpan(16));
        digest.CopyTo(end.AsSpan(48));
        return end;
    }

    /// <summary>What the final signature is over.</summary>
    public static byte[] Signed(ReadOnlySpan<byte> end) => [.. "holdfast ledger export end 1\n"u8, .. end[..EndBytes]];
}

/// <summary>Reads frames with one bounded buffer and a running digest. Never trusts a length beyond the
/// limit.</summary>
internal sealed class ExportFrames(Stream source) : IDisposable
{
    private readonly IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private const int MostBuffer = 2 * (ExportFormat.MaxPayload + ExportFormat.FrameBytes);
    private byte[] buffer = new byte[64 << 10];
    private int hashed;
    private int start;
    private int end;
    private bool isMagicRead;
    private bool isSourceEnd;

    /// <summary>What is wrong with the framing; null = nothing so far.</summary>
    public string? Problem { get; private set; }

    /// <summary>True if no byte is left.</summary>
    public bool IsAtEnd => isSourceEnd && start == end;

    /// <summary>Brings in more bytes. False if there are none.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken token)
    {
        if (Problem is not null)
        {
            return false;
        }
        digest.AppendData(buffer.AsSpan(hashed, start - hashed));
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        end -= start;
        start = hashed = 0;
        // Grows with what is really there, and no further than two largest frames: then there is always room.
        if (end == buffer.Length)
        {
            Array.Resize(ref buffer, Math.Min(buffer.Length * 2, MostBuffer));
        }
        var read = await source.ReadAsync(buffer.AsMemory(end), token).ConfigureAwait(false);
        end += read;
        isSourceEnd = read == 0;
        return read > 0;
    }

    /// <summary>Takes the next whole frame; false = fill again, or <see cref="Problem"/>.</summary>
    public bool TryNext(out byte kind, out ReadOnlySpan<byte> payload)
    {
        kind = 0;
        payload = default;
        var bytes = buffer.AsSpan(start, end - start);
        if (!isMagicRead)
        {
            if (bytes.Length < ExportFormat.Magic.Length)
            {
                return false;
            }
            if (!bytes.StartsWith(ExportFormat.Magic))
            {
                Problem = "this is not a ledger export";
                return false;
            }
            start += ExportFormat.Magic.Length;
            bytes = bytes[ExportFormat.Magic.Length..];
            isMagicRead = true;
        }
        if (Problem is not null || bytes.Length < ExportFormat.FrameBytes)
        {
            return false;
        }
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]);
        if (length > ExportFormat.MaxPayload)
        {
            Problem = "a frame claims to be larger than any can be";
            return false;
        }
        if (bytes.Length < ExportFormat.FrameBytes + (int)length)
        {
            return false;
        }
        kind = bytes[0];
        payload = bytes.Slice(ExportFormat.FrameBytes, (int)length);
        if (kind == ExportFormat.EndKind)
        {
            digest.AppendData(buffer.AsSpan(hashed, start - hashed)); // all before this frame
            hashed = start;
        }
        start += ExportFormat.FrameBytes + (int)length;
        return true;
    }

    /// <summary>Digest of all before the end frame, once that frame was taken.</summary>
    public byte[] TakeDigest() => digest.GetHashAndReset();

    public void Dispose() => digest.Dispose();
}
