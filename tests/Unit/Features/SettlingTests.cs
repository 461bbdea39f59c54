// The word that the disk shows what was decided: never for what was decided later, nor for what somebody is still writing. And a log that comes too late for
// its snapshot.
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class SettlingTests
{
    private const long First = 1_700_000_000;
    private const int Count = 12;

    private static readonly GroupKey Key = RecordedWorld.Key("", "vm/100");

    [Fact]
    public async Task W5_a_change_that_is_still_being_written_is_not_settled_by_another()
    {
        await using var world = await MakeAsync();
        var settling = new Settling(() => world.Snapshots, world.Parts.Leases, Recorder(world));
        using (await world.Parts.Leases.LockManifestAsync(Key, First, TimeSpan.Zero))
        {
            // Some snapshots share a turn; this one does not.
            var other = Enumerable.Range(1, Count - 1).Select(i => First + i).First(time => !world.Parts.Leases.IsManifestBusy(Key, time));
            await NotesDecidedAsync(world, First);
            await NotesDecidedAsync(world, other);
            await settling.TellAsync(Key, [First, other], group: false, EventMetadata.System);
            Assert.Equal([First], world.Snapshots.Find(Key)!.Pending.Changed);
        }

        await settling.TellAsync(Key, [First], group: false, EventMetadata.System);
        Assert.True(world.Snapshots.Find(Key)!.Pending.IsEmpty);
    }

    [Fact]
    public async Task W5_a_settled_that_the_ledger_was_away_for_is_not_told_after_later_decisions()
    {
        await using var world = await MakeAsync();
        await NotesDecidedAsync(world, First);
        world.Ledger.Interrupt();
        await Recorder(world).NoteUnlessAwayAsync(Key.Stream, new GroupSettled("shapes", "", "vm", "100", [First], Group: false), EventMetadata.System);
        world.Ledger.Resume();
        await NotesDecidedAsync(world, First);
        await world.DrainAsync();
        Assert.Equal([First], world.Snapshots.Find(Key)!.Pending.Changed);

        // A start does what is left.
        await world.Parts.Reconciliation.ReconcileStoreAsync(world.Store);
        Assert.True(world.Snapshots.Find(Key)!.Pending.IsEmpty);
        Assert.Equal("decided", world.Store.Bytes.OpenSnapshot(Key.Namespace, Key.At(First)).ReadManifest().Notes);
    }

    [Fact]
    public async Task A_log_is_not_written_beside_a_snapshot_that_is_being_removed()
    {
        await using var world = await MakeAsync();
        using (world.Parts.Leases.TryOwn(Key, First))
        {
            var (status, text) = await UploadLogAsync(world);
            Assert.Equal(400, status);
            Assert.Contains("is being removed", text, StringComparison.Ordinal);
        }

        Assert.False(world.Snapshots.Find(Key)!.Snapshots[First].HasLog);
        var uploaded = await UploadLogAsync(world);
        Assert.True(uploaded.Status == 200, uploaded.Body);
        Assert.True(world.Snapshots.Find(Key)!.Snapshots[First].HasLog);
        Assert.NotNull(world.Parts.Leases.TryOwn(Key, First)); // the share was given back
    }

    private static Task<(int Status, string Body)> UploadLogAsync(RecordedWorld world) => world.CallAsync(
        "tester@pbs", "POST", "/api2/json/admin/datastore/shapes/upload-backup-log", $"backup-type=vm&backup-id=100&backup-time={First}",
        DataBlob.Encode([1, 2, 3]));

    private static Task<RecordedWorld> MakeAsync() => RecordedWorld.MakeAsync(store =>
    {
        for (var i = 0; i < Count; i++)
        {
            RecordedWorld.Put(store, "", "vm/100", First + i, "tester@pbs");
        }
    });

    private static Recorder Recorder(RecordedWorld world) => new(world.Ledger, world.Deferred, TimeProvider.System);

    private static Task NotesDecidedAsync(RecordedWorld world, long time) => world.Ledger.AppendAsync(new Append(
        Key.Stream, ExpectedVersion.Any, [Event.Of(new SnapshotNotesChanged("shapes", "", "vm", "100", time, "decided", 100), EventMetadata.System)]));
}
