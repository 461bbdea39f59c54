// The rule that keeps a client from claiming chunks it never had (pbs-protocol.md 2.2): a digest may enter an index only if this session uploaded it
// or was given it with the previous snapshot's index. One map per session, shared by its writers.
using Holdfast.Storage;

namespace Holdfast.Features.Backup;

/// <summary>Digests this session may refer to, with their uncompressed sizes.</summary>
public sealed class KnownChunks
{
    private readonly Lock gate = new();
    private readonly Dictionary<Digest, uint> sizes = [];

    /// <summary>From now on the session may refer to it.</summary>
    public void Add(in Digest digest, uint sizeBytes)
    {
        lock (gate)
        {
            sizes[digest] = sizeBytes;
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
                sizes[entry.Digest] = (uint)entry.SizeBytes;
            }
        }
    }

    /// <summary>Size of a chunk that the session may refer to.</summary>
    public bool TryGetSize(in Digest digest, out uint sizeBytes)
    {
        lock (gate)
        {
            return sizes.TryGetValue(digest, out sizeBytes);
        }
    }
}
