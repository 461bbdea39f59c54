// One index that a session is writing, with the counts its close and its event need. The rules and texts of appends and closes are PBS's
// (pbs-protocol.md 2.2). One call at a time: the writer locks itself, as calls of a session run concurrently.
using Holdfast.Storage;

namespace Holdfast.Features.Backup;

/// <summary>A growing <c>.fidx</c> or <c>.didx</c> of a backup session.</summary>
public abstract class ArchiveWriter(int wid, string name) : IDisposable
{
    private long newChunks;
    private long newBytes;
    private long newDiskBytes;

    /// <summary>1..256, unique in the session.</summary>
    public int Wid => wid;

    /// <summary>Archive name, <c>drive-scsi0.img.fidx</c>.</summary>
    public string Name => name;

    /// <summary>False once it is closed, well or not.</summary>
    public bool IsOpen { get; private set; } = true;

    /// <summary>Append entries so far.</summary>
    protected long Appended { get; private set; }

    private protected Lock Gate { get; } = new();

    /// <summary><c>fixed</c> or <c>dynamic</c>, as error texts say it.</summary>
    protected abstract string Kind { get; }

    /// <summary>Appends entries; the first that does not fit ends it with PBS's text.</summary>
    /// <returns>Null, or why not.</returns>
    public string? Append(IReadOnlyList<string> digests, IReadOnlyList<long> offsets, KnownChunks known)
    {
        lock (Gate)
        {
            if (!IsOpen)
            {
                return AlreadyClosed;
            }

            for (var i = 0; i < digests.Count; i++)
            {
                if (!Digest.TryParse(digests[i], out var digest) || !known.TryGetSize(digest, out var sizeBytes))
                {
                    return $"no such chunk {digests[i]}";
                }

                if (AppendOne(offsets[i], sizeBytes, digest) is { } refusal)
                {
                    return refusal;
                }

                Appended++;
            }

            return null;
        }
    }

    /// <summary>Counts an upload for this archive. Null, or why the upload is one too many.</summary>
    public virtual string? Uploaded(long sizeBytes) => null;

    /// <summary>Counts a chunk that the datastore did not have before.</summary>
    public void Stored(long sizeBytes, long diskBytes)
    {
        Interlocked.Increment(ref newChunks);
        Interlocked.Add(ref newBytes, sizeBytes);
        Interlocked.Add(ref newDiskBytes, diskBytes);
    }

    /// <summary>Proves the counts and the checksum, and gives the index its name. Whatever the outcome, the writer is done.</summary>
    /// <returns>What was written, or a refusal.</returns>
    public (ArchiveFinished? Finished, string? Refusal) Close(long backupTime, long chunkCount, long sizeBytes, in Digest csum)
    {
        lock (Gate)
        {
            if (!IsOpen)
            {
                return (null, AlreadyClosed);
            }

            if (RefuseClose(chunkCount, sizeBytes) is { } refusal)
            {
                return (null, $"{Kind} writer '{name}' close failed - {refusal}");
            }

            IsOpen = false;
            if (!TryClose(csum, out var summary))
            {
                return (null, $"{Kind} writer '{name}' close failed - got unexpected checksum");
            }

            var finished = new ArchiveFinished(
                backupTime, name, summary.SizeBytes, summary.ChunkCount, summary.Csum.ToString(),
                newChunks, newBytes, newDiskBytes,
                Math.Max(0, summary.ChunkCount - newChunks), Math.Max(0, summary.SizeBytes - newBytes));
            return (finished, null);
        }
    }

    /// <summary>Removes what is not closed.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            IsOpen = false;
            DisposeIndex();
        }

        GC.SuppressFinalize(this);
    }

    private protected abstract string? AppendOne(long offset, uint sizeBytes, in Digest digest);

    private protected abstract string? RefuseClose(long chunkCount, long sizeBytes);

    private protected abstract bool TryClose(in Digest csum, out IndexSummary summary);

    private protected abstract void DisposeIndex();

    private string AlreadyClosed => $"{Kind} writer '{wid}' already closed";
}

/// <summary>A dynamic index: strictly one chunk after the other.</summary>
public sealed class DynamicArchiveWriter(int wid, DynamicIndexWriter index) : ArchiveWriter(wid, index.Name)
{
    protected override string Kind => "dynamic";

    private protected override string? AppendOne(long offset, uint sizeBytes, in Digest digest)
    {
        if (offset != index.SizeBytes)
        {
            return $"dynamic writer '{Name}' append chunk failed - got strange chunk offset ({index.SizeBytes} != {offset})";
        }

        index.Append(sizeBytes, digest);
        return null;
    }

    private protected override string? RefuseClose(long chunkCount, long sizeBytes)
    {
        if (chunkCount != Appended)
        {
            return $"unexpected chunk count ({Appended} != {chunkCount})";
        }

        return sizeBytes != index.SizeBytes ? $"unexpected file size ({index.SizeBytes} != {sizeBytes})" : null;
    }

    private protected override bool TryClose(in Digest csum, out IndexSummary summary) => index.TryClose(csum, out summary);

    private protected override void DisposeIndex() => index.Dispose();
}

/// <summary>A fixed index: slots of 4 MiB in any order; possibly on top of the previous snapshot's.</summary>
public sealed class FixedArchiveWriter(int wid, FixedIndexWriter index, bool incremental) : ArchiveWriter(wid, index.Name)
{
    private int smallUploads;

    protected override string Kind => "fixed";

    /// <summary>Only the last chunk of an image may be short, so a second short upload is refused (pbs-protocol.md 2.2).</summary>
    public override string? Uploaded(long sizeBytes)
    {
        if (sizeBytes > IndexReader.FixedChunkSize)
        {
            return $"fixed writer '{Name}' - got large chunk ({sizeBytes} > {IndexReader.FixedChunkSize})";
        }

        return sizeBytes < IndexReader.FixedChunkSize && Interlocked.Increment(ref smallUploads) > 1
            ? $"fixed writer '{Wid}' - detected multiple end chunks (chunk size too small)"
            : null;
    }

    private protected override string? AppendOne(long offset, uint sizeBytes, in Digest digest) =>
        index.TrySet(offset, sizeBytes, digest);

    private protected override string? RefuseClose(long chunkCount, long sizeBytes)
    {
        if (chunkCount != Appended)
        {
            return $"received wrong number of chunk ({Appended} != {chunkCount})";
        }

        if (incremental)
        {
            return null;
        }

        if (chunkCount != index.SlotCount)
        {
            return $"unexpected chunk count ({index.SlotCount} != {chunkCount})";
        }

        return sizeBytes != index.SizeBytes ? $"unexpected file size ({index.SizeBytes} != {sizeBytes})" : null;
    }

    private protected override bool TryClose(in Digest csum, out IndexSummary summary) => index.TryClose(csum, out summary);

    private protected override void DisposeIndex() => index.Dispose();
}
