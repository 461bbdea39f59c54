// The scheduler on virtual time: what is due runs once, what was missed runs once, nothing runs twice, backups are kept out of the way, and no power cut
// loses a run.
using System.Collections.Concurrent;
using Holdfast.Features.Access;
using Holdfast.Features.Audit;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Schedules;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class ScheduleTests
{
    private static readonly DateTimeOffset Monday = new(2027, 3, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_job_runs_when_it_is_due_and_not_again_until_it_is_due_again()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        await box.ToAsync(Monday.AddHours(1.99));
        Assert.Empty(box.Ran);
        await box.ToAsync(Monday.AddHours(3));
        Assert.Equal([Monday.AddHours(2)], box.Ran);
        await box.ToAsync(Monday.AddDays(3));
        Assert.Equal([Monday.AddHours(2), Monday.AddHours(26), Monday.AddHours(50)], box.Ran);
        var last = box.Folds.Jobs.State.Find("verify", "v1")!.LastRun!;
        Assert.Equal("OK", last.State);
    }

    [Fact]
    public async Task What_was_missed_while_the_box_was_off_runs_once_at_its_start()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        box.Clock.Set(Monday.AddDays(5).AddHours(12));
        await box.ToAsync(Monday.AddDays(5).AddHours(13));
        Assert.Single(box.Ran);
    }

    [Fact]
    public async Task A_job_that_runs_does_not_run_twice_and_a_disabled_one_never()
    {
        await using var box = await Box.StartAsync(Monday);
        box.Hold = new TaskCompletionSource();
        await box.AddJobAsync("v1", ("schedule", "*:0/10"));
        await box.AddJobAsync("v2", ("schedule", "*:0/10"), ("disable", "true"));
        await box.ToAsync(Monday.AddHours(2));
        Assert.Single(box.Dues);
        box.Hold.SetResult();
        await box.IdleAsync();
        await box.ToAsync(Monday.AddHours(2).AddMinutes(11));
        await box.IdleAsync();
        Assert.Equal(2, box.Dues.Count);
    }

    [Fact]
    public async Task A_new_schedule_has_missed_nothing()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        await box.ToAsync(Monday.AddHours(12));
        Assert.Single(box.Ran);
        await box.Recorder.NoteAsync("job:verify:v1", new JobOptionsSet("verify", "v1", new() { ["schedule"] = "06:00" }, []), EventMetadata.System);
        await box.ToAsync(Monday.AddHours(20));
        Assert.Single(box.Ran);
        await box.ToAsync(Monday.AddHours(31));
        Assert.Equal(Monday.AddHours(30), box.Ran[^1]);
    }

    [Fact]
    public async Task A_job_waits_for_usual_backup_hours_to_end_but_not_for_ever()
    {
        await using var box = await Box.StartAsync(Monday.AddDays(-7));
        for (var day = -6; day <= 0; day++)
        {
            await box.BackupAsync(Monday.AddDays(day).AddHours(1), TimeSpan.FromMinutes(150)); // hours 1, 2 and 3
        }

        box.Clock.Set(Monday.AddHours(5));
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        await box.AddJobAsync("v2", ("schedule", "02:00"), (Job.IgnoreBackupWindow, "true"));
        await box.ToAsync(Monday.AddDays(1).AddHours(3).AddMinutes(59));
        Assert.Equal([Monday.AddDays(1).AddHours(2)], box.Ran); // only the one that does not care
        await box.ToAsync(Monday.AddDays(1).AddHours(5));
        Assert.Equal(Monday.AddDays(1).AddHours(4), box.Ran[^1]);

        // A store that is backed up around the clock is looked after all the same.
        for (var hour = 0; hour < 24 * 5; hour++)
        {
            await box.BackupAsync(Monday.AddDays(2).AddHours(hour), TimeSpan.FromMinutes(59));
        }

        box.Clock.Set(Monday.AddDays(7).AddHours(1));
        box.Ran.Clear();
        await box.AddJobAsync("v3", ("schedule", "mon 02:00"));
        await box.ToAsync(Monday.AddDays(7).AddHours(9));
        Assert.Contains(Monday.AddDays(7).AddHours(2) + Scheduler.WaitMax, box.Ran);
    }

    [Fact]
    public async Task Garbage_is_collected_by_the_calendar_or_once_pruning_has_removed_something()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.Recorder.NoteAsync("datastore:main", new DatastoreCreated("main", "main", null), EventMetadata.System);
        await SetAsync("05:00");
        await box.ToAsync(Monday.AddDays(2));
        Assert.Equal([Monday.AddHours(5), Monday.AddHours(29)], box.Collected);

        await SetAsync(CollectionSchedule.AfterPrune);
        await box.ToAsync(Monday.AddDays(4));
        Assert.Equal(2, box.Collected.Count);
        foreach (var time in (long[])[1, 2, 3])
        {
            await box.Recorder.NoteAsync("group:main::vm/1", new SnapshotForgotten("main", "", "vm", "1", time), EventMetadata.System);
        }

        await box.ToAsync(Monday.AddDays(4).AddHours(2));
        Assert.Equal(3, box.Collected.Count);
        Assert.True(box.Collected[^1] <= Monday.AddDays(4).AddMinutes(1), "it waited without a reason");

        Task SetAsync(string schedule) => box.Recorder.NoteAsync(
            "datastore:main", new DatastoreOptionsSet("main", new() { [StoreOption.GcSchedule] = schedule }, []), EventMetadata.System);
    }

    [Fact]
    public async Task A_date_that_was_wrong_by_years_stops_no_job_once_it_is_right()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.Recorder.NoteAsync("datastore:main", new DatastoreCreated("main", "main", null), EventMetadata.System);
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        await box.Recorder.NoteAsync(
            "datastore:main", new DatastoreOptionsSet("main", new() { [StoreOption.GcSchedule] = "03:00" }, []), EventMetadata.System);
        box.Clock.Set(Monday.AddYears(9));
        await box.ToAsync(Monday.AddYears(9).AddHours(1));
        Assert.Equal((1, 1), (box.Ran.Count, box.Collected.Count));
        await box.AddJobAsync("v2", ("schedule", "04:00"));

        box.Clock.Set(Monday.AddDays(1));
        await box.ToAsync(Monday.AddDays(2));
        Assert.Equal([Monday.AddDays(1).AddHours(2), Monday.AddDays(1).AddHours(4)], box.Ran[1..]);
        Assert.Equal([Monday.AddDays(1).AddHours(3)], box.Collected[1..]);
    }

    [Fact]
    public async Task With_the_ledger_away_nothing_is_begun_and_what_is_due_stays_due()
    {
        await using var box = await Box.StartAsync(Monday);
        await box.AddJobAsync("v1", ("schedule", "02:00"));
        box.Ledger.Interrupt();
        await box.ToAsync(Monday.AddHours(4));
        Assert.Empty(box.Ran);
        box.Ledger.Resume();
        await box.ToAsync(Monday.AddHours(4).AddMinutes(2));
        Assert.Single(box.Ran);
    }

    /// <summary>Random schedules, steps of the clock in both directions, and restarts at any moment: per due time at most one run, and after a quiet day
    /// with the box on, every enabled job has run.</summary>
    [Fact]
    public async Task Whatever_the_clock_and_the_power_do_no_job_runs_twice_for_one_due_time()
    {
        string[] schedules = ["hourly", "02:00", "*:0/30", "mon..fri 22:00", "daily UTC", "2:30"];
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var box = await Box.StartAsync(Monday);
            await box.AddJobAsync("v1", ("schedule", schedules[random.Next(schedules.Length)]));
            for (var step = 0; step < 12; step++)
            {
                switch (random.Next(4))
                {
                    case 0:
                        box.Clock.Set(box.Clock.GetUtcNow().AddMinutes(random.Next(-600, 3000)));
                        break;
                    case 1:
                        box = await box.RestartAsync();
                        break;
                    default:
                        await box.ToAsync(box.Clock.GetUtcNow().AddMinutes(random.Next(1, 300)));
                        break;
                }
            }

            await box.ToAsync(box.Clock.GetUtcNow().AddDays(4));
            var due = box.Dues;
            Assert.True(due.Count == due.Distinct().Count(), $"seed {seed}: a due time was served twice: {string.Join(", ", due)}");
            Assert.True(box.Ran.Count > 0, $"seed {seed}: nothing ran in four quiet days");
            Assert.All(await box.Folds.Set.RebuildAndCompareAsync(), fold => Assert.True(fold.IsEqual, fold.Name));
            await box.DisposeAsync();
        }
    }

    private sealed class ManualClock(DateTimeOffset now) : TimeProvider
    {
        private DateTimeOffset now = now;

        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => now;

        public void Set(DateTimeOffset instant) => now = instant;
    }

    private sealed class RecordingKind(Box box) : JobKind
    {
        public override string Name => "verify";

        public override string Noun => "verification";

        public override string WorkerType => "verificationjob";

        public override Privileges ToSee => Privileges.DatastoreAudit;

        public override Privileges ToChange => Privileges.DatastoreVerify;

        public override IReadOnlyList<Parameter> Options => [PbsSchema.Store(), Schedule.AsOptional()];

        public override string WorkerId(Job job) => job.Store + ":" + job.Id;

        public override async Task RunAsync(RunningTask task, Job job)
        {
            box.Ran.Add(box.Clock.GetUtcNow());
            await (box.Hold?.Task ?? Task.CompletedTask);
        }
    }

    private sealed class Box : IAsyncDisposable
    {
        private readonly DeferredAppends deferred;
        private readonly TaskRunner tasks;
        private readonly Scheduler scheduler;

        private Box(MemoryLedger ledger, ManualClock clock, Folds folds, uint pid)
        {
            (Ledger, Clock, Folds) = (ledger, clock, folds);
            deferred = new DeferredAppends(ledger, clock);
            Recorder = new Recorder(ledger, deferred, clock);
            tasks = new TaskRunner(new TaskIds("box", pid, pid, clock), new TaskLogs(new SimulatedVolume(), clock), Recorder, NullLogger.Instance);
            scheduler = new Scheduler(
                new ScheduleFacts(() => Folds.Jobs.State, () => Folds.Datastores.State, () => Folds.BackupWindows.State),
                new JobRuns([new RecordingKind(this)], tasks, clock),
                new CollectionSchedule(() => Folds.Jobs.State, () => Folds.Datastores.State, clock), (_, _) =>
                {
                    Collected.Add(Clock.GetUtcNow());
                    return Task.CompletedTask;
                }, tasks, ledger, clock, NullLogger.Instance);
        }

        public MemoryLedger Ledger { get; }

        public ManualClock Clock { get; }

        public Folds Folds { get; }

        public Recorder Recorder { get; }

        public List<DateTimeOffset> Ran { get; private init; } = [];

        public List<DateTimeOffset> Collected { get; } = [];

        public TaskCompletionSource? Hold { get; set; }

        /// <summary>Due times that runs were started for.</summary>
        public List<long> Dues
        {
            get
            {
                var dues = new ConcurrentQueue<long>();
                LedgerReading.EachAsync(Ledger, 1, long.MaxValue, recorded =>
                {
                    if (recorded.Type == "JobRunStarted/1" && Event.Read<JobRunStarted>(recorded).DueS is { } due)
                    {
                        dues.Enqueue(due);
                    }
                }).GetAwaiter().GetResult();
                return [.. dues];
            }
        }

        public static async Task<Box> StartAsync(DateTimeOffset now)
        {
            var clock = new ManualClock(now);
            return await StartAsync(new MemoryLedger(clock), clock, 1, []);
        }

        public async Task<Box> RestartAsync()
        {
            var pid = (uint)Ledger.Head.Position + 2;
            return await StartAsync(Ledger, Clock, pid, Ran);
        }

        public Task AddJobAsync(string id, params (string Name, string Value)[] options)
        {
            var all = new SortedDictionary<string, string>(options.ToDictionary(option => option.Name, option => option.Value)) { ["store"] = "main" };
            return Recorder.NoteAsync("job:verify:" + id, new JobCreated("verify", id, all), EventMetadata.System);
        }

        public Task BackupAsync(DateTimeOffset start, TimeSpan took)
        {
            Clock.Set(start + took);
            var content = new SnapshotContent([], null, null, null, null, false);
            return Recorder.NoteAsync("group:main::vm/1", new BackupFinished(
                "main", "", "vm", "1", start.ToUnixTimeSeconds(), content, 0, 0, 0, (long)took.TotalMilliseconds), EventMetadata.System);
        }

        /// <summary>Minute after minute, as the loop does.</summary>
        public async Task ToAsync(DateTimeOffset until)
        {
            var at = Clock.GetUtcNow();
            for (at = at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMinute)); at <= until; at = at.AddMinutes(1))
            {
                Clock.Set(at > Clock.GetUtcNow() ? at : Clock.GetUtcNow());
                await scheduler.TickAsync();
                if (Hold is null)
                {
                    await IdleAsync();
                }
            }
        }

        public async Task IdleAsync()
        {
            foreach (var task in tasks.Running)
            {
                await task.Ended;
            }
        }

        public async ValueTask DisposeAsync()
        {
            Hold?.TrySetResult();
            await scheduler.DisposeAsync();
            await tasks.DisposeAsync();
            await deferred.DisposeAsync();
            await Folds.Set.DisposeAsync();
        }

        private static async Task<Box> StartAsync(MemoryLedger ledger, ManualClock clock, uint pid, List<DateTimeOffset> ran)
        {
            var folds = new Folds(ledger, null, clock, _ => { });
            await folds.Set.StartAsync();
            var box = new Box(ledger, clock, folds, pid) { Ran = ran };
            await box.tasks.CloseInterruptedAsync(folds.Tasks.State);
            return box;
        }
    }
}
