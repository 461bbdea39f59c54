// A small store on a simulated disk with everybody who may be about while garbage is collected: backups that upload, reuse, take over, finish or abort; a
// prune; power cuts. The collection is the product's, and so are chunk store, indexes, leases and known chunks; steps of the others run inside the
// collection's own calls to the disk, on the same thread, so a schedule is exact and replays. The model knows which chunks must be there.
using Holdfast.Features.Backup;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;

namespace Holdfast.Tests.Crash;

/// <summary>What a planted bug leaves out.</summary>
public enum Planted
{
    Nothing,

    /// <summary>Sessions do not say what they rely on.</summary>
    NoHolders,

    /// <summary>The search for index files overlooks some.</summary>
    OverlooksIndexes,

    /// <summary>What a session held is forgotten at its end, also while a collection runs.</summary>
    EarlyRelease,

    /// <summary>The base of a backup is given back at its end, also while a collection marks.</summary>
    BasesNotKept,
}

/// <summary>The store, and the truth about it.</summary>
internal sealed class CollectionWorld
{
    public const int ChunkKinds = 12;

    private static readonly DatastoreOptions Options = new() { MakeAllChunkFolders = false };
    private static readonly (Digest Digest, byte[] Raw)[] Kinds =
    [
        .. Enumerable.Range(0, ChunkKinds).Select(i => BitConverter.GetBytes(i * 7919)).Select(data => (Digest.Of(data), DataBlob.Encode(data, false))),
    ];

    private readonly Planted planted;
    private readonly Dictionary<(string Group, long Time), HashSet<Digest>> committed = [];
    private readonly Dictionary<string, Backup> running = [];
    private Leases leases = new();
    private long clock = 1_700_000_000;
    private bool inside;

    public CollectionWorld(Planted planted = Planted.Nothing)
    {
        this.planted = planted;
        Volume = new SimulatedVolume();
        Store = Datastore.Create(Disk, Options);
    }

    private CollectionWorld(CollectionWorld of)
    {
        planted = of.planted;
        committed = of.committed.ToDictionary(pair => pair.Key, pair => pair.Value);
        clock = of.clock;
        Volume = of.Volume.Crash(0);
        Store = Datastore.Open(Disk, Options);
    }

    public SimulatedVolume Volume { get; private set; }

    private Volume Disk => planted == Planted.OverlooksIndexes ? new OverlookingVolume(Volume, () => Volume.Fault is not null && !inside) : Volume;

    public Datastore Store { get; private set; }

    /// <summary>Steps of anybody, and calls of collections.</summary>
    public long Steps { get; private set; }

    public int Snapshots => committed.Count;

    /// <summary>The same store once more; nothing may be running, and all be durable.</summary>
    public CollectionWorld Copy() => new(this);

    /// <summary>Makes everything durable, for <see cref="Copy"/>.</summary>
    public void Settle() => Store.MakeDurable();

    /// <summary>A chunk that nobody refers to.</summary>
    public void Orphan(int kind) => Store.Chunks.Insert(Kinds[kind].Digest, Kinds[kind].Raw);

    /// <summary>One collection; its disk calls that matter are shown before they happen.</summary>
    /// <param name="at">Runs others' steps; told whether the call is made under the lock of a chunk, and of which.</param>
    /// <returns>Null if it did not come to its end.</returns>
    public CollectionReport? Collect(Func<VolumeCall, int>? at = null, CancellationToken cancel = default, long markBytes = 1 << 20)
    {
        Volume.Fault = call =>
        {
            if (inside)
            {
                return 0;
            }

            inside = true;
            Steps++;
            try
            {
                return at?.Invoke(call) ?? 0;
            }
            finally
            {
                inside = false;
            }
        };
        var collection = new ChunkCollection(Store, new CollectionOptions
        {
            Threads = 1, BatchMax = 3, MarkBytesMax = markBytes, HoldBases = planted == Planted.BasesNotKept ? null : () => leases.KeepShares("main"),
        });
        try
        {
            var run = collection.RunAsync(_ => Task.CompletedTask, cancel);
            return run.IsCompletedSuccessfully ? run.Result : throw run.Exception?.InnerException ?? new OperationCanceledException();
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException)
        {
            return null;
        }
        finally
        {
            Volume.Fault = null;
        }
    }

