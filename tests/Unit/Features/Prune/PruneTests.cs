// Prune over the API and as a task: answers and texts as recorded from a PBS, one decision with every reason, removals that follow it, and what stops them.
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Prune;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;
using static Holdfast.Tests.Unit.Features.Prune.PruneBed;

namespace Holdfast.Tests.Unit.Features.Prune;

public sealed class PruneTests : IAsyncLifetime
{
    private readonly SimulatedVolume volume = new();
    private PruneBed bed = null!;

    public async Task InitializeAsync() => bed = await StartAsync(new MemoryLedger(TimeProvider.System), volume);

    public async Task DisposeAsync() => await bed.DisposeAsync();

    [Fact]
    public async Task A_dry_run_answers_as_PBS_does_and_says_why()
    {
        await MakeAsync();
        var (status, text) = await bed.PostAsync("prune", "backup-type=vm&backup-id=100&keep-last=1&dry-run=1");
        Assert.Equal(200, status);
        Assert.Equal("""
            {"data":[{"backup-id":"100","backup-time":1700000000,"backup-type":"vm","keep":true,"protected":true,"reason":"protected"},
            {"backup-id":"100","backup-time":1700003600,"backup-type":"vm","keep":false,"protected":false,"reason":"beyond keep-last 1"},
            {"backup-id":"100","backup-time":1700090000,"backup-type":"vm","keep":true,"protected":false,"reason":"keep-last 1 of 1"}]}
            """.ReplaceLineEndings(""), text);
        Assert.Contains("\"ns\":\"a/c1\"", (await bed.PostAsync("prune", "ns=a/c1&backup-type=ct&backup-id=7&keep-last=1&dry-run=1&use-task=1")).Text,
            StringComparison.Ordinal);
        Assert.Empty(await bed.EventsAsync("TaskStarted/1"));
        Assert.Equal([T, T + 3600, T + 90_000], bed.OnDisk("vm/100"));
    }

    [Theory]
    [InlineData("backup-type=vm&backup-id=999&keep-last=1", "ENOENT: No such file or directory")]
    [InlineData("backup-type=vm&backup-id=100&keep-last=1&ns=nosuch", "ENOENT: No such file or directory")]
    [InlineData("keep-last=1", "parameter verification failed:\n- 'backup-id': parameter is missing and it is not optional.\n"
        + "- 'backup-type': parameter is missing and it is not optional.")]
    [InlineData("backup-type=vm&backup-id=100&keep-last=0", "parameter verification failed - 'keep-last': value must have a minimum value of 1 (got 0)")]
    public async Task Refusals_have_PBS_words(string query, string refusal)
    {
        await MakeAsync();
        Assert.Equal((400, refusal), await bed.PostAsync("prune", query));
        Assert.Empty(await bed.EventsAsync("TaskStarted/1"));
    }

    [Fact]
    public async Task Rights_are_the_owners_or_full_ones()
    {
        await MakeAsync();
        const string group = "backup-type=vm&backup-id=100&keep-last=1&dry-run=1";
        Assert.Equal((403, "permission check failed - missing Datastore.Modify|Datastore.Prune on /datastore/main"),
            await bed.PostAsync("prune", group, Nobody));
        Assert.Equal((400, "backup owner check failed (power@pbs != tester@pbs)"), await bed.PostAsync("prune", group, Power));
        Assert.Equal((400, "missing permissions 'Datastore.Modify|Datastore.Prune' on '/datastore/main'"),
            await bed.PostAsync("prune-datastore", "keep-last=1", Nobody));

        // Whoever may prune their own groups only, prunes no other.
        var (status, text) = await bed.PostAsync("prune-datastore", "keep-last=1", Power);
        Assert.Equal(200, status);
        await bed.IdleAsync();
        Assert.Contains("prune:main\\\\x3a:power@pbs:", text, StringComparison.Ordinal);
        Assert.Equal([T + 3600], bed.Times("host/owned"));
        Assert.Equal([T, T + 3600, T + 90_000], bed.Times("vm/100"));
    }

