// Which snapshots name certain chunks: a search through every index of a datastore, made only when a chunk was found bad.
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;

namespace Holdfast.Features.Verify;

/// <summary>Who names a chunk.</summary>
public sealed class ChunkUse
{
    private readonly List<SnapshotRef> named = [];

    /// <summary>The first of them.</summary>
    public IReadOnlyList<SnapshotRef> Named => named;

    public long Count { get; private set; }

    internal void Add(SnapshotRef snapshot, int namesMax)
    {
        Count++;
        if (named.Count < namesMax)
        {
            named.Add(snapshot);
        }
    }
}

/// <summary>The search.</summary>
public static class IndexSearch
{
    /// <summary>Names kept of a chunk's snapshots; fewer where very many chunks are bad at once.</summary>
    public static int NamesMax(int chunks) => chunks <= 1000 ? 100 : 10;

    /// <summary>Searches all finished snapshots of a datastore.</summary>
    /// <param name="unread">Indexes that could not be read.</param>
    public static Dictionary<Digest, ChunkUse> Run(
        OpenDatastore store, SnapshotsState snapshots, IReadOnlyCollection<Digest> digests, out long unread, CancellationToken cancel)
    {
        var uses = digests.ToDictionary(digest => digest, _ => new ChunkUse());
        var namesMax = NamesMax(uses.Count);
        unread = 0;
        foreach (var group in snapshots.InStore(store.Name))
        {
            foreach (var snapshot in group.Snapshots.Values.Where(snapshot => !snapshot.Missing))
            {
                cancel.ThrowIfCancellationRequested();
                unread += Search(store, group.Key, snapshot, uses, namesMax);
            }
        }

        return uses;
    }

    /// <summary>Does any chunk of this index count as bad? The first one that does.</summary>
    public static Digest? FirstBad(IndexReader index, Func<Digest, bool> isBad)
    {
        for (var i = 0; i < index.Count; i++)
        {
            if (index[i].Digest is var digest && isBad(digest))
            {
                return digest;
            }
        }

        return null;
    }

    private static long Search(OpenDatastore store, GroupKey key, Snapshot snapshot, Dictionary<Digest, ChunkUse> uses, int namesMax)
    {
        var hit = new HashSet<Digest>();
        var unread = 0L;
        foreach (var file in snapshot.Content.Files)
        {
            if (!SafeId.TryArchiveKind(file.Filename, out var kind) || kind == ArchiveKind.Blob)
            {
                continue;
            }

            try
            {
                using var index = store.Bytes.OpenSnapshot(key.Namespace, key.At(snapshot.BackupTime)).OpenIndex(file.Filename);
                for (var i = 0; i < index.Count; i++)
                {
                    if (index[i].Digest is var digest && uses.ContainsKey(digest))
                    {
                        hit.Add(digest);
                    }
                }
            }
            catch (StorageException)
            {
                unread++; // Said in the event; what is wrong with it is for its own verification.
            }
        }

        foreach (var digest in hit)
        {
            uses[digest].Add(new SnapshotRef(key.Ns, key.BackupType, key.BackupId, snapshot.BackupTime), namesMax);
        }

        return unread;
    }
}
