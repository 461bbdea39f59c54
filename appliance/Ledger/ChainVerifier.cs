// Walks the chain from a start and finds the first position that is not as it was written, and why. Trusts nothing but
// the public keys that it is given; the same walk serves the live ledger, an export and an import.
using System.Globalization;

namespace Holdfast.Ledger;

/// <summary>What a walk over the chain found.</summary>
/// <param name="FromPosition">First position that was expected.</param>
/// <param name="Head">Last good event; position <c>FromPosition - 1</c> if there was none.</param>
/// <param name="FirstBadPosition">Null if all is well.</param>
/// <param name="Problem">Why, in plain words; null if all is well.</param>
/// <param name="Checkpoints">Checkpoints whose signature was checked with a trusted key.</param>
/// <param name="ForeignCheckpoints">Checkpoints of other keys; only without trusted keys, else that is a
/// problem.</param>
/// <param name="SignedUpTo">Highest position that a checked checkpoint covers; 0 = none.</param>
public sealed record ChainReport(
    long FromPosition, LedgerHead Head, long? FirstBadPosition, string? Problem, long Checkpoints,
        long ForeignCheckpoints,
    long SignedUpTo)
{
    /// <summary>True if no problem was found.</summary>
    public bool IsGood => Problem is null;

    /// <summary>One line for people.</summary>
    public override string ToString() => IsGood
        ? string.Create(CultureInfo.InvariantCulture,
            $"complete and unaltered from {FromPosition} to {Head.Position}, signed up to {SignedUpTo}")
        : string.Create(CultureInfo.InvariantCulture, $"first bad position {FirstBadPosition}: {Problem}");
}

/// <summary>Streaming verifier of the hash chain. Feed it in the order read; it stops at the first problem.</summary>
public sealed class ChainVerifier : IDisposable
{
    private const int RememberedHashes = 1 << 16;
    private const int PageHashes = 1 << 10;
    private static readonly byte[] CheckpointType = "LedgerCheckpointSigned/1"u8.ToArray();

    private readonly EventHash hasher = new();
    private readonly StreamVersions versions = new();
    private readonly IReadOnlyList<LedgerPublicKey>? trusted;
    private readonly byte[]?[] recent = new byte[RememberedHashes / PageHashes][];
    private readonly byte[] computed = new byte[EventRecord.HashBytes];
    private readonly byte[] previous = new byte[EventRecord.HashBytes];
    private readonly LedgerHead? witness;
    private readonly bool allowsForeignKeys;
    private readonly long from;
    private byte[] scratch = new byte[4096];
    private long position;
    private long checkpoints;
    private long foreign;
    private long signedUpTo;
    private long? badPosition;
    private string? problem;

    /// <summary>A walk that starts at <paramref name="fromPosition"/>.</summary>
    /// <param name="fromPosition">First position expected.</param>
    /// <param name="previousHash">Hash before it, 32 bytes; empty = start of the ledger.</param>
    /// <param name="trusted">Keys whose checkpoints count. With such keys, a checkpoint of any other key is a problem;
    /// null = signatures are not checked.</param>
    /// <param name="witness">A head kept elsewhere: the chain must reach it with that hash.</param>
    /// <param name="allowsForeignKeys">True = checkpoints of other keys are counted only (something else vouches for
    /// them).</param>
    public ChainVerifier(
        long fromPosition = 1, ReadOnlyMemory<byte> previousHash = default,
        IReadOnlyList<LedgerPublicKey>? trusted = null, LedgerHead? witness = null, bool allowsForeignKeys = false)
    {
        this.allowsForeignKeys = allowsForeignKeys;
        from = fromPosition;
        position = fromPosition - 1;
        this.trusted = trusted;
        this.witness = witness;
        if (!previousHash.IsEmpty)
        {
            previousHash.Span.CopyTo(previous);
        }
        Remember();
    }

    /// <summary>Takes the next event. False from the first problem on.</summary>
    public bool Accept(RecordedEvent recorded)
    {
        var most = EventRecord.MaxBytes(
            recorded.Stream, recorded.Type, recorded.Data.Length, recorded.Metadata);
        if (scratch.Length < most)
        {
            scratch = new byte[most + most / 2];
        }
        var length = EventRecord.Write(
            scratch, recorded.Position, recorded.Stream, recorded.Version, recorded.Type, recorded.TimeUs,
            recorded.Data.Span, recorded.Metadata);
        return Accept(scratch.AsSpan(0, length), recorded.Hash.Span);
    }

