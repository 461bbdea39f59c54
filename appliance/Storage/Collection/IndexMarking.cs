// Reads index files and marks what they name. An index whose checksum is wrong, or that can't be read, ends the collection: it must never lead to a removal.
using System.Collections.Concurrent;

namespace Holdfast.Storage;

/// <summary>What an index said of itself.</summary>
internal readonly record struct IndexFacts(IndexFile File, long DataBytes, long References);

internal sealed class IndexMarking(Volume volume, int threads)
{
    private readonly ConcurrentDictionary<string, IndexFacts> facts = new(StringComparer.Ordinal);

    /// <summary>The indexes read so far. One that vanished before it could be read is not among them.</summary>
    public IReadOnlyDictionary<string, IndexFacts> Facts => (IReadOnlyDictionary<string, IndexFacts>)facts;

    /// <summary>Takes over what is known of an index that need not be read again.</summary>
    public void Know(in IndexFacts known) => facts[known.File.Path] = known;

    /// <summary>Marks what these indexes name in that range. False: the marks are full, and worthless.</summary>
    /// <param name="done">Told after each file how many are done.</param>
    public async Task<bool> TryMarkAsync(
        IReadOnlyList<IndexFile> files, ChunkMarks marks, PrefixRange range, Action<int> done, CancellationToken cancel)
    {
        var (next, finished, isFull) = (-1, 0, false);
        await OnThreads.RunAsync(Math.Min(threads, files.Count), token =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < files.Count && !Volatile.Read(ref isFull);)
            {
                token.ThrowIfCancellationRequested();
                Read(files[i], (entries, entryBytes, digestOffset) =>
                {
                    if (marks.AddAll(entries, entryBytes, digestOffset, range) < 0)
                    {
                        Volatile.Write(ref isFull, true);
                    }
                });
                done(Interlocked.Increment(ref finished));
            }
        }, cancel).ConfigureAwait(false);
        return !isFull;
    }

    /// <summary>Shows the entries of one index; nothing if it has vanished.</summary>
    /// <exception cref="StorageException">It can't be read as a whole, or is not what it was written as.</exception>
    public void Read(in IndexFile file, EntriesTaker take)
    {
        VolumeFile opened;
        try
        {
            opened = volume.Open(file.Path, FileUse.Read);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            return; // Forgotten since it was found. Whoever took chunks over from it holds it, or holds them.
        }

        using var reader = IndexReader.Open(opened);
        if (reader.ComputeCsum(take) != reader.Csum)
        {
            throw new CorruptDataException(file.Path, "the index has another checksum than its header says; nothing is removed while it is there");
        }

        facts[file.Path] = new IndexFacts(file, reader.TotalSize, reader.Count);
    }
}
