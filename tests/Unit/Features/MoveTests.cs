// A move of a group beside what is still leaving it, and a move that the disk cuts off while the appliance goes on.
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class MoveTests
{
    private const long First = 1_700_000_000;
    private const long Second = 1_700_003_600;
    private const int AccessDenied = 13;
    private const string Query = "ns=a&backup-type=vm&backup-id=100&target-ns=b";

    private static readonly GroupKey Source = RecordedWorld.Key("a", "vm/100");
    private static readonly GroupKey Target = RecordedWorld.Key("b", "vm/100");

    private readonly SimulatedVolume volume = new();

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task A_group_with_snapshots_still_to_be_removed_on_either_side_is_not_moved(string ns)
    {
        await using var world = await MakeAsync(store =>
        {
            if (ns == "b")
            {
                RecordedWorld.Put(store, ns, "vm/100", First, "tester@pbs");
            }
        });
        volume.Fault = call => call.Path.Contains("22:13:20Z/index.json", StringComparison.Ordinal) ? AccessDenied : 0;
        await world.ForgetAsync(ns, "vm/100", First);
        volume.Fault = null;
        Assert.Equal([First], world.Snapshots.Find(RecordedWorld.Key(ns, "vm/100"))!.Leaving);

        Assert.Equal($"unable to move group 'vm/100' - forgotten snapshots of it in '{ns}' are still being removed", await MoveAsync(world));
        Assert.Contains(Second, world.Snapshots.Find(Source)!.Snapshots.Keys);

        // Once they are gone it can go, and nothing comes back.
        await world.Parts.Reconciliation.ReconcileStoreAsync(world.Store);
        Assert.Equal("OK", await MoveAsync(world));
        Assert.Equal(ns == "a" ? [Second] : [First, Second], world.Snapshots.Find(Target)!.Snapshots.Keys);
        Assert.Empty(world.Snapshots.Find(Target)!.Leaving);
        await world.Parts.Reconciliation.ReconcileStoreAsync(world.Store);
        Assert.Equal(ns == "a" ? [Second] : [First, Second], OnDisk(world, "b"));
        Assert.All(world.Snapshots.Find(Target)!.Snapshots.Values, snapshot => Assert.False(snapshot.Missing));
    }

    [Fact]
    public async Task A_move_that_the_disk_refuses_is_finished_before_anything_else_happens_where_it_began()
    {
        await using var world = await MakeAsync(_ => { });
        volume.Fault = call => call.Operation.Contains("Rename", StringComparison.OrdinalIgnoreCase)
            && call.Path.Contains("23:13:20Z", StringComparison.Ordinal) ? AccessDenied : 0;
        Assert.NotEqual("OK", await MoveAsync(world));
        volume.Fault = null;
        Assert.Equal([Second], OnDisk(world, "a"));

        // What a backup into the old place, or housekeeping, does first; while somebody works on the new one it has to wait.
        using (world.Parts.Leases.TryGroup(Target))
        {
            await Assert.ThrowsAsync<RefusedException>(() => world.Parts.Reconciliation.ReconcileGroupAsync(world.Store, Source));
        }

        await world.Parts.Reconciliation.ReconcileGroupAsync(world.Store, Source);
        Assert.Empty(world.Store.Doubtful.All());
        Assert.Empty(OnDisk(world, "a"));
        Assert.Equal([First, Second], OnDisk(world, "b"));
        Assert.Equal([First, Second], world.Snapshots.Find(Target)!.Snapshots.Keys);
        Assert.True(world.Snapshots.Find(Source)!.IsEmpty);
        Assert.All(world.Snapshots.Find(Target)!.Snapshots.Values, snapshot => Assert.False(snapshot.Missing));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task What_an_aborted_backup_left_on_either_side_goes_before_a_move_and_not_with_it(string ns)
    {
        const long aborted = First + 60;
        await using var world = await MakeAsync(_ => { });
        var place = RecordedWorld.Key(ns, "vm/100");
        await world.Ledger.AppendAsync(new Append(place.Stream, ExpectedVersion.Any,
        [
            Event.Of(new BackupStarted("shapes", ns, "vm", "100", aborted, "tester@pbs", "UPID:x", null, false), EventMetadata.System),
            Event.Of(new BackupAborted("shapes", ns, "vm", "100", aborted, "the client went away"), EventMetadata.System),
        ]));
        world.Store.Bytes.CreateGroup(place.Namespace, place.Group, "tester@pbs");
        world.Store.Bytes.CreateSnapshot(place.Namespace, place.At(aborted));

        Assert.Equal("OK", await MoveAsync(world));
        Assert.Equal([First, Second], OnDisk(world, "b"));
        Assert.Empty(OnDisk(world, "a"));
        Assert.Empty(world.Snapshots.Find(Target)!.Unfinished);
    }

    [Fact]
    public async Task Somebody_elses_unfinished_work_moves_along_as_what_it_is()
    {
        const long unfinished = First + 60;
        await using var world = await MakeAsync(_ => { });
        world.Store.Bytes.CreateSnapshot(Source.Namespace, Source.At(unfinished));
        Assert.Equal("OK", await MoveAsync(world));
        Assert.Equal([First, unfinished, Second], OnDisk(world, "b"));
        Assert.Equal([unfinished], world.Snapshots.Find(Target)!.Unfinished.Keys);
    }

    [Theory]
    [InlineData("POST", "change-owner", "new-owner=dspower@pbs")]
    [InlineData("PUT", "group-notes", "notes=x")]
    public async Task A_move_that_is_not_at_its_end_is_not_taken_for_done_by_a_change_of_the_group(string method, string verb, string query)
    {
        await using var world = await MakeAsync(_ => { });
        volume.Fault = call => call.Operation.Contains("Rename", StringComparison.OrdinalIgnoreCase)
            && call.Path.Contains("23:13:20Z", StringComparison.Ordinal) ? AccessDenied : 0;
        Assert.NotEqual("OK", await MoveAsync(world));
        volume.Fault = null;
        var (status, text) = await world.CallAsync(method, verb, $"ns=b&backup-type=vm&backup-id=100&{query}");
        Assert.Equal(400, status);
        Assert.Contains("try again in a moment", text, StringComparison.Ordinal);

        await world.Parts.Reconciliation.ReconcileGroupAsync(world.Store, Source);
        Assert.Equal([First, Second], OnDisk(world, "b"));
        Assert.Equal(200, (await world.CallAsync(method, verb, $"ns=b&backup-type=vm&backup-id=100&{query}")).Status);
        Assert.True(world.Snapshots.Find(Target)!.Pending.IsEmpty);
    }

    private Task<RecordedWorld> MakeAsync(Action<Datastore> more) => RecordedWorld.MakeAsync(new MemoryLedger(TimeProvider.System), volume, store =>
    {
        store.CreateNamespace(BackupNamespace.Parse("a"));
        store.CreateNamespace(BackupNamespace.Parse("b"));
        more(store);
        RecordedWorld.Put(store, "a", "vm/100", First, "tester@pbs");
        RecordedWorld.Put(store, "a", "vm/100", Second, "tester@pbs");
    });

    private static async Task<string> MoveAsync(RecordedWorld world)
    {
        Assert.Equal(200, (await world.CallAsync("POST", "move-group", Query)).Status);
        await world.TasksEndedAsync();
        return world.Folds.Tasks.State.NewestFirst()[0].Status!;
    }

    private static IEnumerable<long> OnDisk(RecordedWorld world, string ns) =>
        world.Store.Bytes.ListSnapshots(BackupNamespace.Parse(ns), Source.Group).Select(snapshot => snapshot.Name.Time);
}
