// What one garbage collection does and does not: what counts as live, what ends it, what it remembers, what it counts.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.GarbageCollection;

public sealed class CollectionTests
{
    private static readonly SnapshotName First = StorageTestKit.Snapshot(1_700_000_000);
    private static readonly SnapshotName Second = StorageTestKit.Snapshot(1_700_000_100);

    private readonly SimulatedVolume volume = new();
    private readonly List<GarbageBatch> decided = [];
    private readonly List<string> warnings = [];
    private readonly List<string> said = [];
    private Datastore store;

    public CollectionTests() => store = Datastore.Create(volume, StorageTestKit.Options);

    [Fact]
    public async Task Garbage_goes_and_what_an_index_names_stays()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        var (garbage, size) = Orphan(50);
        var report = await CollectAsync();
        Assert.Equal((1, size), (report.RemovedChunks, report.RemovedBytes));
        Assert.False(store.Chunks.Contains(garbage));
        Assert.Equal((1, 3, 3, 3), (report.IndexFiles, report.References, report.ReferencedChunks, report.DiskChunks));
        Assert.Equal(SumOnDisk(), report.DiskBytes);
        Assert.True(report.IsDiskBytesExact);
        Assert.Equal([new GarbageBatch(1, 1, 0, 0, size)], decided);
        StorageTestKit.ReadBack(store, First);
        Assert.False(volume.TryStat(ChunkStore.TrashFolder, out _));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task A_forecast_says_what_would_go_and_changes_nothing(int batchMax)
    {
        StorageTestKit.Backup(store, First, seed: 1);
        await CollectAsync();
        for (var i = 0; i < 20; i++)
        {
            Orphan(50 + i);
        }

        var foreseen = await CollectAsync(options => options with { IsForecast = true, BatchMax = batchMax });
        Assert.Equal((20, 23), (foreseen.RemovedChunks, foreseen.DiskChunks));
        Assert.Empty(decided);
        Assert.Equal(SumOnDisk(), foreseen.DiskBytes);

        var done = await CollectAsync();
        Assert.Equal((CollectionKind.Grown, foreseen.RemovedChunks, foreseen.RemovedBytes), (done.Kind, done.RemovedChunks, done.RemovedBytes));
        Assert.Equal(foreseen.DiskBytes - foreseen.RemovedBytes, done.DiskBytes);
    }

    [Fact]
    public async Task A_decision_that_is_not_taken_removes_nothing()
    {
        var (garbage, _) = Orphan(50);
        await Assert.ThrowsAsync<InvalidOperationException>(() => NewCollection().RunAsync(_ => throw new InvalidOperationException(), default));
        Assert.True(store.Chunks.Contains(garbage));
        Assert.Equal(1, (await CollectAsync()).RemovedChunks);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(8192)]
    public async Task With_little_memory_it_removes_no_more_and_in_the_end_as_much(long markBytes)
    {
        StorageTestKit.Backup(store, First, seed: 1, chunks: 40);
        for (var i = 0; i < 300; i++)
        {
            Orphan(1000 + i);
        }

        long removed = 0;
        for (var i = 0; i < 200 && removed < 300; i++)
        {
            removed += (await CollectAsync(options => options with { MarkBytesMax = markBytes, BatchMax = 7, TrustedRunsMax = 0 })).RemovedChunks;
            StorageTestKit.ReadBack(store, First);
        }

        Assert.Equal(300, removed);
    }

    [Theory]
    [InlineData("somewhere/else/x.didx")]
    [InlineData("vm/999/2023-11-14T22:13:20Z/x.didx")]
    [InlineData("vm/.x.didx")]
    public async Task An_index_anywhere_keeps_its_chunks(string path)
    {
        var (kept, _) = Orphan(50);
        PutIndex(path, kept);
        Assert.Equal(0, (await CollectAsync()).RemovedChunks);
        Assert.Equal(!path.StartsWith("vm/999", StringComparison.Ordinal), warnings.Exists(text => text.Contains(path, StringComparison.Ordinal)));
        volume.Unlink(path);
        Assert.Equal(1, (await CollectAsync()).RemovedChunks);
    }

