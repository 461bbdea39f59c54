// Rows of events are cut so that each part fits one append, whatever a store holds; and what fits no event at all keeps no store from being opened.
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class EventBatchTests
{
    [Theory]
    [InlineData(0, 10)]
    [InlineData(1, LedgerLimits.MaxDataBytes)]
    [InlineData(1500, 10)]
    [InlineData(9, LedgerLimits.MaxDataBytes)]
    [InlineData(700, 12_000)]
    public async Task Every_part_fits_an_append_and_nothing_is_lost(int count, int bytes)
    {
        var events = Enumerable.Range(0, count).Select(i => new NewEvent($"Tried{i}/1", new byte[bytes], EventMetadata.System)).ToList();
        var ledger = new MemoryLedger(TimeProvider.System);
        foreach (var part in EventBatches.Cut(events))
        {
            await ledger.AppendAsync(new Append("s", ExpectedVersion.Any, part));
        }

        var types = new List<string>();
        await foreach (var recorded in ledger.ReadAsync())
        {
            types.Add(recorded.Type);
        }

        Assert.Equal(events.Select(one => one.Type), types);
    }

    [Fact]
    public async Task A_store_with_large_manifests_is_adopted_whole()
    {
        // Hundreds with long notes are more than one append takes; one with longer notes still is more than one event takes.
        await using var world = await RecordedWorld.MakeAsync(store =>
        {
            for (var i = 1; i <= 450; i++)
            {
                RecordedWorld.Put(store, "", "host/h", i, "tester@pbs");
                var notes = new string('n', i == 450 ? 2_000_000 : 12_000);
                var folder = store.OpenSnapshot(BackupNamespace.Root, SnapshotName.Create(BackupGroup.Parse("host/h"), i));
                folder.UpdateManifest(manifest => manifest.Notes = notes);
            }
        });
        var group = world.Snapshots.Find(RecordedWorld.Key("", "host/h"))!;
        Assert.Equal(450, group.Snapshots.Count);
        Assert.Equal(12_000, group.Snapshots[449].Content.Comment!.Length);
        Assert.Null(group.Snapshots[450].Content.Comment);
        Assert.Equal(2_000_000, world.Store.Bytes.OpenSnapshot(BackupNamespace.Root, group.Key.At(450)).ReadManifest().Notes!.Length);
        var head = world.Ledger.Head.Position;
        await world.Parts.Reconciliation.ReconcileStoreAsync(world.Store);
        Assert.Equal(head, world.Ledger.Head.Position);
    }

    [Fact]
    public async Task A_backup_that_the_ledger_could_not_hold_is_refused_before_it_has_a_manifest()
    {
        await using var appliance = await SimulatedAppliance.StartAsync(new MemoryLedger(TimeProvider.System), new SimulatedVolume());
        var (session, _) = await appliance.OpenAsync("backup", 10);
        await SimulatedAppliance.UploadAsync(session!, 10, [StorageTestKit.RandomBytes(1, 500)], finish: false);
        var manifest = new Manifest(StorageTestKit.Snapshot(10)) { Notes = new string('n', LedgerLimits.MaxDataBytes) };
        var blob = manifest.ToBlob();
        await SimulatedAppliance.CallAsync(session!, "POST", "/blob", $"file-name=index.json.blob&encoded-size={blob.Length}", blob);
        var (status, body) = await SimulatedAppliance.CallAsync(session!, "POST", "/finish");
        Assert.Equal(400, status);
        Assert.Contains("more than can be recorded", body, StringComparison.Ordinal);
        Assert.False(appliance.Main.Bytes.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(10)).IsFinished);
        await session!.EndAsync(null);
        Assert.Equal(["BackupStarted", "BackupAborted"], await appliance.EventsAsync());
    }
}
