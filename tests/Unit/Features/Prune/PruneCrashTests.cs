// Prunes cut off: by a power cut at any call of the disk, between decision and removal, in the middle of a decision of several parts. What was decided is done
// by the next start, whole; what was not decided does not happen.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Prune;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;
using static Holdfast.Tests.Unit.Features.Prune.PruneBed;

namespace Holdfast.Tests.Unit.Features.Prune;

public sealed class PruneCrashTests
{
    private static readonly RetentionPolicy KeepTwo = new(KeepLast: 2);

    [Fact]
    public async Task W5_a_power_cut_at_any_call_of_a_prune_is_carried_on_by_the_next_start()
    {
        var (prepared, history) = await PrepareAsync();
        var calls = 0;
        for (var cut = 0; cut == 0 || cut <= calls; cut++)
        {
            var (ledger, volume) = (await CopyAsync(history), prepared.Crash(1));
            await using (var bed = await StartAsync(ledger, volume))
            {
                var before = volume.Calls;
                volume.CutAtCall = cut == 0 ? 0 : before + cut;
                await bed.RunAsync(new PruneScope("main"), KeepTwo);
                calls = cut == 0 ? volume.Calls - before : calls;
            }

            for (var seed = 0; seed < 2; seed++)
            {
                await CheckAsync(await CopyAsync(ledger), volume.Crash((cut * 31) + seed), $"cut at call {cut}, seed {seed}");
            }
        }

        Assert.InRange(calls, 15, 200);
    }

    [Fact]
    public async Task W5_killed_between_the_decision_and_the_first_removal_the_next_start_removes()
    {
        var (prepared, history) = await PrepareAsync();
        var ledger = await CopyAsync(history);
        await using (var bed = await StartAsync(ledger, prepared.Crash(1)))
        {
            await bed.RunAsync(new PruneScope("main"), KeepTwo);
        }

        var decided = 0L;
        await foreach (var recorded in ledger.ReadAsync())
        {
            decided = recorded.Type == PruneDecided.EventType ? recorded.Position : decided;
        }

        await CheckAsync(await CopyAsync(ledger, decided), prepared.Crash(1), "killed after the decision");
        await using var again = await StartAsync(await CopyAsync(ledger, decided), prepared.Crash(1));
        var finished = Event.Read<PruneFinished>(Assert.Single(await again.EventsAsync(PruneFinished.EventType)));
        Assert.Equal((12, 0), (finished.Removed, finished.Kept));
        Assert.Null(finished.Problem);
        var removal = (await again.EventsAsync(SnapshotForgotten.EventType))[0];
        Assert.Equal(("admin@pbs", "192.0.2.1"), (removal.Metadata.Actor, removal.Metadata.Source));

        // Killed before it: nothing happens.
        await using var before = await StartAsync(await CopyAsync(ledger, decided - 1), prepared.Crash(1));
        Assert.Equal(8, before.Times("vm/100").Count());
        Assert.Empty(await before.EventsAsync(PruneFinished.EventType));
    }

    [Fact]
    public async Task A_decision_whose_last_part_is_missing_is_void()
    {
        var (prepared, history) = await PrepareAsync();
        var ledger = await CopyAsync(history);
        var group = new PrunedGroup("", "vm", "100", [new PrunedSnapshot(T, false, "beyond keep-last 2")]);
        await ledger.AppendAsync(new Append("prune:main", ExpectedVersion.Any,
            [Of(new PruneDecided("UPID:x", 1, false, "main", "", KeepTwo, "UTC", false, [group]))]));
        await using var bed = await StartAsync(ledger, prepared.Crash(1));
        Assert.Equal(8, bed.Times("vm/100").Count());
        var finished = Event.Read<PruneFinished>(Assert.Single(await bed.EventsAsync(PruneFinished.EventType)));
        Assert.Equal((0, "the appliance stopped before it was decided"), (finished.Removed, finished.Problem));
        Assert.Empty(bed.Folds.Prunes.State.Open);
    }

    [Fact]
    public async Task Without_a_ledger_nothing_is_decided_and_an_abort_ends_what_was()
    {
        var (prepared, history) = await PrepareAsync();
        await using var bed = await StartAsync(await CopyAsync(history), prepared.Crash(1));
        bed.Ledger.Interrupt();
        Assert.Equal(503, (await bed.PostAsync("prune", "backup-type=vm&backup-id=100&keep-last=1")).Status);
        bed.Ledger.Resume();
        Assert.Equal(8, bed.Times("vm/100").Count());

        var task = await bed.Parts.Tasks.StartAsync("prune", "main:", Admin, async task =>
        {
            task.Abort();
            await bed.Parts.Pruning.RunAsync(task, new PruneScope("main"), KeepTwo, dryRun: false);
        }, "main", "");
        await task.Ended;
        Assert.Equal(8, bed.Times("vm/100").Count());
        Assert.Empty(await bed.EventsAsync(PruneDecided.EventType));
    }

