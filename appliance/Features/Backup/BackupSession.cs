// One backup session: what a client sends between the upgrade and finish (pbs-protocol.md 2.2). Holds the group's lease, the snapshot's folder and the
// writers; knows nothing of HTTP. It ends in exactly one of two ways: finished (durable and recorded before it says so) or aborted (recorded, then removed).
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>State of one backup session. Calls run concurrently.</summary>
public sealed class BackupSession(
    GroupKey group, long backupTime, Upid upid, Caller caller, OpenDatastore store, SnapshotFolder folder, Snapshot? previous,
    bool benchmark, long startedAt, IReadOnlyList<IDisposable> leases)
{
    /// <summary>Writers that a session may register (pbs-protocol.md 2.2: wid 1..256).</summary>
    public const int WritersMax = 256;

    /// <summary>A manifest held back until finish: far above the some hundred bytes per archive that real ones have.</summary>
    public const int ManifestBlobBytesMax = 4 * 1024 * 1024;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim ending = new(1, 1);
    private readonly Dictionary<int, ArchiveWriter> writers = [];
    private readonly List<ArchiveFinished> finished = [];
    private readonly HashSet<Digest> healed = [];
    private byte[]? manifestBlob;
    private int blobs;
    private bool ended;
    private long uploadedChunks;
    private long uploadedBytes;
    private long uploadedDiskBytes;
    private long duplicateChunks;

    public GroupKey Group => group;

    public long BackupTime => backupTime;

    public Upid Upid => upid;

    public Caller Caller => caller;

    public OpenDatastore Store => store;

    /// <summary>The snapshot's folder on disk.</summary>
    public SnapshotFolder Folder => folder;

    /// <summary>Base of an incremental backup, held against removal; null = none.</summary>
    public Snapshot? Previous => previous;

    public bool Benchmark => benchmark;

    /// <summary>Timestamp of the clock at the start.</summary>
    public long StartedAt => startedAt;

    /// <summary>Takes lines for the session's task log.</summary>
    public Action<string> Log { get; set; } = _ => { };

    /// <summary>What it has of the budget of bytes in flight.</summary>
    public BytesShare Share { get; } = new();

    public KnownChunks Known { get; } = new(store.Bytes.Chunks.Holders);

    /// <summary>Metadata of this session's events.</summary>
    public EventMetadata Metadata => caller.Because(upid.ToString(), upid.ToString());

    /// <summary>Manifest that the client uploaded, held back until finish.</summary>
    public byte[]? ManifestBlob
    {
        get
        {
            lock (gate)
            {
                return manifestBlob;
            }
        }
    }

    /// <summary>Sums over all uploads of the session.</summary>
    public ChunkUploadStats Uploads => new(
        Interlocked.Read(ref uploadedChunks), Interlocked.Read(ref uploadedBytes),
        Interlocked.Read(ref uploadedDiskBytes), Interlocked.Read(ref duplicateChunks));

    /// <summary>Archives closed so far, in order.</summary>
    public IReadOnlyList<ArchiveFinished> Finished
    {
        get
        {
            lock (gate)
            {
                return [.. finished];
            }
        }
    }

    /// <summary>Chunks known as bad that this session uploaded: good again as soon as its data is durable.</summary>
    public IReadOnlySet<Digest> Healed
    {
        get
        {
            lock (gate)
            {
                return healed.ToHashSet();
            }
        }
    }

    /// <summary>The session brought a chunk that was known as bad.</summary>
    public void Heal(in Digest digest)
    {
        lock (gate)
        {
            healed.Add(digest);
        }
    }

    /// <summary>Registers a writer under the next free number.</summary>
    public int AddWriter(Func<int, ArchiveWriter> make)
    {
        lock (gate)
        {
            EnsureRunning();
            if (writers.Count >= WritersMax)
            {
                throw new ApiException($"too many index writers (at most {WritersMax})");
            }

            var writer = make(writers.Count + 1);
            writers.Add(writer.Wid, writer);
            return writer.Wid;
        }
    }

    /// <summary>The writer of that number and kind.</summary>
    /// <exception cref="ApiException">Not registered.</exception>
    public T Writer<T>(long wid, string kind) where T : ArchiveWriter
    {
        lock (gate)
        {
            EnsureRunning();
            return writers.TryGetValue((int)wid, out var writer) && writer is T own
                ? own
                : throw new ApiException($"{kind} writer '{wid}' not registered");
        }
    }

    /// <summary>Counts a chunk upload; <paramref name="isNew"/>: the datastore did not have it.</summary>
    public void CountUpload(long sizeBytes, long encodedBytes, bool isNew)
    {
        Interlocked.Increment(ref uploadedChunks);
        Interlocked.Add(ref uploadedBytes, sizeBytes);
        Interlocked.Add(ref uploadedDiskBytes, encodedBytes);
        if (!isNew)
        {
            Interlocked.Increment(ref duplicateChunks);
        }
    }

    /// <summary>An archive or blob is complete.</summary>
    public void AddFinished(ArchiveFinished archive)
    {
        lock (gate)
        {
            EnsureRunning();
            finished.RemoveAll(earlier => earlier.Filename == archive.Filename);
            finished.Add(archive);
        }

        Log($"{archive.Filename}: {archive.SizeBytes} bytes in {archive.ChunkCount} chunks; "
            + $"new {archive.NewChunks} ({archive.NewBytes} bytes, {archive.NewDiskBytes} on disk), reused {archive.ReusedChunks}");
    }

    /// <summary>Holds the manifest back; the last one uploaded counts.</summary>
    public void HoldManifest(byte[] blob)
    {
        lock (gate)
        {
            EnsureRunning();
            manifestBlob = blob;
            blobs++;
        }
    }

    /// <summary>May it finish? Null, or PBS's text.</summary>
    public string? RefuseFinish()
    {
        lock (gate)
        {
            if (ended)
            {
                return "backup already marked as finished.";
            }

            if (writers.Values.Any(writer => writer.IsOpen))
            {
                return "found open index writer - unable to finish backup";
            }

            return finished.Count + blobs == 0 ? "backup does not contain valid files (file count == 0)" : null;
        }
    }

    /// <summary>Ends the session; true for the first who says so. No call changes anything afterwards.</summary>
    public bool TryEnd()
    {
        lock (gate)
        {
            return !ended && (ended = true);
        }
    }

    /// <summary>Has it ended, well or not?</summary>
    public bool Ended
    {
        get
        {
            lock (gate)
            {
                return ended;
            }
        }
    }

    /// <summary>Finish and the end of the connection exclude each other: whoever comes second sees what the first decided.</summary>
    public async Task<IDisposable> BeginEndingAsync()
    {
        await ending.WaitAsync().ConfigureAwait(false);
        return new EndingTurn(ending);
    }

    /// <summary>Removes what is not closed and gives back the leases.</summary>
    public void Release()
    {
        lock (gate)
        {
            ended = true;
            foreach (var writer in writers.Values)
            {
                writer.Dispose();
            }
        }

        Known.Dispose();
        foreach (var lease in leases.Reverse())
        {
            lease.Dispose();
        }
    }

    /// <summary>Refuses whatever comes after the end.</summary>
    /// <exception cref="ApiException">The session has ended.</exception>
    public void EnsureRunning()
    {
        if (Ended)
        {
            throw new ApiException("backup already marked as finished.");
        }
    }

    private sealed class EndingTurn(SemaphoreSlim ending) : IDisposable
    {
        public void Dispose() => ending.Release();
    }
}
