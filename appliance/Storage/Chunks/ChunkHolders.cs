// Who relies on which chunks before an index names them: running sessions say so under the chunk's own lock before they learn whether it is there, and a
// collection asks under the same lock before it takes the chunk away. What a session held when it ended stays held until the collection has ended too.
using System.Collections.Immutable;

namespace Holdfast.Storage;

/// <summary>A session (or whoever else inserts chunks for an index to come) and the chunks it relies on. Thread-safe.</summary>
public interface IChunkHolder
{
    /// <summary>From now on it relies on the chunk, whether or not that is stored yet.</summary>
    void Hold(in Digest digest);

    /// <summary>Does it rely on that chunk?</summary>
    bool Holds(in Digest digest);

    /// <summary>Every chunk that it inserted, or found present when it was about to.</summary>
    void ForEachInserted(Action<Digest> take);
}

/// <summary>The holders of a datastore.</summary>
public sealed class ChunkHolders
{
    private readonly Lock gate = new();
    private ImmutableArray<IChunkHolder> holders = [];
    private ReleasedChunks? released;

    /// <summary>Takes up a holder until what is returned is disposed.</summary>
    public IDisposable Register(IChunkHolder holder)
    {
        lock (gate)
        {
            holders = holders.Add(holder);
        }

        return new Registration(this, holder);
    }

    /// <summary>Does anybody rely on the chunk? To be asked under the chunk's lock, in which holders say so.</summary>
    internal bool IsHeld(in Digest digest)
    {
        // Holders first: one that is released meanwhile has put its chunks among the released before it vanishes from here.
        foreach (var holder in Read())
        {
            if (holder.Holds(digest))
            {
                return true;
            }
        }

        return Volatile.Read(ref released)?.Contains(digest) ?? false;
    }

    /// <summary>An insert by nobody in particular: it is held while a collection runs.</summary>
    internal void Note(in Digest digest) => Volatile.Read(ref released)?.Add(digest);

    /// <summary>The cut: from here on nothing that was held is let go.</summary>
    internal void BeginCollection()
    {
        lock (gate)
        {
            released = new ReleasedChunks();
        }
    }

    internal void EndCollection()
    {
        lock (gate)
        {
            released = null;
        }
    }

    private ImmutableArray<IChunkHolder> Read()
    {
        lock (gate)
        {
            return holders;
        }
    }

    private void Unregister(IChunkHolder holder)
    {
        lock (gate)
        {
            if (released is { } kept)
            {
                holder.ForEachInserted(digest => kept.Add(digest));
            }

            holders = holders.Remove(holder);
        }
    }

    private sealed class Registration(ChunkHolders of, IChunkHolder holder) : IDisposable
    {
        private bool gone;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref gone, true))
            {
                of.Unregister(holder);
            }
        }
    }
}

/// <summary>Chunks of holders that are gone. Exact up to a bound; beyond it too much is kept rather than too little.</summary>
internal sealed class ReleasedChunks
{
    private const int ExactMax = 500_000;
    private const long FilterBytes = 16 * 1024 * 1024;

    private readonly Lock gate = new();
    private readonly HashSet<Digest> exact = [];
    private BloomMarks? filter;

    public void Add(in Digest digest)
    {
        lock (gate)
        {
            if (exact.Count < ExactMax)
            {
                exact.Add(digest);
                return;
            }

            (filter ??= new BloomMarks(FilterBytes)).Add(digest);
        }
    }

    public bool Contains(in Digest digest)
    {
        lock (gate)
        {
            return exact.Contains(digest) || (filter?.Contains(digest) ?? false);
        }
    }
}
