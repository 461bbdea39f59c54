// What a collection says when something is wrong: the reason, not that of a thread that was told to stop because of it.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class CollectionFaultTests
{
    [Fact]
    public async Task A_broken_index_ends_a_collection_of_several_threads_by_its_name_and_nothing_goes()
    {
        var volume = new SimulatedVolume();
        using var store = Datastore.Create(volume, StorageTestKit.Options);
        for (var i = 0; i < 40; i++)
        {
            StorageTestKit.Backup(store, StorageTestKit.Snapshot(1000 + i), i);
        }

        var (garbage, raw) = StorageTestKit.Chunk(4711, 1000);
        store.Chunks.Insert(garbage, raw);
        var broken = store.DiskScan().ElementAt(20);
        volume.FlipBit(broken.Namespace.PathOf(broken.Name.ToString()) + "/root.pxar.didx", (4096 * 8) + 3);
        for (var run = 0; run < 25; run++)
        {
            var collection = new ChunkCollection(store, new CollectionOptions { Threads = 4 });
            var fault = await Assert.ThrowsAsync<CorruptDataException>(() => collection.RunAsync(_ => Task.CompletedTask, default));
            Assert.Contains("root.pxar.didx", fault.Subject, StringComparison.Ordinal);
        }

        Assert.True(store.Chunks.Contains(garbage));
    }

    [Fact]
    public async Task Somebodys_wish_to_stop_is_told_as_that()
    {
        using var store = Datastore.Create(new SimulatedVolume(), StorageTestKit.Options);
        for (var i = 0; i < 10; i++)
        {
            StorageTestKit.Backup(store, StorageTestKit.Snapshot(1000 + i), i);
        }

        using var stop = new CancellationTokenSource();
        var options = new CollectionOptions { Threads = 4, Say = _ => stop.Cancel() };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new ChunkCollection(store, options).RunAsync(_ => Task.CompletedTask, stop.Token));
    }
}
