// The rule that keeps a client from claiming chunks it never had (pbs-protocol.md 2.2): a digest may enter an index only if this session uploaded it
// or was given it with the previous snapshot's index. One map per session, shared by its writers. The same map is the session's lease on chunks: garbage
// collection removes none of them while the session runs, and none that it inserted until a collection that began meanwhile has ended.
using Holdfast.Storage;

namespace Holdfast.Features.Backup;

/// <summary>Digests this session may refer to, with their uncompressed sizes.</summary>
public sealed class KnownChunks : IChunkHolder, IDisposable
{
    /// <summary>Beside a size (at most 16 MiB): the session inserted the chunk, or is about to.</summary>
    private const uint Inserted = 1U << 31;

    private const uint SizeMask = Inserted - 1;

    private readonly Lock gate = new();
    private readonly Dictionary<Digest, uint> sizes = [];
    private readonly IDisposable lease;

    /// <param name="holders">Of the datastore that the session writes to.</param>
    public KnownChunks(ChunkHolders holders) => lease = holders.Register(this);

    /// <summary>From now on the session may refer to it.</summary>
    public void Add(in Digest digest, uint sizeBytes)
    {
        lock (gate)
        {
            sizes[digest] = sizeBytes | Inserted;
        }
    }

    /// <summary>Takes over every chunk of an index that the session downloaded.</summary>
    public void AddAll(IndexReader index)
    {
        lock (gate)
        {
            sizes.EnsureCapacity(sizes.Count + index.Count);
            for (var i = 0; i < index.Count; i++)
            {
                var entry = index[i];
                sizes[entry.Digest] = (uint)entry.SizeBytes | (sizes.GetValueOrDefault(entry.Digest) & Inserted);
            }
        }
    }

    /// <summary>Size of a chunk that the session may refer to.</summary>
    public bool TryGetSize(in Digest digest, out uint sizeBytes)
    {
        lock (gate)
        {
            sizeBytes = sizes.GetValueOrDefault(digest) & SizeMask;
            return sizeBytes != 0;
        }
    }

    /// <summary>Relied on, yet not to be referred to before <see cref="Add"/>.</summary>
    public void Hold(in Digest digest)
    {
        lock (gate)
        {
            sizes[digest] = sizes.GetValueOrDefault(digest) | Inserted;
        }
    }

    public bool Holds(in Digest digest)
    {
        lock (gate)
        {
            return sizes.ContainsKey(digest);
        }
    }

    /// <summary>Chunks of the previous snapshot are left out: its index names them, and it is held as long as that matters.</summary>
    public void ForEachInserted(Action<Digest> take)
    {
        lock (gate)
        {
            foreach (var (digest, size) in sizes)
            {
                if ((size & Inserted) != 0)
                {
                    take(digest);
                }
            }
        }
    }

    /// <summary>Gives the lease back.</summary>
    public void Dispose() => lease.Dispose();
}