    [Theory]
    [InlineData(40)] // in the header: its checksum
    [InlineData(4096 + 20)] // in an entry
    [InlineData(3)] // in the magic
    public async Task A_damaged_index_ends_it_before_anything_is_removed(int at)
    {
        var (garbage, _) = Orphan(50);
        StorageTestKit.Backup(store, First, seed: 1);
        volume.FlipBit($"{First}/root.pxar.didx", at * 8L);
        await Assert.ThrowsAsync<CorruptDataException>(() => CollectAsync());
        Assert.True(store.Chunks.Contains(garbage));
        Assert.Empty(decided);
    }

    [Theory]
    [InlineData("list", "vm/100")]
    [InlineData("open", "root.pxar.didx")]
    [InlineData("read", "root.pxar.didx")]
    public async Task What_cant_be_read_ends_it_before_anything_is_removed(string operation, string path)
    {
        var (garbage, _) = Orphan(50);
        StorageTestKit.Backup(store, First, seed: 1);
        volume.Fault = call => call.Operation == operation && call.Path.EndsWith(path, StringComparison.Ordinal) ? 13 : 0;
        await Assert.ThrowsAsync<VolumeException>(() => CollectAsync());
        volume.Fault = null;
        Assert.True(store.Chunks.Contains(garbage));
        Assert.Equal(1, (await CollectAsync()).RemovedChunks);
    }

    [Fact]
    public async Task It_looks_at_what_changed_only()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        Assert.Equal(CollectionKind.Full, (await CollectAsync()).Kind);
        var before = volume.Calls;
        var again = await CollectAsync();
        Assert.Equal(CollectionKind.Unchanged, again.Kind);
        Assert.Equal((3, 3, 3), (again.DiskChunks, again.References, again.ReferencedChunks));
        Assert.True(volume.Calls - before < 20, $"{volume.Calls - before} calls for nothing new");