    /// <summary>Power goes and comes back; what was running is gone, and unfinished snapshots are cleared away.</summary>
    public void Cut(int seed)
    {
        Volume = Volume.Crash(seed);
        leases = new Leases();
        running.Clear();
        Store = Datastore.Open(Disk, Options);
        foreach (var snapshot in Store.DiskScan().Where(snapshot => !snapshot.IsFinished).ToList())
        {
            Store.RemoveSnapshot(snapshot.Namespace, snapshot.Name);
        }
    }

    /// <summary>Null if every chunk of every committed snapshot is there and good, else what is lost.</summary>
    public string? Loss()
    {
        foreach (var ((group, time), digests) in committed)
        {
            foreach (var digest in digests)
            {
                if (!Store.Chunks.Contains(digest))
                {
                    return $"chunk {Array.FindIndex(Kinds, kind => kind.Digest == digest)} of {group} {time} is gone";
                }
            }
        }

        return null;
    }

    /// <summary>Null if nothing is left that no snapshot names, once all is quiet.</summary>
    public string? Leak()
    {
        var named = committed.Values.SelectMany(digests => digests).ToHashSet();
        var left = Store.Chunks.ListPrefixes().SelectMany(Store.Chunks.List).Count(digest => !named.Contains(digest));
        return left == 0 ? null : $"{left} chunks are left that nobody needs";
    }

    public bool IsRunning(string actor) => running.ContainsKey(actor);

