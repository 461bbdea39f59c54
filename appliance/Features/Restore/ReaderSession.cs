// One reader session: downloads of a snapshot's files, and of exactly the chunks that its downloaded indexes name (pbs-protocol.md 2.4).
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>State of one reader session. Calls run concurrently.</summary>
public sealed class ReaderSession(GroupKey group, Snapshot snapshot, Upid upid, Caller caller, OpenDatastore store, long startedAt, IDisposable lease)
    : IDisposable
{
    /// <summary>Suspect chunks that are kept; more of them are left to a verification.</summary>
    public const int SuspectsMax = 1000;

    private readonly Lock gate = new();
    private readonly HashSet<Digest> allowed = [];
    private readonly List<string> files = [];
    private readonly HashSet<Digest> suspects = [];
    private long chunks;
    private long bytesSent;
    private string? problem;

    public GroupKey Group => group;

    public Snapshot Snapshot => snapshot;

    public Upid Upid => upid;

    public Caller Caller => caller;

    public OpenDatastore Store => store;

    /// <summary>What it has of the budget of bytes in flight.</summary>
    public Backup.BytesShare Share { get; } = new();

    public long StartedAt => startedAt;

    /// <summary>The snapshot's folder.</summary>
    public SnapshotFolder OpenFolder() => store.Bytes.OpenSnapshot(group.Namespace, group.At(snapshot.BackupTime));

    /// <summary>Makes all chunks of an index downloadable.</summary>
    public void Allow(IndexReader index)
    {
        lock (gate)
        {
            allowed.EnsureCapacity(allowed.Count + index.Count);
            for (var i = 0; i < index.Count; i++)
            {
                allowed.Add(index[i].Digest);
            }
        }
    }

    public bool IsAllowed(in Digest digest)
    {
        lock (gate)
        {
            return allowed.Contains(digest);
        }
    }

    public void CountFile(string name, long sizeBytes)
    {
        lock (gate)
        {
            if (!files.Contains(name))
            {
                files.Add(name);
            }
        }

        Interlocked.Add(ref bytesSent, sizeBytes);
    }

    public void CountChunk(long sizeBytes)
    {
        Interlocked.Increment(ref chunks);
        Interlocked.Add(ref bytesSent, sizeBytes);
    }

    /// <summary>Chunks that were not what they should be, at most <see cref="SuspectsMax"/>: looked at again when the session has ended.</summary>
    public IReadOnlyCollection<Digest> Suspects
    {
        get
        {
            lock (gate)
            {
                return [.. suspects];
            }
        }
    }

    /// <summary>A chunk was not what it should be.</summary>
    public void Suspect(in Digest digest)
    {
        lock (gate)
        {
            if (suspects.Count < SuspectsMax)
            {
                suspects.Add(digest);
            }
        }
    }

    /// <summary>The first problem is kept.</summary>
    public void Met(string text) => Interlocked.CompareExchange(ref problem, text, null);

    /// <summary>What the session did, as its last event tells it.</summary>
    public RestoreFinished Summary(long durationMs)
    {
        lock (gate)
        {
            return new RestoreFinished(upid.ToString(), [.. files], Interlocked.Read(ref chunks), Interlocked.Read(ref bytesSent), durationMs, problem);
        }
    }

    public void Dispose() => lease.Dispose();
}
