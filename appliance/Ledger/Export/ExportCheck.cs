// The walk over an export: chain, end frame, digest, signature - offline, with nothing but the file and perhaps a key.
// Verification and import take the same walk, so an import never takes what a verification would refuse.
using System.Buffers.Binary;
using System.Globalization;

namespace Holdfast.Ledger;

/// <summary>How far the signer of an export is known.</summary>
public enum SignerCheck
{
    /// <summary>The file has no signature.</summary>
    Unsigned,

    /// <summary>The signature fits the key in the file, but whose key that is was not checked.</summary>
    NotChecked,

    /// <summary>Signed by the key that was expected.</summary>
    Trusted,
}

/// <summary>What is known of an export after reading all of it.</summary>
/// <param name="Chain">The events' chain.</param>
/// <param name="Signer">How far the signer is known.</param>
/// <param name="SignerFingerprint">Fingerprint of the key in the file; null = unsigned.</param>
/// <param name="Problem">First thing that is wrong; null = complete and unaltered.</param>
/// <param name="FirstBadPosition">Position of it; null if the damage lies outside the events.</param>
public sealed record ExportReport(
    ChainReport Chain, SignerCheck Signer, string? SignerFingerprint, string? Problem, long? FirstBadPosition)
{
    /// <summary>True if no problem was found.</summary>
    public bool IsGood => Problem is null;

    /// <summary>One line for people.</summary>
    public override string ToString()
    {
        if (Problem is not null)
        {
            return FirstBadPosition is { } at
                ? string.Create(CultureInfo.InvariantCulture, $"first bad position {at}: {Problem}")
                : Problem;
        }
        var range = string.Create(CultureInfo.InvariantCulture, $"from {Chain.FromPosition} to {Chain.Head.Position}");
        return Signer switch
        {
            SignerCheck.Trusted => $"complete and unaltered {range}, signed by {SignerFingerprint}",
            SignerCheck.NotChecked => $"complete and consistent {range}, signer not checked (key {SignerFingerprint})",
            _ => $"complete and consistent {range}, not signed",
        };
    }
}

internal sealed class ExportCheck(LedgerPublicKey? expectedKey, string? expectedFingerprint) : IDisposable
{
    private ChainVerifier? chain;
    private LedgerPublicKey? key;
    private long from = 1;
    private long count;
    private bool isEnded;
    private bool isSigned;
    private string? problem;
    private bool isOutsideEvents;

    /// <summary>True while nothing is wrong.</summary>
    public bool IsGood => problem is null;

    /// <summary>First position of the file.</summary>
    public long FromPosition => from;

    /// <summary>Key of the file, once the header was read.</summary>
    public LedgerPublicKey? Key => key;

    /// <summary>Takes a frame; false = something is wrong. For an event, <paramref name="isEvent"/> is true.</summary>
    public bool Accept(ExportFrames frames, byte kind, ReadOnlySpan<byte> payload, out bool isEvent)
    {
        isEvent = false;
        if (isEnded)
        {
            return Bad("there is more after the end", true);
        }
        if (chain is null)
        {
            return kind == ExportFormat.HeaderKind ? AcceptHeader(payload) : Bad("the header is missing", true);
        }
        if (kind == ExportFormat.EventKind && payload.Length > EventRecord.HashBytes)
        {
            isEvent = true;
            return AcceptEvent(payload);
        }
        return kind == ExportFormat.EndKind
            ? AcceptEnd(payload, frames.TakeDigest())
            : Bad("a frame is damaged (its kind is unknown)", false);
    }

    /// <summary>Ends the walk.</summary>
    public ExportReport Finish(ExportFrames frames)
    {
        if (frames.Problem is { } framing)
        {
            Bad(framing, chain is null);
        }
        else if (!isEnded)
        {
            Bad("the file ends before its end mark (cut short)", chain is null);
        }
        else if (!frames.IsAtEnd)
        {
            Bad("there is more after the end", true);
        }
        var walk = chain?.Finish() ?? new ChainReport(1, new LedgerHead(0, EventHash.Genesis), null, null, 0, 0, 0);
        long? at = isOutsideEvents ? null : walk.FirstBadPosition ?? walk.Head.Position + 1;
        var signer = !isSigned ? SignerCheck.Unsigned
            : expectedKey is null && expectedFingerprint is null ? SignerCheck.NotChecked : SignerCheck.Trusted;
        return new ExportReport(walk, signer, key?.Fingerprint, problem, problem is null ? null : at);
    }

    public void Dispose()
    {
        chain?.Dispose();
        key?.Dispose();
    }

    private bool AcceptHeader(ReadOnlySpan<byte> payload)
    {
        if (payload.Length is < 48 or > 48 + 512)
        {
            return Bad("the header is damaged", true);
        }
        from = BinaryPrimitives.ReadInt64BigEndian(payload);
        if (from < 1)
        {
            return Bad("the header is damaged", true);
        }
        if (payload.Length > 48)
        {
            try
            {
                key = LedgerPublicKey.FromDer(payload[48..]);
            }
            catch (InvalidDataException)
            {
                return Bad("the header's public key is damaged", true);
            }
        }
        var isExpected = (expectedKey is null || key?.Fingerprint == expectedKey.Fingerprint)
            && (expectedFingerprint is null || key?.HasFingerprint(expectedFingerprint) == true);
        if (!isExpected)
        {
            return Bad(key is null
                ? "it is not signed, but a signer was expected"
                : $"it is signed by another key than expected ({key.Fingerprint})", true);
        }
        // The final signature vouches for checkpoints of earlier keys (a ledger that was moved to another box).
        chain = new ChainVerifier(
            from, payload.Slice(8, 32).ToArray(), key is null ? null : [key], allowsForeignKeys: true);
        return true;
    }

    private bool AcceptEvent(ReadOnlySpan<byte> payload)
    {
        var record = payload[..^EventRecord.HashBytes];
        count++;
        if (!chain!.Accept(record, payload[^EventRecord.HashBytes..]))
        {
            return Bad(chain.Finish().Problem!, false);
        }
        return (EventRecord.TryParse(record, out var parsed) && parsed.HasValidText())
            || Bad($"the event before this position holds text that no ledger writes", false);
    }

    private bool AcceptEnd(ReadOnlySpan<byte> payload, byte[] digest)
    {
        isEnded = true;
        var expected = ExportFormat.End(count, chain!.Finish().Head, digest);
        var length = key is null ? ExportFormat.EndBytes : ExportFormat.EndBytes + ExportFormat.SignatureBytes;
        if (payload.Length != length)
        {
            return Bad("the end mark is damaged", true);
        }
        if (!payload[..48].SequenceEqual(expected.AsSpan(0, 48)))
        {
            var to = BinaryPrimitives.ReadInt64BigEndian(payload[8..]);
            return Bad($"the events end here, but the end mark speaks of {to}", to <= chain.Finish().Head.Position);
        }
        if (!payload[..ExportFormat.EndBytes].SequenceEqual(expected))
        {
            return Bad("the file was altered outside its events (header or framing)", true);
        }
        if (key is not null)
        {
            isSigned = key.Verify(ExportFormat.Signed(expected), payload[ExportFormat.EndBytes..]);
            return isSigned || Bad("the final signature is wrong", true);
        }
        return true;
    }

    private bool Bad(string why, bool isOutside)
    {
        if (problem is null)
        {
            problem = why;
            isOutsideEvents = isOutside;
        }
        return false;
    }
}
