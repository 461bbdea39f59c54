// A datastore: PBS's folder layout (reference 3.6) on a volume. Opening for writing takes the store's locks, so that
// two programs never share one; opening read-only changes nothing, for the worst day. MakeDurable is the one place
// where written chunks, indexes and folders become durable.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Holdfast.Storage;

/// <summary>An open datastore. Safe for several threads, except that one snapshot is written by one owner.</summary>
public sealed partial class Datastore : IDisposable
{
    /// <summary>PBS's own lock file.</summary>
    public const string LockFile = ".lock";

    /// <summary>Held by the one Holdfast that has the store open. A file apart from PBS's: on NFS flock and record locks are one, and would meet.</summary>
    public const string OwnLockFile = ".holdfast-lock";

    /// <summary>Exists while a writer has the store open; found at start it means that the writer died.</summary>
    public const string OpenMarker = ".holdfast-open";

    /// <summary>Exists while chunk files may be torn; holds the time (ns) since when.</summary>
    public const string SuspectMarker = ".holdfast-suspect";

    internal const int FolderMode = 0x1E8; // 0750, for the store's chunk folders

    /// <summary>Chunks written this long before the last sync are surely on disk, whatever the clock did.</summary>
    private const long SuspectSlackNs = 24L * 3600 * 1_000_000_000;

    private readonly DatastoreOptions options;
    private readonly List<IDisposable> locks = [];
    private readonly SuspectChunks suspects;
    private readonly DurabilityGate durability;
    private readonly VolumeFile? marker;
    private int collecting;

    private Datastore(Volume volume, DatastoreOptions options, bool readOnly)
    {
        (Volume, this.options, IsReadOnly) = (volume, options, readOnly);
        try
        {
            var since = long.MaxValue;
            if (!readOnly)
            {
                TakeLocks();
                since = LoadSuspicion();
                marker = volume.Open(OpenMarker, FileUse.Create);
                AdvanceMarker();
                marker.Sync();
                volume.SyncFolder("");
            }

            suspects = new SuspectChunks(since);
        }
        catch
        {
            // The volume stays the caller's until the datastore is open.
            marker?.Dispose();
            locks.ForEach(l => l.Dispose());
            throw;
        }

        Chunks = new ChunkStore(volume, options.SyncLevel, suspects);
        durability = new DurabilityGate(SyncAndMark);
        if (!readOnly)
        {
            Chunks.EmptyTrash();
        }
    }

    /// <summary>The volume, which the datastore owns.</summary>
    public Volume Volume { get; }

    public ChunkStore Chunks { get; }

    /// <summary>Folders with index files that are moved.</summary>
    public FolderMoves Moves { get; } = new();

    public bool IsReadOnly { get; }

    /// <summary>What the last collection of this opening learnt; null if there was none, or it came to nothing.</summary>
    internal LastCollection? LastCollection { get; set; }

    /// <summary>How far each chunk is made durable by itself; may change while backups run.</summary>
    public SyncLevel SyncLevel
    {
        get => Chunks.SyncLevel;
        set => Chunks.SyncLevel = value;
    }

    /// <summary>False once a sync failed: reads go on, everything else is refused until the store is
    /// reopened.</summary>
    public bool IsHealthy => Volume.State == VolumeState.Healthy;

    /// <summary>True while chunks from before an unclean end have not all been read back.</summary>
    public bool HasSuspectChunks => suspects.Any;

