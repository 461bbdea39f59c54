// Forgetting of snapshots, few and many: decided, removed, recorded as gone; cut off anywhere it goes on at the next start, and nothing else is touched.
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class ForgetTests
{
    private static readonly GroupKey Group = new("main", "", "vm", "100");
    private static readonly byte[][] Content = [StorageTestKit.RandomBytes(1, 500)];
    private static readonly byte[] Restored = [.. Content.SelectMany(chunk => chunk)];

    [Theory]
    [InlineData(3)]
    [InlineData(12)]
    public async Task W5_a_power_cut_at_any_call_of_a_removal_leaves_each_snapshot_whole_or_gone(int count)
    {
        // The prepared store is the same for every cut: made once, copied by a crash that loses nothing after a sync.
        var prepared = new SimulatedVolume();
        var history = new MemoryLedger(TimeProvider.System);
        await using (var appliance = await SimulatedAppliance.StartAsync(history, prepared))
        {
            await BackUpAsync(appliance, count);
            appliance.Main.Bytes.MakeDurable();
        }

        var calls = 0;
        for (var cut = 0; cut == 0 || cut <= calls; cut++)
        {
            var (ledger, volume) = (await CopyAsync(history), prepared.Crash(1));
            await using (var appliance = await SimulatedAppliance.StartAsync(ledger, volume))
            {
                var before = volume.Calls;
                volume.CutAtCall = cut == 0 ? 0 : before + cut;
                try
                {
                    await appliance.Forgetting.RunAsync([.. Enumerable.Range(1, count - 1).Select(i => (Group, i * 10L))], EventMetadata.System);
                }
                catch (SimulatedPowerCutException)
                {
                    // The lights are out.
                }

                calls = cut == 0 ? volume.Calls - before : calls;
            }

            for (var seed = 0; seed < 2; seed++)
            {
                await CheckAsync(await CopyAsync(ledger), volume.Crash((cut * 31) + seed), count, $"{count} snapshots, cut at call {cut}, seed {seed}");
            }
        }

        Assert.InRange(calls, 8, 200);
    }

    [Fact]
    public async Task Hundreds_go_in_batches_and_their_outcome_is_recorded()
    {
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume());
        await BackUpAsync(appliance, 150);
        var outcome = await appliance.Forgetting.RunAsync([.. Enumerable.Range(1, 150).Select(i => (Group, i * 10L)), (Group, 10L), (Group, 7L)],
            EventMetadata.System);
        Assert.Equal((150, 0, 0, 0), (outcome.Removed.Count, outcome.Protected.Count, outcome.Busy.Count, outcome.Failed.Count));
        var state = appliance.Snapshots.State.Find(Group)!;
        Assert.Empty(state.Snapshots);
        Assert.Empty(state.Leaving);
        Assert.False(appliance.Main.Bytes.GroupExists(BackupNamespace.Root, Group.Group));
        Assert.Equal(150, (await appliance.EventsAsync()).Count(type => type == "SnapshotForgotten"));
        Assert.Equal("SnapshotsRemoved", (await appliance.EventsAsync())[^1]);
        // And the group is made anew by its next backup.
        Assert.NotNull((await appliance.OpenAsync("backup", 10)).Session);
    }

    [Fact]
    public async Task What_is_protected_read_or_written_stays_and_is_named()
    {
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume());
        await BackUpAsync(appliance, 4);
        appliance.Main.Bytes.OpenSnapshot(BackupNamespace.Root, Group.At(10)).SetProtected(true);
        using var reading = appliance.Leases.TryShare(Group, 20)!;
        var (running, _) = await appliance.OpenAsync("backup", 50);
        List<string> said = [];
        var outcome = await appliance.Forgetting.RunAsync(
            [(Group, 10), (Group, 20), (Group, 30), (Group, 40), (Group, 50)], EventMetadata.System, said.Add);
        Assert.Equal([30L], outcome.Removed.Select(one => one.BackupTime));
        Assert.Equal([10L], outcome.Protected.Select(one => one.BackupTime));
        Assert.Equal([20L, 40L, 50L], outcome.Busy.Select(one => one.BackupTime)); // 40 is the base of the running backup.
        Assert.Contains("failed to remove vm/100/1970-01-01T00:00:10Z: cannot remove protected snapshot", said);
        Assert.Contains("failed to remove vm/100/1970-01-01T00:00:20Z: it is in use", said);
        Assert.Equal([10L, 20L, 40L], (await appliance.RestoreAllAsync()).Keys);

        // Leases are given back: afterwards each can go, the protected one when it is said so.
        await running!.EndAsync(new IOException("cut"));
        reading.Dispose();
        var all = new ForgetOptions(EvenIfProtected: true);
        outcome = await appliance.Forgetting.RunAsync([(Group, 10), (Group, 20), (Group, 40)], EventMetadata.System, options: all);
        Assert.Equal(3, outcome.Removed.Count);
    }

    [Fact]
    public async Task Without_a_ledger_nothing_goes()
    {
        var ledger = new MemoryLedger(TimeProvider.System);
        await using var appliance = await SimulatedAppliance.StartAsync(ledger, new SimulatedVolume());
        await BackUpAsync(appliance, 2);
        ledger.Interrupt();
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => appliance.Forgetting.RunAsync([(Group, 10)], EventMetadata.System));
        ledger.Resume();
        Assert.Equal([10L, 20L], (await appliance.RestoreAllAsync()).Keys);
        Assert.Single((await appliance.Forgetting.RunAsync([(Group, 10)], EventMetadata.System)).Removed);
    }

    [Fact]
    public async Task A_file_that_cannot_be_unlinked_is_named_and_the_others_go()
    {
        var volume = new SimulatedVolume();
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), volume);
        await BackUpAsync(appliance, 3);
        const int accessDenied = 13;
        volume.Fault = call => call.Path.Contains("00:00:10Z/index.json", StringComparison.Ordinal) ? accessDenied : 0;
        var outcome = await appliance.Forgetting.RunAsync([(Group, 10), (Group, 20)], EventMetadata.System);
        Assert.Equal([20L], outcome.Removed.Select(one => one.BackupTime));
        Assert.Equal([10L], outcome.Failed.Select(one => one.BackupTime));
        Assert.Equal([10L], appliance.Snapshots.State.Find(Group)!.Leaving);

        // Not discovered anew: the next start goes on removing it.
        volume.Fault = null;
        await appliance.Reconciliation.ReconcileStoreAsync(appliance.Main);
        Assert.False(appliance.Main.Bytes.SnapshotExists(BackupNamespace.Root, Group.At(10)));
        Assert.DoesNotContain("SnapshotDiscovered", await appliance.EventsAsync());
        Assert.Empty(appliance.Snapshots.State.Find(Group)!.Leaving);
    }

    private static async Task BackUpAsync(SimulatedAppliance appliance, int count)
    {
        for (var i = 1; i <= count; i++)
        {
            var (session, refusal) = await appliance.OpenAsync("backup", i * 10);
            Assert.Null(refusal);
            Assert.True(await SimulatedAppliance.UploadAsync(session!, i * 10, Content));
            await session!.EndAsync(null);
        }
    }

    private static async Task CheckAsync(MemoryLedger ledger, Volume volume, int count, string where)
    {
        await using var appliance = await SimulatedAppliance.StartAsync(ledger, volume);
        var restored = await appliance.RestoreAllAsync();
        Assert.True(restored.ContainsKey(count * 10), where);
        Assert.True(restored.Values.All(bytes => bytes.SequenceEqual(Restored)), where);
        var events = await appliance.EventsAsync();
        Assert.False(events.Contains("SnapshotDiscovered") || events.Contains("SnapshotMissing"), where);
        var onDisk = appliance.Main.Bytes.ListSnapshots(BackupNamespace.Root, Group.Group);
        Assert.True(onDisk.Select(snapshot => snapshot.Name.Time).SequenceEqual(restored.Keys), where);
        Assert.Equal(count - restored.Count, events.Count(type => type == "SnapshotForgotten"));
        Assert.Empty(appliance.Snapshots.State.Find(Group)!.Leaving);
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
}