        StorageTestKit.Backup(store, Second, seed: 100);
        Orphan(70);
        var grown = await CollectAsync();
        Assert.Equal((CollectionKind.Grown, 1, 6, 6, 2), (grown.Kind, grown.RemovedChunks, grown.DiskChunks, grown.References, grown.IndexFiles));
        store.RemoveSnapshot(BackupNamespace.Root, First);
        var pruned = await CollectAsync();
        Assert.Equal((CollectionKind.Full, 3, 3), (pruned.Kind, pruned.RemovedChunks, pruned.DiskChunks));
        StorageTestKit.ReadBack(store, Second);
    }

    [Fact]
    public async Task A_chunk_that_was_missing_and_comes_back_is_the_old_indexs_again()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        var (lost, raw) = StorageTestKit.Chunk(1, 700);
        volume.Unlink(ChunkStore.PathOf(lost));
        Assert.Equal(1, (await CollectAsync()).MissingChunks);
        Assert.Single(warnings, text => text.Contains($"unable to access non-existent chunk {lost}", StringComparison.Ordinal));
        store.Chunks.Insert(lost, raw);
        var report = await CollectAsync();
        Assert.Equal((CollectionKind.Grown, 0), (report.Kind, report.RemovedChunks));
        StorageTestKit.ReadBack(store, First);
    }

    [Fact]
    public async Task An_index_that_turns_up_after_the_marks_gets_its_chunks_back()
    {
        var (wanted, _) = Orphan(50);
        var (garbage, _) = Orphan(51);
        volume.Fault = call =>
        {
            if (call.Operation == "rename" && call.Path.StartsWith(ChunkStore.TrashFolder, StringComparison.Ordinal) && !volume.TryStat("x.didx", out _))
            {
                PutIndex("x.didx", wanted);
            }

            return 0;
        };
        var report = await CollectAsync();
        Assert.Equal((1, 1), (report.PutBack, report.RemovedChunks));
        Assert.True(store.Chunks.Contains(wanted));
        Assert.False(store.Chunks.Contains(garbage));
    }

    [Fact]
    public async Task A_snapshot_that_is_moved_behind_its_back_is_found()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        volume.MakeFolder("aa");
        var moved = false;
        volume.Fault = call =>
        {
            // The new place was searched, the old one not yet.
            if (!moved && call is { Operation: "list", Path: "aa" })
            {
                moved = true;
                using (store.Moves.Begin("aa/vm"))
                {
                    volume.Rename("vm", "aa/vm");
                }
            }

            return 0;
        };
        Assert.Equal(0, (await CollectAsync()).RemovedChunks);
        Assert.True(moved);
    }

    [Fact]
    public async Task Without_space_garbage_goes_at_once()
    {
        var (garbage, _) = Orphan(50);
        volume.CapacityBytes = 1024 * 1024;
        Assert.Equal(1, (await CollectAsync()).RemovedChunks);
        Assert.False(store.Chunks.Contains(garbage));
        Assert.Contains(said, text => text.StartsWith("little space", StringComparison.Ordinal));
        var (other, _) = Orphan(51);
        volume.CapacityBytes = long.MaxValue;
        volume.Fault = call => call.Operation == "rename" ? 28 : 0;
        Assert.Equal(1, (await CollectAsync()).RemovedChunks);
        Assert.False(store.Chunks.Contains(other));
    }

    [Fact]
    public async Task Bad_chunks_stay_while_they_are_all_there_is()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        var (needed, raw) = StorageTestKit.Chunk(1, 700);
        volume.Rename(ChunkStore.PathOf(needed), ChunkStore.PathOf(needed) + ".0.bad");
        var (orphan, _) = Orphan(50);
        volume.Rename(ChunkStore.PathOf(orphan), ChunkStore.PathOf(orphan) + ".3.bad");
        volume.Open(ChunkStore.PathOf(orphan) + ".tmp_hf", FileUse.Create).Dispose();
        var report = await CollectAsync();
        Assert.Equal((1, 1, 1, 0), (report.RemovedBad, report.StillBad, report.RemovedLeftovers, report.RemovedChunks));
        store.Chunks.Insert(needed, raw);
        report = await CollectAsync(options => options with { TrustedRunsMax = 0 });
        Assert.Equal((1, 0), (report.RemovedBad, report.StillBad));
    }

    [Fact]
    public async Task What_lies_in_the_trash_after_a_crash_goes_back()
    {
        StorageTestKit.Backup(store, First, seed: 1);
        Orphan(50);
        volume.Fault = call => call.Operation == "unlink" && call.Path.StartsWith(ChunkStore.TrashFolder, StringComparison.Ordinal)
            ? throw new SimulatedPowerCutException() : 0;
        await Assert.ThrowsAsync<SimulatedPowerCutException>(() => CollectAsync());
        volume.Fault = null;
        for (var seed = 0; seed < 20; seed++)
        {
            var after = volume.Crash(seed);
            store = Datastore.Open(after, StorageTestKit.Options);
            StorageTestKit.ReadBack(store, First);
            Assert.Equal(1, (await CollectAsync()).RemovedChunks);
            Assert.False(after.TryStat(ChunkStore.TrashFolder, out _));
        }
    }

    [Fact]
    public async Task A_small_store_with_all_its_folders_is_exact_from_the_first_run_on()
    {
        var wide = new SimulatedVolume();
        store = Datastore.Create(wide, new DatastoreOptions());
        StorageTestKit.Backup(store, First, seed: 1, chunks: 12);
        var report = await CollectAsync();
        Assert.True(report.IsDiskBytesExact, $"{report.MeasuredChunks} of {report.DiskChunks} measured");
        Assert.Equal(12, report.DiskChunks);
    }

    [Fact]
    public async Task Sizes_are_learnt_a_part_at_a_time_and_kept_exact_afterwards()
    {
        StorageTestKit.Backup(store, First, seed: 1, chunks: 60);
        store.Close();
        store = Datastore.Open(volume, StorageTestKit.Options);
        CollectionReport report;
        var runs = 0;
        do
        {
            report = await CollectAsync(options => options with { MeasureMax = 20, TrustedRunsMax = 0 });
            Assert.InRange(report.DiskBytes, 1, long.MaxValue);
        }
        while (!report.IsDiskBytesExact && ++runs < 20);

        Assert.InRange(runs, 1, 19);
        Assert.Equal(SumOnDisk(), report.DiskBytes);
        Orphan(50);
        StorageTestKit.Backup(store, Second, seed: 2000);
        report = await CollectAsync();
        Assert.Equal((SumOnDisk(), CollectionKind.Grown), (report.DiskBytes, report.Kind));
    }

    [Fact]
    public async Task One_collection_at_a_time()
    {
        Orphan(50);
        await NewCollection().RunAsync(async _ =>
        {
            var second = await Assert.ThrowsAsync<RefusedException>(() => CollectAsync());
            Assert.Equal("garbage collection already running", second.Message);
        }, default);
        await CollectAsync();
    }

    [Fact]
    public async Task On_a_real_disk_with_threads()
    {
        using var folder = new TemporaryFolder(inMemory: true);
        store = Datastore.Create(DiskVolume.OpenFolder(folder.Path), StorageTestKit.Options);
        StorageTestKit.Backup(store, First, seed: 1, chunks: 200);
        for (var i = 0; i < 700; i++)
        {
            Orphan(10_000 + i);
        }

        var report = await CollectAsync(options => options with { Threads = 3, BatchMax = 300 });
        Assert.Equal((700, 200), (report.RemovedChunks, report.DiskChunks));
        Assert.Equal(SumOnDisk(), report.DiskBytes);
        StorageTestKit.ReadBack(store, First);
        Assert.Equal(CollectionKind.Unchanged, (await CollectAsync()).Kind);
        store.Close();
    }

    private async Task<CollectionReport> CollectAsync(Func<CollectionOptions, CollectionOptions>? change = null) => await NewCollection(change).RunAsync(
        batch =>
        {
            decided.Add(batch);
            return Task.CompletedTask;
        }, default);

    private ChunkCollection NewCollection(Func<CollectionOptions, CollectionOptions>? change = null)
    {
        var options = new CollectionOptions { Threads = 1, Say = said.Add, Warn = warnings.Add };
        return new ChunkCollection(store, change?.Invoke(options) ?? options);
    }

    private (Digest Digest, long SizeBytes) Orphan(int seed)
    {
        var (digest, raw) = StorageTestKit.Chunk(seed, 100);
        store.Chunks.Insert(digest, raw);
        return (digest, raw.Length);
    }

    private void PutIndex(string path, in Digest digest)
    {
        StorageTestKit.Backup(store, StorageTestKit.Snapshot(1_600_000_000), seed: 5);
        var folder = store.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(1_600_000_000));
        using (var index = folder.CreateDynamicIndex("own.didx"))
        {
            index.Append(100, digest);
            index.Close();
        }

        var parts = path.Split('/');
        for (var i = 1; i < parts.Length; i++)
        {
            var above = string.Join('/', parts[..i]);
            if (!store.Volume.TryStat(above, out _))
            {
                store.Volume.MakeFolder(above);
            }
        }

        store.Volume.Rename(folder.Path + "/own.didx", path);
    }

    private long SumOnDisk() => store.Chunks.ListPrefixes().SelectMany(store.Chunks.List)
        .Sum(digest => store.Chunks.TryGetSize(digest, out var size) ? size : 0);
}