    /// <summary>Makes an empty datastore on the volume and opens it.</summary>
    /// <exception cref="RefusedException">There is one already, or the volume holds other things.</exception>
    public static Datastore Create(Volume volume, DatastoreOptions? options = null)
    {
        var settings = options ?? new DatastoreOptions();
        if (volume.TryStat(ChunkStore.Folder, out _))
        {
            throw new RefusedException("datastore path already contains a chunk store");
        }

        // As PBS: hidden names (a file system's own .snapshot or .zfs, say) are not in the way.
        if (volume.List("").Exists(e => e.Name != "lost+found" && !e.Name.StartsWith('.')))
        {
            throw new RefusedException("datastore path not empty");
        }

        volume.MakeFolder(ChunkStore.Folder, FolderMode);
        if (settings.MakeAllChunkFolders)
        {
            for (var prefix = 0; prefix < 65536; prefix++)
            {
                volume.MakeFolder(ChunkStore.FolderOf(prefix), FolderMode);
                if ((prefix + 1) * 100 / 65536 is var percent && percent > prefix * 100 / 65536)
                {
                    settings.Created?.Invoke(percent);
                }
            }
        }

        volume.Open(LockFile, FileUse.Create).Dispose();
        volume.SyncAll();
        return new Datastore(volume, settings, readOnly: false);
    }

    /// <summary>Opens an existing datastore, ours or a PBS's, for reading and writing.</summary>
    /// <exception cref="RefusedException">No datastore, or another program has it open.</exception>
    public static Datastore Open(Volume volume, DatastoreOptions? options = null)
    {
        RequireStore(volume);
        return new Datastore(volume, options ?? new DatastoreOptions(), readOnly: false);
    }

    /// <summary>Opens without lock and without changing anything, also on read-only media.</summary>
    public static Datastore OpenReadOnly(Volume volume)
    {
        RequireStore(volume);
        return new Datastore(volume, new DatastoreOptions(), readOnly: true);
    }

    /// <summary>Everything written to the store before this call is durable when it returns. Callers at the same time
    /// share one syncfs that started after their calls.</summary>
    /// <exception cref="VolumeException">The sync, or an earlier one, failed; the store is then not
    /// healthy.</exception>
    public void MakeDurable()
    {
        RequireWritable();
        durability.Pass();
    }

    /// <summary>Reads every chunk that an unclean end may have torn; the others are trusted from now on. Changes nothing. May run beside
    /// backups.</summary>
    /// <returns>Those that do not read back. The check is at its end with <see cref="RemoveTornChunks"/>, also if there are none.</returns>
    public List<Digest> FindTornChunks(CancellationToken cancel)
    {
        RequireWritable();
        var torn = new List<Digest>();
        if (!suspects.Any)
        {
            return torn;
        }

        foreach (var prefix in Chunks.ListPrefixes())
        {
            foreach (var digest in Chunks.List(prefix))
            {
                cancel.ThrowIfCancellationRequested();
                if (Chunks.IsTorn(digest))
                {
                    torn.Add(digest);
                }
            }
        }

        return torn;
    }

    /// <summary>Removes torn chunks that nobody has written anew since; after that duplicates are trusted again. Returns the digests removed.</summary>
    /// <param name="torn">All that <see cref="FindTornChunks"/> found.</param>
    public List<Digest> RemoveTornChunks(IEnumerable<Digest> torn)
    {
        RequireWritable();
        var removed = torn.Where(digest => Chunks.RemoveIfTorn(digest)).ToList();

        // What was healed on the way must be as durable as what was found good.
        MakeDurable();
        suspects.Clear();
        AtomicFile.Unlink(Volume, SuspectMarker);
        Volume.SyncFolder("");
        return removed;
    }

    /// <summary>Keeps the figures of the last collection where a PBS looks for them; not made durable.</summary>
    public void WriteCollectionStatus(ReadOnlySpan<byte> json)
    {
        RequireWritable();
        AtomicFile.Replace(Volume, ".gc-status", json, syncFolder: false);
    }

    /// <summary>Space of the file system.</summary>
    public VolumeSpace Space() => Volume.Space();

    /// <summary>Makes all durable and closes cleanly. Without it (a crash, or Dispose alone) the next opening treats
    /// recent chunks as suspect.</summary>
    public void Close()
    {
        if (!IsReadOnly && IsHealthy)
        {
            MakeDurable();
            AtomicFile.Unlink(Volume, OpenMarker);
            Volume.SyncFolder("");
        }

        Dispose();
    }

