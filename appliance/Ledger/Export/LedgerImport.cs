// Brings an export into an empty database with its chain, positions, times and hashes as they were: how a ledger moves
// to another major version of PostgreSQL or to another box. All or nothing: one statement, given up if the file proves
// bad.
using System.Buffers.Binary;
using Npgsql;

namespace Holdfast.Ledger;

/// <summary>The import was refused; nothing was written.</summary>
public sealed class LedgerImportException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Imports exports.</summary>
public static class LedgerImport
{
    /// <summary>Imports into an empty ledger (its schema made by <see cref="LedgerSchema.EnsureAsync"/>). The file is
    /// verified on the way and must start at position 1.</summary>
    /// <param name="input">The file.</param>
    /// <param name="connectionString">As for <see cref="PostgresLedger"/>.</param>
    /// <param name="expectedKey">Key that must have signed it; null = not checked.</param>
    /// <param name="expectedFingerprint">Fingerprint that its key must have; null = not checked.</param>
    /// <param name="clock">Measures the wait for the writer's lock; null = the real one.</param>
    /// <param name="cancellationToken">Ends it; nothing is then written.</param>
    /// <returns>What was verified, and the key in the file: keep it with the trusted ones to verify older
    /// checkpoints.</returns>
    /// <exception cref="LedgerImportException">Bad file, ledger not empty, or the database refused.</exception>
    /// <exception cref="LedgerInUseException">Another process writes the ledger.</exception>
    public static async Task<(ExportReport Report, string? SignerPem)> RunAsync(
        Stream input, string connectionString, LedgerPublicKey? expectedKey = null, string? expectedFingerprint = null,
        TimeProvider? clock = null, CancellationToken cancellationToken = default)
    {
        try
        {
            // The writer's lock for as long as the import lasts: nobody appends meanwhile.
            var fence = await WriterConnection.OpenAsync(
                connectionString, "import", TimeSpan.FromSeconds(3), clock ?? TimeProvider.System, cancellationToken)
                .ConfigureAwait(false);
            await using var opening = fence.ConfigureAwait(false);
            var head = await fence.ReadHeadAsync(cancellationToken).ConfigureAwait(false);
            if (head.Position != 0)
            {
                throw new LedgerImportException($"the ledger is not empty (it ends at {head.Position})");
            }
            using var frames = new ExportFrames(input);
            using var check = new ExportCheck(expectedKey, expectedFingerprint);
            var copy = await fence.BeginCopyAsync(cancellationToken).ConfigureAwait(false);
            var report = await CopyAsync(frames, check, copy, cancellationToken).ConfigureAwait(false);
            return (report, check.Key?.ToPem());
        }
        catch (NpgsqlException e)
        {
            throw new LedgerImportException($"the database refused the import: {e.Message}", e);
        }
    }

    private static async Task<ExportReport> CopyAsync(
        ExportFrames frames, ExportCheck check, NpgsqlRawCopyStream copy, CancellationToken token)
    {
        var isDone = false;
        try
        {
            var tuples = new byte[1 << 20];
            while (check.IsGood && await frames.FillAsync(token).ConfigureAwait(false))
            {
                var length = Gather(frames, check, ref tuples);
                await copy.WriteAsync(tuples.AsMemory(0, length), token).ConfigureAwait(false);
            }
            var report = check.Finish(frames);
            if (!report.IsGood || report.Chain.FromPosition != 1)
            {
                throw new LedgerImportException(report.IsGood
                    ? $"the export starts at position {report.Chain.FromPosition}, an import needs all from 1"
                    : $"the export is not good: {report}");
            }
            await WriterConnection.EndCopyAsync(copy).ConfigureAwait(false);
            isDone = true;
            return report;
        }
        finally
        {
            if (!isDone)
            {
                await WriterConnection.AbandonCopyAsync(copy).ConfigureAwait(false);
            }
        }
    }

    private static int Gather(ExportFrames frames, ExportCheck check, ref byte[] tuples)
    {
        var at = 0;
        while (frames.TryNext(out var kind, out var payload) && check.Accept(frames, kind, payload, out var isEvent))
        {
            if (!isEvent)
            {
                continue;
            }
            if (tuples.Length - at < payload.Length + 6)
            {
                Array.Resize(ref tuples, Math.Max(tuples.Length * 2, at + payload.Length + 6));
            }
            var recordBytes = payload.Length - EventRecord.HashBytes;
            BinaryPrimitives.WriteInt16BigEndian(tuples.AsSpan(at), EventRecord.FieldCount + 1);
            payload[..recordBytes].CopyTo(tuples.AsSpan(at + 2));
            BinaryPrimitives.WriteInt32BigEndian(tuples.AsSpan(at + 2 + recordBytes), EventRecord.HashBytes);
            payload[recordBytes..].CopyTo(tuples.AsSpan(at + 6 + recordBytes));
            at += payload.Length + 6;
        }
        return at;
    }
}
