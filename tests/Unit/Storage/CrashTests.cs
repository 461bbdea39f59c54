// Power cuts and failing calls on the simulated volume: a scripted mini-backup is cut at every call, the disk that is
// left is opened again, and either there is no manifest or all that it names reads back. A canary proves that the
// harness would notice: without MakeDurable it must find a loss.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class CrashTests
{
    private const int SeedsPerCut = 50;

    private static readonly SnapshotName First = StorageTestKit.Snapshot(1_700_000_000);
    private static readonly SnapshotName Second = StorageTestKit.Snapshot(1_700_000_100);

    [Theory]
    [InlineData(SyncLevel.FileSystem)]
    [InlineData(SyncLevel.File)]
    public void CutAtEveryCallLosesNothingThatWasPublished(SyncLevel level)
    {
        var (points, losses, finished) = CutEverywhere(level, skipDurable: false);
        Assert.Null(losses);
        Assert.True(points > 1500, $"only {points} points");
        Assert.True(finished > 50, $"only {finished} disks with the second snapshot");
    }

    [Fact]
    public void CanaryWithoutMakeDurableIsCaught() =>
        Assert.NotNull(CutEverywhere(SyncLevel.FileSystem, skipDurable: true).Loss);

    [Fact]
    public void ABackupAfterAPowerCutDoesNotBuildOnTornChunks()
    {
        var healed = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var volume = new SimulatedVolume();
            using var store = Datastore.Create(volume, StorageTestKit.Options);

            // Chunks arrive, nobody syncs, the power goes.
            for (var i = 0; i < 3; i++)
            {
                var (digest, raw) = StorageTestKit.Chunk(50 + i, 700 + (i * 2000));
                store.Chunks.Insert(digest, raw);
            }

            using var after = Datastore.Open(volume.Crash(seed), StorageTestKit.Options);
            Assert.True(after.HasSuspectChunks);
            var (first, firstRaw) = StorageTestKit.Chunk(50, 700);
            healed += after.Chunks.Insert(first, firstRaw).Outcome == InsertOutcome.Healed ? 1 : 0;

            // The same chunks come again in a backup that is finished: it must hold.
            StorageTestKit.Backup(after, First, 50);
            StorageTestKit.ReadBack(after, First);
        }

        Assert.True(healed > 0, "no torn chunk was met: the simulation is too kind");
    }

    [Fact]
    public void SuspicionSurvivesACleanCloseUntilAllIsChecked()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var volume = new SimulatedVolume();
            var store = Datastore.Create(volume, StorageTestKit.Options);
            var (digest, raw) = StorageTestKit.Chunk(1, 9000);
            store.Chunks.Insert(digest, raw);
            var disk = volume.Crash(seed);
            var second = Datastore.Open(disk, StorageTestKit.Options);
            Assert.True(second.HasSuspectChunks);
            second.Close();

            var third = Datastore.Open(disk, StorageTestKit.Options);
            Assert.True(third.HasSuspectChunks);
            third.RemoveTornChunks(third.FindTornChunks(CancellationToken.None));
            Assert.False(third.HasSuspectChunks);
            if (third.Chunks.TryGetSize(digest, out _))
            {
                third.Chunks.ReadData(digest, new byte[9000], null);
            }

            third.Close();
            using var fourth = Datastore.Open(disk, StorageTestKit.Options);
            Assert.False(fourth.HasSuspectChunks);
        }
    }

    [Fact]
    public void RemovalCutAnywhereNeverLeavesHalfASnapshotThatLooksWhole()
    {
        var prepared = new SimulatedVolume();
        var store = Datastore.Create(prepared, StorageTestKit.Options);
        StorageTestKit.Backup(store, First, 1);
        store.Close();
        for (var cut = 1; ; cut++)
        {
            var volume = prepared.Crash(0);
            using var writer = Datastore.Open(volume, StorageTestKit.Options);
            volume.CutAtCall = volume.Calls + cut;
            var done = !IsCut(() => writer.RemoveSnapshot(BackupNamespace.Root, First));
            for (var seed = 0; seed < SeedsPerCut; seed++)
            {
                using var after = Datastore.Open(volume.Crash(seed), StorageTestKit.Options);
                foreach (var snapshot in after.DiskScan().Where(s => s.IsFinished))
                {
                    StorageTestKit.ReadBack(after, snapshot.Name);
                }

                // It can be called again, also when nothing is left.
                after.RemoveSnapshot(BackupNamespace.Root, First);
                Assert.Empty(after.DiskScan());
                Assert.False(after.GroupExists(BackupNamespace.Root, StorageTestKit.Group));
            }

            if (done)
            {
                Assert.True(cut > 8);
                return;
            }
        }
    }

    [Theory]
    [InlineData(28)]
    [InlineData(5)]
    public void AnErrorAtEveryCallIsACleanRefusal(int errno)
    {
        for (var call = 1; ; call++)
        {
            var volume = new SimulatedVolume();
            var store = Datastore.Create(volume, StorageTestKit.Options);
            StorageTestKit.Backup(store, First, 1);
            var failAt = volume.Calls + call;
            var failed = "";
            volume.Fault = c =>
            {
                failed = c.Number == failAt ? c.Operation : failed;
                return c.Number == failAt ? errno : 0;
            };
            Exception? fault = null;
            try
            {
                StorageTestKit.Backup(store, Second, 40);
            }
            catch (StorageException refusal)
            {
                fault = refusal;
            }

            volume.Fault = null;
            if (failed.Length == 0)
            {
                Assert.Null(fault);
                Assert.True(call > 40);
                return;
            }

            CheckAfterError(volume, store, failed, fault, call);
        }
    }

    [Fact]
    public void AFullDiskRefusesAndLosesNothing()
    {
        var volume = new SimulatedVolume();
        var store = Datastore.Create(volume, StorageTestKit.Options);
        StorageTestKit.Backup(store, First, 1);
        var used = volume.Space().UsedBytes;
        var refused = 0;
        for (var room = 0; room < 24_000; room += 300)
        {
            var disk = volume.Crash(0);
            using var writer = Datastore.Open(disk, StorageTestKit.Options);
            disk.CapacityBytes = used + room;
            try
            {
                StorageTestKit.Backup(writer, Second, 40);
            }
            catch (VolumeException fault)
            {
                Assert.Equal(VolumeError.NoSpace, fault.Error);
                refused++;
            }

            disk.CapacityBytes = long.MaxValue;
            Assert.True(writer.IsHealthy);
            foreach (var snapshot in writer.DiskScan().Where(s => s.IsFinished))
            {
                StorageTestKit.ReadBack(writer, snapshot.Name);
            }
        }

        Assert.InRange(refused, 20, 79);
    }

    [Fact]
    public void AFailedSyncClosesTheStoreForWritesAndIsNotRetried()
    {
        var volume = new SimulatedVolume();
        var store = Datastore.Create(volume, StorageTestKit.Options);
        StorageTestKit.Backup(store, First, 1);
        var (digest, raw) = StorageTestKit.Chunk(70, 500);
        store.Chunks.Insert(digest, raw);
        volume.Fault = call => call.Operation == "syncfs" ? 5 : 0;
        Assert.Throws<VolumeException>(store.MakeDurable);
        volume.Fault = null;
        Assert.False(store.IsHealthy);
        var calls = volume.Calls;
        Assert.Equal(VolumeError.Failed, Assert.Throws<VolumeException>(store.MakeDurable).Error);
        Assert.Equal(VolumeError.Failed, Assert.Throws<VolumeException>(() => Write(store)).Error);
        Assert.Equal(calls, volume.Calls - 1); // one stat of the new chunk's name, no write and no sync
        StorageTestKit.ReadBack(store, First);

        static void Write(Datastore store)
        {
            var (other, otherRaw) = StorageTestKit.Chunk(71, 500);
            store.Chunks.Insert(other, otherRaw);
        }
    }

    private static void CheckAfterError(
        SimulatedVolume volume, Datastore store, string failed, Exception? fault, int call)
    {
        // A failed sync closes the store; nothing else does.
        var isSync = failed is "fsync" or "fsync folder" or "syncfs";
        Assert.Equal(!isSync, store.IsHealthy);
        for (var seed = 0; seed < 4; seed++)
        {
            using var after = Datastore.Open(volume.Crash(seed), StorageTestKit.Options);
            StorageTestKit.ReadBack(after, First);
            foreach (var snapshot in after.DiskScan().Where(s => s.IsFinished))
            {
                StorageTestKit.ReadBack(after, snapshot.Name);
            }
        }

        // What was answered as done must be there; what failed may only be tidied away.
        Assert.True(fault != null || store.DiskScan().Count(s => s.IsFinished) == 2, $"call {call} ({failed})");
        if (store.IsHealthy)
        {
            store.RemoveSnapshot(BackupNamespace.Root, Second);
            StorageTestKit.Backup(store, Second, 40);
            StorageTestKit.ReadBack(store, Second);
        }
    }

    /// <summary>One backup is done and acknowledged; the second is cut at every call of it.</summary>
    private static (int Points, string? Loss, int Finished) CutEverywhere(SyncLevel level, bool skipDurable)
    {
        var options = StorageTestKit.Options with { SyncLevel = level };
        var (points, finished) = (0, 0);
        for (var cut = 1; ; cut++)
        {
            var volume = new SimulatedVolume();
            var store = Datastore.Create(volume, options);
            StorageTestKit.Backup(store, First, 1);
            volume.CutAtCall = volume.Calls + cut;
            var done = !IsCut(() => StorageTestKit.Backup(store, Second, 2, skipDurable, chunks: 5));
            for (var seed = 0; seed < SeedsPerCut; seed++)
            {
                points++;
                using var after = Datastore.Open(volume.Crash((cut * 1000) + seed), options);
                var present = after.DiskScan().Where(s => s.IsFinished).Select(s => s.Name).ToList();
                finished += present.Contains(Second) ? 1 : 0;
                var missing = !present.Contains(First) || (done && !present.Contains(Second));
                if (missing || !present.TrueForAll(name => IsGood(after, name)))
                {
                    return (points, $"cut {cut}, seed {(cut * 1000) + seed}", finished);
                }
            }

            if (done)
            {
                return (points, null, finished);
            }
        }
    }

    private static bool IsGood(Datastore store, SnapshotName name)
    {
        try
        {
            StorageTestKit.ReadBack(store, name);
            return true;
        }
        catch (CorruptDataException)
        {
            return false;
        }
    }

    private static bool IsCut(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (SimulatedPowerCutException)
        {
            return true;
        }
    }
}