    [Fact]
    public async Task A_real_prune_is_one_decision_with_every_reason_and_its_removals_follow()
    {
        await MakeAsync();
        var (status, text) = await bed.PostAsync("prune", "backup-type=vm&backup-id=100&keep-last=1");
        Assert.Equal(200, status);
        Assert.Contains("\"backup-time\":1700003600,\"backup-type\":\"vm\",\"keep\":false", text, StringComparison.Ordinal);
        Assert.Equal([T, T + 90_000], bed.Times("vm/100"));
        Assert.Equal([T, T + 90_000], bed.OnDisk("vm/100"));

        var decided = Assert.Single(await bed.EventsAsync("PruneDecided/1"));
        var forgotten = Assert.Single(await bed.EventsAsync("SnapshotForgotten/1"));
        var finished = Assert.Single(await bed.EventsAsync("PruneFinished/1"));
        Assert.True(decided.Position < forgotten.Position && forgotten.Position < finished.Position);
        Assert.Equal(("admin@pbs", "192.0.2.1"), (decided.Metadata.Actor, decided.Metadata.Source));
        Assert.Equal(decided.Metadata, forgotten.Metadata);
        var data = Event.Read<PruneDecided>(decided);
        Assert.Equal((decided.Metadata.Cause, 1, true, 1L), (data.Decision, data.Part, data.IsLast, data.Policy.KeepLast));
        Assert.Equal([(T, true, "protected"), (T + 3600, false, "beyond keep-last 1"), (T + 90_000, true, "keep-last 1 of 1")],
            Assert.Single(data.Groups).Snapshots.Select(one => (one.BackupTime, one.Keep, one.Reason)));
        Assert.Equal(new PruneFinished(data.Decision, "main", 1, 0, null), Event.Read<PruneFinished>(finished));
        Assert.Empty(bed.Folds.Prunes.State.Open);

        // Nothing to remove: nothing is decided.
        await bed.PostAsync("prune", "backup-type=vm&backup-id=100&keep-last=1");
        Assert.Single(await bed.EventsAsync("PruneDecided/1"));
    }

    [Fact]
    public async Task The_log_reads_as_PBS_writes_it()
    {
        await MakeAsync();
        var (_, log) = await bed.RunAsync(new PruneScope("main", "a", 1), new RetentionPolicy(KeepLast: 1), dryRun: true);
        Assert.Equal(
        [
            "Starting datastore prune on datastore 'main', namespace 'a', to depth 1", "(dry test run)",
            "retention options: --ns a --max-depth 1 --keep-last 1", "Pruning group a/c1:\"ct/7\"",
            "would remove ct/7/2023-11-14T22:13:20Z (beyond keep-last 1)", "would keep ct/7/2023-11-14T23:13:20Z (keep-last 1 of 1)", "TASK OK",
        ], log);
        (_, log) = await bed.RunAsync(new PruneScope("main", "", null, "vm", "100"), new RetentionPolicy(KeepLast: 5));
        Assert.Equal(
        [
            "retention options: --keep-last 5", "Starting prune on datastore 'main', root namespace group \"vm/100\"",
            "vm/100/2023-11-14T22:13:20Z keep protected (protected)", "vm/100/2023-11-14T23:13:20Z keep (keep-last 2 of 5)",
            "vm/100/2023-11-15T23:13:20Z keep (keep-last 1 of 5)", "TASK OK",
        ], log);
        (_, log) = await bed.RunAsync(new PruneScope("main"), new RetentionPolicy(), dryRun: true);
        Assert.Contains("Starting datastore prune on datastore 'main', root namespace, down to full depth", log);
        Assert.Contains("No prune selection - keeping all files.", log);
        Assert.Contains("Pruning group a/c1:\"ct/7\"", log);
    }

    [Fact]
    public async Task Depth_limits_how_far_down_it_goes()
    {
        await MakeAsync();
        await bed.RunAsync(new PruneScope("main", MaxDepth: 1), new RetentionPolicy(KeepLast: 1));
        Assert.Equal([T, T + 3600], bed.Times("ct/7", "a/c1"));
        Assert.Equal([T + 3600], bed.Times("host/owned"));
        await bed.RunAsync(new PruneScope("main"), new RetentionPolicy(KeepLast: 1));
        Assert.Equal([T + 3600], bed.Times("ct/7", "a/c1"));
    }