    /// <summary>One step of an actor; a step that makes no sense now is none.</summary>
    /// <param name="step">open:GROUP, previous, upload:KIND, takeover, close, finish, abort, forget:GROUP.</param>
    public void Do(string actor, string step)
    {
        Steps++;
        var parts = step.Split(':');
        var backup = running.GetValueOrDefault(actor);
        switch (parts[0])
        {
            case "open" when backup is null:
                Open(actor, parts[1]);
                break;
            case "forget":
                Forget(parts[1]);
                break;
            case "previous" when backup is { IsClosed: false }:
                backup.Previous();
                break;
            case "upload" when backup is { IsClosed: false }:
                backup.Upload(Kinds[int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture)]);
                break;
            case "close" when backup is { IsClosed: false }:
                backup.Close();
                break;
            case "finish" when backup is { IsClosed: true }:
                committed[(backup.Group, backup.Time)] = backup.Finish();
                running.Remove(actor);
                break;
            case "abort" when backup is not null:
                backup.Abort();
                running.Remove(actor);
                break;
        }
    }

    private void Open(string actor, string group)
    {
        var key = new GroupKey("main", "", "vm", group);
        if (leases.TryGroup(key) is not { } lease)
        {
            return;
        }

        var newest = committed.Keys.Where(snapshot => snapshot.Group == group).Select(snapshot => snapshot.Time).DefaultIfEmpty(0).Max();
        var share = newest > 0 ? leases.TryShare(key, newest) : null;
        running[actor] = new Backup(this, group, clock += 10, share is null ? 0 : newest, [lease, .. share is null ? [] : new[] { share }]);
    }

    private void Forget(string group)
    {
        var oldest = committed.Keys.Where(snapshot => snapshot.Group == group).Select(snapshot => snapshot.Time).DefaultIfEmpty(0).Min();
        if (oldest == 0 || leases.TryOwn(new GroupKey("main", "", "vm", group), oldest) is not { } own)
        {
            return;
        }

        committed.Remove((group, oldest));
        Store.RemoveSnapshot(BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse("vm/" + group), oldest));
        own.Dispose();
    }

    private sealed class Backup
    {
        private readonly CollectionWorld world;
        private readonly long baseTime;
        private readonly IDisposable[] leases;
        private readonly ForgetfulChunks known;
        private readonly SnapshotFolder folder;
        private readonly DynamicIndexWriter index;
        private readonly HashSet<Digest> digests = [];

        public Backup(CollectionWorld world, string group, long time, long baseTime, IDisposable[] leases)
        {
            (this.world, Group, Time, this.baseTime, this.leases) = (world, group, time, baseTime, leases);
            known = new ForgetfulChunks(world.planted == Planted.NoHolders ? new ChunkHolders() : world.Store.Chunks.Holders);
            world.Store.CreateGroup(BackupNamespace.Root, Name.Group, "a@pbs");
            folder = world.Store.CreateSnapshot(BackupNamespace.Root, Name);
            index = folder.CreateDynamicIndex("a.didx");
        }

        public string Group { get; }

        public long Time { get; }

        public bool IsClosed { get; private set; }

        private SnapshotName Name => SnapshotName.Create(BackupGroup.Parse("vm/" + Group), Time);

        /// <summary>All chunks of the base, without uploading one.</summary>
        public void Previous()
        {
            if (baseTime == 0)
            {
                return;
            }

            var name = SnapshotName.Create(BackupGroup.Parse("vm/" + Group), baseTime);
            using var reader = world.Store.OpenSnapshot(BackupNamespace.Root, name).OpenIndex("a.didx");
            known.AddAll(reader);
            for (var i = 0; i < reader.Count; i++)
            {
                Append(reader[i].Digest);
            }
        }

        public void Upload((Digest Digest, byte[] Raw) kind)
        {
            world.Store.Chunks.Insert(kind.Digest, kind.Raw, holder: world.planted == Planted.NoHolders ? null : known);
            known.Add(kind.Digest, 4);
            Append(kind.Digest);
        }

        public void Close()
        {
            if (digests.Count == 0)
            {
                return;
            }

            index.Close();
            IsClosed = true;
        }

        public HashSet<Digest> Finish()
        {
            world.Store.MakeDurable();
            var manifest = new Manifest(Name);
            manifest.Add(new ManifestFile("a.didx", CryptMode.None, 4 * digests.Count, default));
            folder.PublishManifest(manifest.ToBlob());
            Release();
            return digests;
        }

        public void Abort()
        {
            index.Dispose();
            world.Store.RemoveSnapshot(BackupNamespace.Root, Name);
            Release();
        }

        private void Append(in Digest digest)
        {
            if (known.TryGetSize(digest, out var size) && digests.Add(digest))
            {
                index.Append(size, digest);
            }
        }

        private void Release()
        {
            if (world.planted == Planted.EarlyRelease)
            {
                known.Forget();
            }

            known.Dispose();
            foreach (var lease in leases.Reverse())
            {
                lease.Dispose();
            }
        }
    }

    /// <summary>Known chunks between a session and the store, which can be made to forget them before the lease is given back.</summary>
    private sealed class ForgetfulChunks : IChunkHolder
    {
        private readonly KnownChunks chunks = new(new ChunkHolders());
        private readonly IDisposable lease;
        private bool forgotten;

        public ForgetfulChunks(ChunkHolders holders) => lease = holders.Register(this);

        public void AddAll(IndexReader index) => chunks.AddAll(index);

        public void Add(in Digest digest, uint sizeBytes) => chunks.Add(digest, sizeBytes);

        public bool TryGetSize(in Digest digest, out uint sizeBytes) => chunks.TryGetSize(digest, out sizeBytes);

        public void Forget() => forgotten = true;

        public void Hold(in Digest digest) => chunks.Hold(digest);

        public bool Holds(in Digest digest) => !forgotten && chunks.Holds(digest);

        public void ForEachInserted(Action<Digest> take)
        {
            if (!forgotten)
            {
                chunks.ForEachInserted(take);
            }
        }

        public void Dispose() => lease.Dispose();
    }
}