    /// <summary>Takes the next event as an encoded record with the hash that is stored beside it.</summary>
    public bool Accept(ReadOnlySpan<byte> record, ReadOnlySpan<byte> hash)
    {
        if (problem is not null)
        {
            return false;
        }
        var next = position + 1;
        if (!EventRecord.TryParse(record, out var parsed))
        {
            return Bad(next, "the row is not an event (a field is missing or has the wrong form)");
        }
        if (parsed.Position != next)
        {
            return BadOrder(parsed.Position, next);
        }
        hasher.Compute(previous, record, computed);
        if (!hash.SequenceEqual(computed))
        {
            return Bad(next, "its hash does not fit: the event was altered, inserted or moved");
        }
        var before = versions.Advance(parsed.Stream, parsed.Version);
        var isKnown = before > 0 || from == 1;
        if (parsed.Version < 1 || (isKnown && parsed.Version != before + 1))
        {
            return Bad(next, $"version {parsed.Version} follows {before} in its stream");
        }
        computed.CopyTo(previous, 0);
        position = next;
        Remember();
        if (parsed.Type.SequenceEqual(CheckpointType) && !AcceptCheckpoint(parsed.Data))
        {
            return false;
        }
        return witness is null || witness.Position != position || witness.Hash.Span.SequenceEqual(previous)
            || Bad(position,
            "its hash is not the one that was noted outside the database: history was rewritten (fork)");
    }

    /// <summary>Ends the walk with a problem that the reader met (a damaged file, for example).</summary>
    public void Fail(string why) => Bad(position + 1, why);

    /// <summary>Ends the walk.</summary>
    public ChainReport Finish()
    {
        if (problem is null && witness is not null && witness.Position > position)
        {
            Bad(position + 1,
                $"missing: the ledger ends at {position}, but {witness.Position} was noted outside the database "
                + "(truncated)");
        }
        var good = new LedgerHead(position, previous.ToArray());
        return new ChainReport(from, good, badPosition, problem, checkpoints, foreign, signedUpTo);
    }

    /// <inheritdoc/>
    public void Dispose() => hasher.Dispose();

    /// <summary>Walks a whole ledger.</summary>
    /// <exception cref="LedgerUnavailableException">The database went away.</exception>
    public static async Task<ChainReport> VerifyAsync(
        ILedger ledger, IReadOnlyList<LedgerPublicKey>? trusted = null, LedgerHead? witness = null,
        CancellationToken cancellationToken = default)
    {
        using var verifier = new ChainVerifier(trusted: trusted, witness: witness);
        if (ledger is IRecordSource source)
        {
            await source.ReadRecordsAsync(null, verifier.Accept, cancellationToken).ConfigureAwait(false);
            return verifier.Finish();
        }
        await foreach (var recorded in ledger.ReadAsync(1, cancellationToken).ConfigureAwait(false))
        {
            if (!verifier.Accept(recorded))
            {
                break;
            }
        }
        return verifier.Finish();
    }

    private bool BadOrder(long actual, long expected)
    {
        if (actual > expected)
        {
            return Bad(expected, $"missing: the next event is {actual} (deleted or truncated)");
        }
        return Bad(actual, actual == position ? "it is there twice"
            : $"it comes after {position} (reordered or inserted)");
    }

    private bool AcceptCheckpoint(ReadOnlySpan<byte> data)
    {
        if (!Checkpoint.TryParse(data, out var checkpoint))
        {
            return Bad(position, "it is a checkpoint that can't be read");
        }
        var at = checkpoint!.Position;
        if (at >= position || at < 0)
        {
            return Bad(position, "it is a checkpoint of a position that is not before it");
        }
        if (at >= from - 1 && at > position - RememberedHashes
            && !Remembered(at).SequenceEqual(checkpoint.Hash.Span))
        {
            return Bad(at, $"its hash is not the one that the checkpoint at {position} signed (fork)");
        }
        if (at <= position - RememberedHashes)
        {
            return Bad(position, $"it is a checkpoint of {at}, too far behind to be checked");
        }
        return AcceptSignature(checkpoint);
    }

    private bool AcceptSignature(Checkpoint checkpoint)
    {
        var key = trusted?.FirstOrDefault(k => k.Fingerprint == checkpoint.KeyFingerprint);
        if (key is null)
        {
            foreign++;
            return trusted is null || allowsForeignKeys
                || Bad(position, $"it is a checkpoint of a key that is not trusted ({checkpoint.KeyFingerprint})");
        }
        if (!checkpoint.IsSignedBy(key))
        {
            return Bad(position, "it is a checkpoint whose signature is wrong");
        }
        checkpoints++;
        signedUpTo = Math.Max(signedUpTo, checkpoint.Position);
        return true;
    }

    private void Remember() => previous.CopyTo(Slot(position));

    private ReadOnlySpan<byte> Remembered(long at) => Slot(at);

    private Span<byte> Slot(long at)
    {
        var slot = (int)(at & (RememberedHashes - 1));
        var page = recent[slot / PageHashes] ??= new byte[PageHashes * EventRecord.HashBytes];
        return page.AsSpan(slot % PageHashes * EventRecord.HashBytes, EventRecord.HashBytes);
    }

    private bool Bad(long at, string why)
    {
        if (problem is null)
        {
            badPosition = at;
            problem = why;
        }
        return false;
    }
}