    [Fact]
    public async Task What_is_in_use_stays_with_a_warning_and_an_unfinished_folder_counts_as_such()
    {
        await MakeAsync();
        bed.Main.Bytes.CreateSnapshot(BackupNamespace.Root, Key("vm/100").At(T + 5000));
        bed.Main.Bytes.CreateSnapshot(BackupNamespace.Root, Key("vm/100").At(T + 200_000));
        await bed.Parts.Reconciliation.ReconcileStoreAsync(bed.Main);
        using var reading = bed.Parts.Leases.TryShare(Key("vm/100"), T + 3600)!;
        var (task, log) = await bed.RunAsync(new PruneScope("main", "", null, "vm", "100"), new RetentionPolicy(KeepLast: 1));
        Assert.Equal(1, task.Warnings);
        Assert.Contains("warning: failed to remove vm/100/2023-11-14T23:13:20Z: it is in use", log);
        Assert.Contains("vm/100/2023-11-17T05:46:40Z keep partial (not finished, and the newest)", log);
        Assert.Equal("TASK WARNINGS: 1", log[^1]);
        Assert.Equal([T, T + 3600, T + 90_000, T + 200_000], bed.OnDisk("vm/100"));
    }

    [Fact]
    public async Task Counting_by_receive_time_a_client_cannot_flood_real_snapshots_out()
    {
        // Ten real days, then one night in which a client makes up thirty days to come.
        var events = new List<NewEvent>();
        void Backup(long time, long receivedAt)
        {
            events.Add(Of(new BackupStarted("main", "", "vm", "1", time, "tester@pbs", "u", null, false), receivedAt * 1_000_000));
            events.Add(Of(new BackupFinished("main", "", "vm", "1", time, Content, 0, 0, 0, 0), receivedAt * 1_000_000));
        }

        for (var day = 0; day < 10; day++)
        {
            Backup(T + (day * Day), T + (day * Day) + 60);
        }

        for (var made = 1; made <= 30; made++)
        {
            Backup(T + ((9 + made) * Day), T + (9 * Day) + 3600 + made);
        }

        await bed.Ledger.AppendAsync(new Append(Key("vm/1").Stream, ExpectedVersion.Any, events));
        var (scope, policy) = (new PruneScope("main", "", null, "vm", "1"), new RetentionPolicy(KeepDaily: 7));
        long[] Kept() => [.. bed.Parts.Pruning.Plan(scope, policy)[0].Verdicts.Where(one => one.Keep).Select(one => (one.BackupTime - T) / Day)];
        Assert.Equal([33L, 34, 35, 36, 37, 38, 39], Kept());
        await bed.Ledger.AppendAsync(new Append("datastore:main", ExpectedVersion.Any,
            [Of(new DatastoreOptionsSet("main", new SortedDictionary<string, string> { [StoreOption.PruneByReceiveTime] = "true" }, []))]));
        Assert.Equal([3L, 4, 5, 6, 7, 8, 39], Kept());
    }

    [Fact]
    public async Task A_backup_time_far_in_the_future_is_an_event()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        await bed.AddAsync("vm/7", "", "tester@pbs", now - 10, now + 3000, now + 90_000);
        var told = Event.Read<BackupTimeInFuture>(Assert.Single(await bed.EventsAsync("BackupTimeInFuture/1")));
        Assert.Equal(now + 90_000, told.BackupTime);
        Assert.InRange(told.AheadSeconds, 89_000, 90_000);
        Assert.Equal(3, bed.Times("vm/7").Count());

        // And an alarm, until the snapshot goes.
        var alarm = Assert.Single(bed.Folds.Alarms.State.Raised.Values);
        Assert.Equal(("backup-time-in-future", $"main::vm/7/{GroupKey.TimeText(now + 90_000)}"), (alarm.Kind, alarm.Subject));
        await bed.Parts.Forgetting.RunAsync([(Key("vm/7"), now + 90_000)], EventMetadata.System);
        Assert.Empty(bed.Folds.Alarms.State.Raised);
    }

    private static readonly SnapshotContent Content = new([new SnapshotFile("index.json.blob", "none", 100, null)], null, null, null, null, false);

    /// <summary>The groups of the recordings, as far as they matter.</summary>
    private async Task MakeAsync()
    {
        await bed.AddAsync("vm/100", "", "tester@pbs", T, T + 3600, T + 90_000);
        bed.Main.Bytes.OpenSnapshot(BackupNamespace.Root, Key("vm/100").At(T)).SetProtected(true);
        var state = bed.Folds.Snapshots.State.Find(Key("vm/100"))!.Snapshots[T];
        await bed.Ledger.AppendAsync(new Append(Key("vm/100").Stream, ExpectedVersion.Any,
            [Of(new SnapshotDiscovered("main", "", "vm", "100", T, "tester@pbs", state.Content with { Protected = true }, "protected"))]));
        await bed.AddAsync("host/owned", "", "power@pbs", T, T + 3600);
        await bed.AddAsync("ct/7", "a/c1", "tester@pbs", T, T + 3600);
    }
}