    public void Dispose()
    {
        marker?.Dispose();
        locks.ForEach(l => l.Dispose());
        Volume.Dispose();
    }

    /// <summary>The one collection that may run in a store, with other programs kept out: PBS takes the same lock for it.</summary>
    /// <exception cref="RefusedException">Another one runs, here or in another program.</exception>
    internal IDisposable BeginCollection()
    {
        RequireWritable();
        if (Interlocked.Exchange(ref collecting, 1) != 0)
        {
            throw new RefusedException("garbage collection already running");
        }

        try
        {
            return Volume.TryChangeLock(locks[^1], LockMode.Exclusive)
                ? new CollectionTurn(this)
                : throw new RefusedException("datastore is in use by another process");
        }
        catch
        {
            Volatile.Write(ref collecting, 0);
            throw;
        }
    }

    internal void RequireWritable()
    {
        if (IsReadOnly)
        {
            throw new RefusedException("datastore is opened read-only");
        }
    }

    internal IndexOrigin NewIndexOrigin()
    {
        var bytes = new byte[16];
        options.FillRandom(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40); // uuid version 4, variant 1
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new IndexOrigin(new Guid(bytes, bigEndian: true), options.Clock.GetUtcNow().ToUnixTimeSeconds());
    }

    private static void RequireStore(Volume volume)
    {
        if (!volume.TryStat(ChunkStore.Folder, out var stat) || stat.Kind != EntryKind.Folder)
        {
            throw new RefusedException("no datastore here - chunk folder is missing");
        }
    }

    private void TakeLocks()
    {
        // The record lock is what PBS takes as a writer; the flock keeps a second Holdfast out.
        foreach (var (file, mode, kind) in new[] { (OwnLockFile, LockMode.Exclusive, LockKind.Flock), (LockFile, LockMode.Shared, LockKind.Record) })
        {
            if (!Volume.TryStat(file, out _))
            {
                Volume.Open(file, FileUse.Create).Dispose();
            }

            locks.Add(Volume.TryLock(file, mode, kind)
                ?? throw new RefusedException("datastore is in use by another process"));
        }
    }

    /// <summary>Since when chunks are suspect: by the last writer's death, or by an older one not cleared
    /// yet.</summary>
    private long LoadSuspicion()
    {
        var since = long.MaxValue;
        if (AtomicFile.TryRead(Volume, SuspectMarker, 64) is { } text)
        {
            since = long.TryParse(
                Encoding.ASCII.GetString(text).Trim(), CultureInfo.InvariantCulture, out var value) ? value : 0;
        }

        if (Volume.TryStat(OpenMarker, out var mark))
        {
            var died = Math.Max(0, mark.ModifyTimeNs - SuspectSlackNs);
            if (died < since)
            {
                since = died;
                var content = since.ToString(CultureInfo.InvariantCulture) + "\n";
                AtomicFile.Replace(Volume, SuspectMarker, Encoding.ASCII.GetBytes(content), syncFolder: true);
            }
        }

        return since;
    }

    private void SyncAndMark()
    {
        Volume.SyncAll();
        try
        {
            AdvanceMarker();
        }
        catch (VolumeException)
        {
            // The sync is done and counts. A marker that stays older only makes more chunks suspect after a crash.
        }
    }

    /// <summary>Moves the marker's modify time to now. Its content counts the syncs and is only for the
    /// curious.</summary>
    private void AdvanceMarker()
    {
        Span<byte> stamp = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(stamp, options.Clock.GetUtcNow().ToUnixTimeSeconds());
        marker!.Write(stamp, 0);
    }

    private sealed class CollectionTurn(Datastore of) : IDisposable
    {
        public void Dispose()
        {
            of.Volume.TryChangeLock(of.locks[^1], LockMode.Shared);
            Volatile.Write(ref of.collecting, 0);
        }
    }
}
