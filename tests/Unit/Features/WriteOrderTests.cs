// docs/write-order.md, must by must, on the product's own session code: power cuts at every call of the disk, an absent ledger at every moment of a finish,
// and each row of the reconciliation table.
using Holdfast.Features.Backup;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class WriteOrderTests
{
    private static readonly byte[][] First = [StorageTestKit.RandomBytes(1, 5000), StorageTestKit.RandomBytes(2, 300)];
    private static readonly byte[][] Second = [StorageTestKit.RandomBytes(1, 5000), StorageTestKit.RandomBytes(3, 700)];

    [Fact]
    public async Task W1_W2_W3_W4_a_power_cut_at_any_call_loses_nothing_acknowledged_and_shows_nothing_half()
    {
        var calls = await CountCallsAsync();
        for (var cut = 1; cut <= calls; cut++)
        {
            var ledger = new MemoryLedger(TimeProvider.System);
            var volume = new SimulatedVolume();
            var acknowledged = await BackUpUntilCutAsync(ledger, volume, cut);
            for (var seed = 0; seed < 3; seed++)
            {
                await CheckAfterAsync(await CopyAsync(ledger), volume.Crash((cut * 31) + seed), acknowledged, $"cut at call {cut}, seed {seed}");
            }
        }

        Assert.InRange(calls, 30, 2000);
    }

    [Fact]
    public async Task W2_the_same_cuts_find_a_finish_that_forgets_to_make_durable()
    {
        // The canary: without the sync before the manifest, some cut must show damage, else the cuts above prove nothing.
        var damaged = 0;
        for (var seed = 0; seed < 200 && damaged == 0; seed++)
        {
            var volume = new SimulatedVolume();
            var store = Datastore.Create(volume, StorageTestKit.Options);
            StorageTestKit.Backup(store, StorageTestKit.Snapshot(10), seed, skipDurable: true);
            var after = Datastore.Open(volume.Crash(seed), StorageTestKit.Options);
            try
            {
                await SnapshotReader.Open(after, BackupNamespace.Root, StorageTestKit.Snapshot(10)).RestoreAsync("root.pxar.didx", new MemoryStream());
            }
            catch (StorageException)
            {
                damaged++;
            }
        }

        Assert.Equal(1, damaged);
    }

    [Fact]
    public async Task W5_an_aborted_backup_is_recorded_and_then_gone()
    {
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume());
        var (session, _) = await appliance.OpenAsync("backup", 10);
        await SimulatedAppliance.UploadAsync(session!, 10, First, finish: false);
        Assert.Equal("unable to acquire lock on backup group 'vm/100' - another backup or prune of the group is running",
            (await appliance.OpenAsync("backup", 11)).Refusal);
        await session!.EndAsync(new IOException("cut"));
        Assert.Equal(["BackupStarted", "BackupAborted"], await appliance.EventsAsync());
        Assert.False(appliance.Main.Bytes.SnapshotExists(BackupNamespace.Root, StorageTestKit.Snapshot(10)));
        Assert.NotNull((await appliance.OpenAsync("backup", 10)).Session);
    }

    [Fact]
    public async Task W4_the_end_of_a_connection_after_finish_is_success()
    {
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume());
        var (session, _) = await appliance.OpenAsync("backup", 10);
        Assert.True(await SimulatedAppliance.UploadAsync(session!, 10, First));
        // The group is free before the answer is out.
        Assert.NotNull((await appliance.OpenAsync("backup", 11)).Session);
        await session!.EndAsync(new IOException("reset"));
        Assert.Equal(["BackupStarted", "ArchiveFinished", "BackupFinished", "BackupStarted"], await appliance.EventsAsync());
        Assert.Equal(First.SelectMany(chunk => chunk), (await appliance.RestoreAllAsync())[10]);
        Assert.Contains("already marked as finished", (await SimulatedAppliance.CallAsync(session, "POST", "/finish")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task W6_what_lies_on_disk_and_what_the_ledger_knows_are_compared_at_start()
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        var volume = new SimulatedVolume();
        await using (var appliance = await SimulatedAppliance.StartAsync(ledger, volume))
        {
            foreach (var time in (long[])[10, 20])
            {
                var (session, _) = await appliance.OpenAsync("backup", time);
                Assert.True(await SimulatedAppliance.UploadAsync(session!, time, First));
            }

            // A foreign snapshot in a group of its own, an unfinished one of nobody's, a finished one that disappears.
            var store = appliance.Main.Bytes;
            var foreign = SnapshotName.Parse("host/foreign/1970-01-01T00:00:30Z");
            StorageTestKit.Backup(store, foreign, 77);
            store.CreateGroup(BackupNamespace.Root, BackupGroup.Parse("ct/1"), "x@pbs");
            store.CreateSnapshot(BackupNamespace.Root, SnapshotName.Parse("ct/1/1970-01-01T00:00:40Z"));
            store.RemoveSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(20));
            await appliance.OpenAsync("backup", 30);
            appliance.Main.Bytes.MakeDurable();
        }

        await using var next = await SimulatedAppliance.StartAsync(ledger, volume.Crash(1));
        Assert.Equal(["SnapshotDiscovered"], await EventsOfAsync(next, new GroupKey("main", "", "host", "foreign")));
        Assert.Equal("test@pbs", next.Snapshots.State.Find(new GroupKey("main", "", "host", "foreign"))!.Owner);
        Assert.Equal(["UnfinishedSnapshotDiscovered"], await EventsOfAsync(next, new GroupKey("main", "", "ct", "1")));
        Assert.True(next.Main.Bytes.SnapshotExists(BackupNamespace.Root, SnapshotName.Parse("ct/1/1970-01-01T00:00:40Z")));
        var events = await next.EventsAsync();
        Assert.Contains("SnapshotMissing", events);
        Assert.Contains("BackupAborted", events);
        Assert.False(next.Main.Bytes.SnapshotExists(BackupNamespace.Root, StorageTestKit.Snapshot(30)));
        Assert.Equal([10L], (await next.RestoreAllAsync()).Keys);
        Assert.Equal("snapshot vm/100/1970-01-01T00:00:20Z does not exist.", (await next.OpenAsync("reader", 20)).Refusal);

        // A second start finds nothing more to say.
        var before = ledger.Head.Position;
        await using var third = await SimulatedAppliance.StartAsync(ledger, volume.Crash(1));
        Assert.Equal(before, await QuietHeadAsync(ledger, before));
    }

    [Fact]
    public async Task W7_a_failed_sync_closes_the_datastore_and_is_recorded_once()
    {
        var volume = new SimulatedVolume();
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), volume);
        var (session, _) = await appliance.OpenAsync("backup", 10);
        await SimulatedAppliance.UploadAsync(session!, 10, First, finish: false);
        const int ioError = 5;
        volume.Fault = call => call.Operation.Contains("sync", StringComparison.OrdinalIgnoreCase) ? ioError : 0;
        Assert.NotEqual(200, (await SimulatedAppliance.CallAsync(session!, "POST", "/finish")).Status);
        volume.Fault = null;
        Assert.NotEqual(200, (await SimulatedAppliance.CallAsync(session!, "POST", "/finish")).Status);
        await session!.EndAsync(null);
        Assert.Contains("closed as failed", (await appliance.OpenAsync("backup", 11)).Refusal, StringComparison.Ordinal);
        var failures = 0;
        await foreach (var recorded in appliance.Ledger.ReadAsync())
        {
            failures += recorded.Type == "DatastoreFailed/1" ? 1 : 0;
            Assert.NotEqual("BackupFinished/1", recorded.Type);
        }

        Assert.Equal(1, failures);
    }

    [Fact]
    public async Task W9_without_a_ledger_restores_go_on_backups_are_refused_and_a_finish_waits_within_its_bound()
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        await using var appliance = await SimulatedAppliance.StartAsync(ledger, new SimulatedVolume());
        var (done, _) = await appliance.OpenAsync("backup", 10);
        Assert.True(await SimulatedAppliance.UploadAsync(done!, 10, First));
        var (running, _) = await appliance.OpenAsync("backup", 20);
        ledger.Interrupt();
        Assert.Contains("ledger is unavailable", (await appliance.OpenAsync("backup", 30, "101")).Refusal, StringComparison.Ordinal);

        var (reader, refusal) = await appliance.OpenAsync("reader", 10);
        Assert.Null(refusal);
        Assert.Equal(200, (await SimulatedAppliance.CallAsync(reader!, "GET", "/download", "file-name=a.didx")).Status);
        await reader!.EndAsync(null);

        // Uploading goes on; the finish gives up within its patience of 300 ms, and nothing is published.
        Assert.False(await SimulatedAppliance.UploadAsync(running!, 20, Second));
        Assert.False(appliance.Main.Bytes.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(20)).IsFinished);
        ledger.Resume();
        Assert.Equal(200, (await SimulatedAppliance.CallAsync(running!, "POST", "/finish")).Status);
        Assert.Equal([10L, 20L], (await appliance.RestoreAllAsync()).Keys);
    }

    private static async Task<int> CountCallsAsync()
    {
        var volume = new SimulatedVolume();
        await BackUpUntilCutAsync(new MemoryLedger(TimeProvider.System), volume, 0);
        return volume.Calls;
    }

    /// <summary>Two backups, the second on top of the first; cut at the n-th call of the disk (0 = never).</summary>
    private static async Task<List<long>> BackUpUntilCutAsync(ILedger ledger, SimulatedVolume volume, int cut)
    {
        volume.CutAtCall = cut;
        List<long> acknowledged = [];
        try
        {
            await using var appliance = await SimulatedAppliance.StartAsync(ledger, volume);
            foreach (var (time, chunks) in ((long, byte[][])[])[(10, First), (20, Second)])
            {
                var (session, _) = await appliance.OpenAsync("backup", time);
                if (session is not null && await SimulatedAppliance.UploadAsync(session, time, chunks))
                {
                    acknowledged.Add(time);
                }
            }
        }
        catch (Exception error) when (error is SimulatedPowerCutException or RefusedByServerException)
        {
            // The lights are out: whatever the last call thought of it.
        }

        return acknowledged;
    }

    private static async Task CheckAfterAsync(ILedger ledger, Volume volume, List<long> acknowledged, string where)
    {
        if (!volume.TryStat(ChunkStore.Folder, out _))
        {
            Assert.True(acknowledged.Count == 0, where);
            return;
        }

        await using var appliance = await SimulatedAppliance.StartAsync(ledger, volume);
        var restored = await appliance.RestoreAllAsync();
        Assert.True(acknowledged.All(restored.ContainsKey), where);
        foreach (var (time, bytes) in restored)
        {
            Assert.True((time == 10 ? First : Second).SelectMany(chunk => chunk).SequenceEqual(bytes), where);
        }

        Assert.Empty(appliance.Snapshots.State.Find(new GroupKey("main", "", "vm", "100"))?.Open ?? []);
        // And life goes on.
        var (session, refusal) = await appliance.OpenAsync("backup", 99);
        Assert.True(refusal is null, where + ": " + refusal);
        Assert.True(await SimulatedAppliance.UploadAsync(session!, 99, Second), where);
    }

    private static async Task<MemoryLedger> CopyAsync(MemoryLedger ledger)
    {
        var copy = new MemoryLedger(TimeProvider.System);
        await foreach (var recorded in ledger.ReadAsync())
        {
            await copy.AppendAsync(new Append(recorded.Stream, ExpectedVersion.Any, [new NewEvent(recorded.Type, recorded.Data, recorded.Metadata)]));
        }

        return copy;
    }

    private static async Task<long> QuietHeadAsync(MemoryLedger ledger, long since)
    {
        var quiet = since;
        await foreach (var recorded in ledger.ReadAsync(since + 1))
        {
            quiet = recorded.Type.Contains("Snapshot", StringComparison.Ordinal) || recorded.Type == BackupAborted.EventType ? recorded.Position : quiet;
        }

        return quiet;
    }

    private static async Task<List<string>> EventsOfAsync(SimulatedAppliance appliance, GroupKey key)
    {
        var types = new List<string>();
        await foreach (var recorded in appliance.Ledger.ReadStreamAsync(key.Stream))
        {
            types.Add(recorded.Type.Split('/')[0]);
        }

        return types;
    }
}