    [Theory]
    [InlineData(100, 1000)]
    [InlineData(1, 100_000)]
    [InlineData(100_000, 2)]
    public void A_decision_over_a_hundred_thousand_fits_the_ledger(int groups, int snapshots)
    {
        var reason = "keep-monthly: 2026/05 has a newer one, and so on until it is long enough";
        var plans = Enumerable.Range(0, groups).Select(i => new GroupPlan(new GroupKey("main", "a/b", "vm", $"guest-{i}"),
        [
            .. Enumerable.Range(0, snapshots).Select(k => new PruneVerdict(
                T + k, k == snapshots - 1 ? PruneMark.Keep : PruneMark.Remove, false, reason)),
        ])).ToList();
        var whole = new PruneDecided("UPID:x", 1, true, "main", "", KeepTwo, "UTC", false, []);
        var parts = PruneDecision.Parts(whole, plans);
        Assert.All(parts, part => Assert.InRange(Of(part).Data.Length, 1, LedgerLimits.MaxDataBytes));
        Assert.All(parts.Chunk(4), some => Assert.InRange(some.Sum(part => Of(part).Data.Length), 1, LedgerLimits.MaxAppendBytes));
        Assert.Equal(Enumerable.Range(1, parts.Count), parts.Select(part => part.Part));
        Assert.Equal(parts[^1], Assert.Single(parts, part => part.IsLast));
        var told = parts.SelectMany(part => part.Groups).SelectMany(group => group.Snapshots.Select(one => (group.BackupId, one.BackupTime, one.Keep)));
        Assert.Equal(plans.SelectMany(plan => plan.Verdicts.Select(one => (plan.Group.BackupId, one.BackupTime, one.Keep))), told);
    }

    [Fact]
    public void A_decision_about_a_datastore_ends_with_it()
    {
        // Another store may come under the same name, with the same snapshots that somebody wants to have back.
        var fold = new PrunesFold();
        var state = new PrunesState(PrunesState.Empty.Open
            .Add("UPID:x", new OpenPrune("UPID:x", "main", "a@pbs", "192.0.2.1", true, [(Key("vm/1", ""), 5L)]))
            .Add("UPID:y", new OpenPrune("UPID:y", "other", "a@pbs", "192.0.2.1", true, [(Key("vm/1", ""), 5L)])));
        var made = Event.Of(new DatastoreRemoved("main", false), EventMetadata.System);
        Assert.True(fold.Knows(made.Type));
        state = fold.Apply(state, new RecordedEvent(1, "datastore:main", 1, made.Type, 0, made.Data, made.Metadata, new byte[32]));
        Assert.Equal(["UPID:y"], state.Open.Keys);
    }

    [Fact]
    public void The_fold_of_decisions_survives_its_own_serial_form()
    {
        var fold = new PrunesFold();
        var open = new OpenPrune("UPID:x", "main", "a@pbs", "192.0.2.1", true, [(Key("vm/1", "a/b"), 5L), (Key("vm/1", "a/b"), 6L)]);
        var state = new PrunesState(PrunesState.Empty.Open.Add(open.Decision, open));
        using var first = new MemoryStream();
        fold.Write(state, first);
        first.Position = 0;
        var read = fold.Read(first);
        Assert.Equal(open.Doomed, read.Open["UPID:x"].Doomed);
        using var second = new MemoryStream();
        fold.Write(read, second);
        Assert.Equal(first.ToArray(), second.ToArray());
    }

    /// <summary>Two groups of eight, everything durable.</summary>
    private static async Task<(SimulatedVolume Volume, MemoryLedger Ledger)> PrepareAsync()
    {
        var (volume, ledger) = (new SimulatedVolume(), new MemoryLedger(TimeProvider.System));
        await using var bed = await StartAsync(ledger, volume);
        await bed.AddAsync("vm/100", "", "tester@pbs", [.. Enumerable.Range(0, 8).Select(i => T + (i * Day))]);
        await bed.AddAsync("ct/5", "", "tester@pbs", [.. Enumerable.Range(0, 8).Select(i => T + (i * Day))]);
        return (volume, ledger);
    }

    private static async Task CheckAsync(MemoryLedger ledger, SimulatedVolume volume, string where)
    {
        await using var bed = await StartAsync(ledger, volume);
        var isDecided = (await bed.EventsAsync(PruneDecided.EventType)).Count > 0;
        var expected = Enumerable.Range(isDecided ? 6 : 0, isDecided ? 2 : 8).Select(i => T + (i * Day)).ToList();
        foreach (var group in (string[])["vm/100", "ct/5"])
        {
            Assert.True(bed.Times(group).SequenceEqual(bed.OnDisk(group)), where);
            Assert.True(bed.Times(group).SequenceEqual(expected), where);
            Assert.Empty(bed.Folds.Snapshots.State.Find(Key(group))!.Leaving);
        }

        Assert.True(bed.Folds.Prunes.State.Open.IsEmpty, where);
        Assert.Empty(await bed.EventsAsync(SnapshotMissing.EventType));
        Assert.Equal(16, (await bed.EventsAsync(SnapshotDiscovered.EventType)).Count);
    }
}
