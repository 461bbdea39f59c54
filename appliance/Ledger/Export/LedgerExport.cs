// The ledger as one self-contained file that an auditor takes home: all events with their hashes, the public key, and a
// final signature over all of it. Written from a ledger, verified from the file alone.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Ledger;

/// <summary>Writes and verifies exports.</summary>
public static class LedgerExport
{
    private const int FlushBytes = 256 << 10;

    /// <summary>Writes all events up to the head. The chain is verified on the way.</summary>
    /// <param name="ledger">Open for writing or reading.</param>
    /// <param name="output">Receives the file; neither closed nor synced.</param>
    /// <param name="signer">Key of the box; null = an unsigned file.</param>
    /// <param name="clock">Time noted in the header.</param>
    /// <param name="cancellationToken">Ends it; the file is then not complete and verifies as such.</param>
    /// <returns>The chain that was written.</returns>
    /// <exception cref="InvalidDataException">The ledger itself is damaged; the text names the first bad
    /// position.</exception>
    /// <exception cref="LedgerUnavailableException">The database went away.</exception>
    public static async Task<ChainReport> WriteAsync(
        ILedger ledger, Stream output, LedgerKey? signer, TimeProvider clock,
            CancellationToken cancellationToken = default)
    {
        var to = ledger.Head.Position;
        using var verifier = new ChainVerifier();
        using var writer = new FrameWriter();
        writer.Raw(ExportFormat.Magic);
        var madeUs = (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;
        writer.Frame(ExportFormat.HeaderKind, ExportFormat.Header(
            1, EventHash.Genesis.Span, madeUs, signer is null ? default : signer.Public.Der.Span), default);
        if (to > 0 && ledger is IRecordSource source)
        {
            // The store hands out records synchronously from its buffer; what has gathered is written between its
            // answers.
            var next = 1L;
            while (next <= to && verifier.Finish().IsGood)
            {
                var before = next;
                await source.ReadRecordsAsync((next, to), (record, hash) =>
                {
                    if (!verifier.Accept(record, hash))
                    {
                        return false;
                    }
                    writer.Frame(ExportFormat.EventKind, record, hash);
                    next++;
                    return writer.Length < 64 * FlushBytes;
                }, cancellationToken).ConfigureAwait(false);
                await writer.FlushAsync(output, cancellationToken).ConfigureAwait(false);
                if (next == before && verifier.Finish().IsGood)
                {
                    verifier.Fail("missing: the ledger ends before its head");
                }
            }
        }
        else
        {
            await CopyAsync(ledger, to, verifier, writer, output, cancellationToken).ConfigureAwait(false);
        }
        var chain = verifier.Finish();
        if (!chain.IsGood)
        {
            throw new InvalidDataException($"the ledger is damaged and was not exported: {chain}");
        }
        var end = ExportFormat.End(chain.Head.Position, chain.Head, writer.Digest());
        writer.Frame(
            ExportFormat.EndKind, end, signer is null ? default : signer.Sign(ExportFormat.Signed(end)));
        await writer.FlushAsync(output, cancellationToken).ConfigureAwait(false);
        return chain;
    }

    /// <summary>Reads a whole export and says whether it is complete and unaltered. Needs no server; takes any
    /// bytes.</summary>
    /// <param name="input">The file.</param>
    /// <param name="expectedKey">Key that must have signed it; null = not checked by key.</param>
    /// <param name="expectedFingerprint">Fingerprint of the key that must have signed it; null = not checked.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<ExportReport> VerifyAsync(
        Stream input, LedgerPublicKey? expectedKey = null, string? expectedFingerprint = null,
        CancellationToken cancellationToken = default)
    {
        using var frames = new ExportFrames(input);
        using var check = new ExportCheck(expectedKey, expectedFingerprint);
        while (check.IsGood && await frames.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            while (frames.TryNext(out var kind, out var payload) && check.Accept(frames, kind, payload, out _))
            {
            }
        }
        return check.Finish(frames);
    }

    private static async Task CopyAsync(
        ILedger ledger, long to, ChainVerifier verifier, FrameWriter writer, Stream output, CancellationToken token)
    {
        var buffer = new byte[LedgerLimits.MaxRecordBytes];
        await foreach (var one in ledger.ReadAsync(1, token).ConfigureAwait(false))
        {
            if (one.Position > to || !verifier.Accept(one))
            {
                return;
            }
            var length = EventRecord.Write(
                buffer, one.Position, one.Stream, one.Version, one.Type, one.TimeUs, one.Data.Span, one.Metadata);
            writer.Frame(ExportFormat.EventKind, buffer.AsSpan(0, length), one.Hash.Span);
            if (writer.Length >= FlushBytes)
            {
                await writer.FlushAsync(output, token).ConfigureAwait(false);
            }
        }
    }

    private sealed class FrameWriter : IDisposable
    {
        private readonly IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private byte[] buffer = new byte[2 * FlushBytes];
        private int hashed;

        public int Length { get; private set; }

        public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

        public void Frame(byte kind, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
        {
            var to = Take(ExportFormat.FrameBytes + first.Length + second.Length);
            to[0] = kind;
            BinaryPrimitives.WriteInt32BigEndian(to[1..], first.Length + second.Length);
            first.CopyTo(to[ExportFormat.FrameBytes..]);
            second.CopyTo(to[(ExportFormat.FrameBytes + first.Length)..]);
        }

        /// <summary>Digest of everything written so far.</summary>
        public byte[] Digest()
        {
            digest.AppendData(buffer.AsSpan(hashed, Length - hashed));
            hashed = Length;
            return digest.GetHashAndReset();
        }

        public async Task FlushAsync(Stream output, CancellationToken token)
        {
            digest.AppendData(buffer.AsSpan(hashed, Length - hashed));
            await output.WriteAsync(buffer.AsMemory(0, Length), token).ConfigureAwait(false);
            Length = hashed = 0;
        }

        public void Dispose() => digest.Dispose();

        private Span<byte> Take(int bytes)
        {
            if (buffer.Length - Length < bytes)
            {
                Array.Resize(ref buffer, Math.Max(buffer.Length * 2, Length + bytes));
            }
            Length += bytes;
            return buffer.AsSpan(Length - bytes, bytes);
        }
    }
}
