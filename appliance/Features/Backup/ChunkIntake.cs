// The hot path: an uploaded chunk from the network into the store. Read into a granted buffer, checked (pbs-protocol.md 2.2), stored under its digest,
// registered, and only then answered. Its state machines are pooled: a chunk allocates next to nothing.
using System.Runtime.CompilerServices;
using Holdfast.Features.Verify;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>Takes chunk uploads of all sessions.</summary>
/// <param name="corrupt">Knows the chunks that were found bad; null = none is.</param>
public sealed class ChunkIntake(BytesInFlight bytes, CorruptChunks? corrupt = null)
{
    /// <summary>Reads, checks and stores one chunk, and makes it known to the session.</summary>
    /// <param name="sizeBytes">Uncompressed, as announced.</param>
    /// <param name="encodedBytes">Length of the body, as announced.</param>
    /// <returns>Null, or PBS's text of the refusal.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<string?> TakeAsync(
        BackupSession session, ArchiveWriter writer, Exchange exchange, Digest digest, int sizeBytes, int encodedBytes)
    {
        var buffer = await bytes.RentAsync(encodedBytes, exchange, session.Share).ConfigureAwait(false);
        try
        {
            var length = await exchange.ReadBodyAsync(buffer.Memory[..encodedBytes], exchange.Aborted).ConfigureAwait(false);
            return length == encodedBytes ? Store(session, writer, buffer.GetSpan()[..encodedBytes], digest, sizeBytes)
                : length < 0 ? "uploaded chunk is larger than announced."
                : "uploaded chunk has unexpected size.";
        }
        finally
        {
            buffer.Return();
        }
    }

    /// <summary>Reads a blob of an announced length and hands it on.</summary>
    /// <returns>Null, or the text of the refusal.</returns>
    public async ValueTask<string?> WithBlobAsync(Exchange exchange, int announcedBytes, BlobTaker take)
    {
        var buffer = await bytes.RentAsync(announcedBytes, exchange).ConfigureAwait(false);
        try
        {
            var length = await exchange.ReadBodyAsync(buffer.Memory[..announcedBytes], exchange.Aborted).ConfigureAwait(false);
            return length == announcedBytes
                ? take(buffer.GetSpan()[..announcedBytes])
                : $"got blob with unexpected length ({announcedBytes} != {(length < 0 ? "more" : length)})";
        }
        finally
        {
            buffer.Return();
        }
    }

    private string? Store(BackupSession session, ArchiveWriter writer, Span<byte> raw, in Digest digest, int sizeBytes)
    {
        var check = ChunkUpload.Check(raw, digest, sizeBytes);
        if (!check.IsAccepted)
        {
            return check.Message;
        }

        session.EnsureRunning();
        session.Store.Guard.Admit(raw.Length);
        var wasBad = corrupt?.IsBad(session.Group.Store, digest) ?? false;
        var stored = session.Store.Bytes.Chunks.Insert(digest, raw, wasBad, session.Known);
        if (wasBad)
        {
            session.Heal(digest);
        }

        var isNew = stored.Outcome == InsertOutcome.New;
        session.CountUpload(sizeBytes, raw.Length, isNew);
        if (isNew)
        {
            writer.Stored(sizeBytes, stored.SizeOnDisk);
        }

        session.Known.Add(digest, (uint)sizeBytes);
        return writer.Uploaded(sizeBytes);
    }
}

/// <summary>Takes the raw bytes of a blob; null, or why it is refused.</summary>
public delegate string? BlobTaker(ReadOnlySpan<byte> raw);
