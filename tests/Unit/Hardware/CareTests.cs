// What the box does for its own hardware by the calendar: scrubs that make way for backups, self-tests one disk of a pool after the other, and the jobs that
// a new pool gets. Time is the test's.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Pools;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Disks;
using Holdfast.Features.Events;
using Holdfast.Features.Pools;
using Holdfast.Features.Schedules;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Wire;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class CareTests
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 26, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_new_pool_gets_its_jobs_once_and_they_are_jobs_like_any_other()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var care = new DefaultCare(() => world.Folds.Jobs.State, world.Recorder);
        Assert.Equal(
            ["scrub job 'scrub-tank' (sun *-1..7 02:00)", "self-test job 'disks-short' (sat 04:00)", "self-test job 'disks-long' (sat *-15..21 05:00)"],
            await care.OfPoolAsync("tank", EventMetadata.System));
        Assert.Equal(["scrub job 'scrub-other' (sun *-1..7 02:00)"], await care.OfPoolAsync("other", EventMetadata.System));
        Assert.Empty(await care.OfPoolAsync("tank", EventMetadata.System));
        Assert.All(world.Folds.Jobs.State.Jobs.Values, job => Assert.NotNull(CalendarEvent.Parse(job.Schedule!, out _)));
        var next = CalendarEvent.Parse("sun *-1..7 02:00", out _)!.Next(clock.GetUtcNow().ToUnixTimeSeconds(), TimeZoneInfo.Utc);
        Assert.Equal(new DateTimeOffset(2026, 12, 6, 2, 0, 0, TimeSpan.Zero), DateTimeOffset.FromUnixTimeSeconds(next!.Value));
    }

    [Fact]
    public async Task A_scrub_makes_way_for_backups_and_goes_on_after_them()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new CreatePool("tank", "mirror", ["wwn-sda", "wwn-sdb"], [], [], [], []));
        var work = new PoolTasks(world.Parts.Acts, world.Parts.Pools, (_, _, _) => Task.CompletedTask,
            (_, _) => Task.FromResult<IReadOnlyList<string>>([]), clock);
        var backups = true;
        var task = await world.Parts.Tasks.StartAsync("zfs-scrub", "tank", new Caller(AccessState.Root, ""),
            running => work.ScrubAsync(running, "tank", () => backups));
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: true });
        backups = false;
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: false });
        backups = true;
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: true });

        // Backups that never end don't put it off for ever.
        clock.Advance(PoolTasks.PausedMax);
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: false });
        world.Machine.FinishScans();
        await UntilAsync(world, _ => task.Ended.IsCompleted);
        Assert.Equal("OK", await world.EndOfAsync(task));
    }

    [Fact]
    public async Task A_task_that_is_stopped_leaves_no_scrub_paused()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new CreatePool("tank", "mirror", ["wwn-sda", "wwn-sdb"], [], [], [], []));
        var work = new PoolTasks(world.Parts.Acts, world.Parts.Pools, (_, _, _) => Task.CompletedTask,
            (_, _) => Task.FromResult<IReadOnlyList<string>>([]), clock);
        var task = await world.Parts.Tasks.StartAsync("zfs-scrub", "tank", new Caller(AccessState.Root, ""),
            running => work.ScrubAsync(running, "tank", () => true));
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: true });
        task.Abort();
        await task.Ended.WaitAsync(TimeSpan.FromSeconds(30));
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: false });
    }

    [Fact]
    public async Task A_scrub_that_a_crash_left_paused_is_gone_on_with()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new CreatePool("tank", "mirror", ["wwn-sda", "wwn-sdb"], [], [], [], []));
        const string Upid = "UPID:box:00000001:00000001:00000001:66000000:zfs-scrub:tank:root@pam:";
        await world.Recorder.NoteAsync(
            "job:scrub:care", new JobCreated("scrub", "care", new() { ["pool"] = "tank", ["schedule"] = "yearly" }), EventMetadata.System);
        await world.Recorder.NoteAsync("task:" + Upid, new TaskStarted(Upid, null, null), EventMetadata.System);
        await world.Recorder.NoteAsync("task:" + Upid, new JobRunStarted("scrub", "care", Upid, null), EventMetadata.System);
        await world.DoAsync(new ScrubPool("tank", "start"));
        await using var scheduler = world.Parts.MakeScheduler();
        await world.LookAsync();
        await world.Parts.Tasks.CloseInterruptedAsync(world.Folds.Tasks.State);
        await scheduler.TickAsync();
        Assert.Equal(Upid, world.Folds.Jobs.State.Find("scrub", "care")!.LastRun!.Upid); // It runs: ZFS goes on with it by itself.

        await world.DoAsync(new ScrubPool("tank", "pause"));
        await world.LookAsync();
        await scheduler.TickAsync();
        Assert.NotEqual(Upid, world.Folds.Jobs.State.Find("scrub", "care")!.LastRun!.Upid);
        await UntilAsync(world, scan => scan is { IsRunning: true, IsPaused: false });
        world.Machine.FinishScans();
        Assert.Equal("OK", await world.EndOfAsync(world.Parts.Tasks.Running.Single()));
    }

    [Fact]
    public async Task A_scrub_waits_for_a_resilver()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new CreatePool("tank", "mirror", ["wwn-sda", "wwn-sdb"], [], [], [], []));
        await world.LookAsync();
        var old = world.Parts.Pools.Last.Seen.Pools.Single().Vdevs.First(vdev => vdev.IsDisk);
        await world.DoAsync(new ReplacePoolDisk("tank", old.Guid, "wwn-sdc"));
        var work = new PoolTasks(world.Parts.Acts, world.Parts.Pools, (_, _, _) => Task.CompletedTask,
            (_, _) => Task.FromResult<IReadOnlyList<string>>([]), clock);
        var task = await world.Parts.Tasks.StartAsync("zfs-scrub", "tank", new Caller(AccessState.Root, ""), running => work.ScrubAsync(running, "tank"));
        await UntilAsync(world, scan => scan is { IsRunning: true, Function: "RESILVER" });
        Assert.False(task.Ended.IsCompleted);
        world.Machine.FinishScans();
        await UntilAsync(world, scan => scan is { IsRunning: true, Function: "SCRUB" });
        world.Machine.FinishScans();
        await UntilAsync(world, _ => task.Ended.IsCompleted);
        Assert.Equal("OK", await world.EndOfAsync(task));
    }

    [Fact]
    public async Task Disks_of_a_pool_test_themselves_one_after_the_other_and_what_fails_is_a_warning()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var disks = new TestedDisks("a", "b", "c") { Fails = "b" };
        var agent = new DirectAgent(disks.Verbs);
        var watch = new DiskWatch(agent, () => world.Folds.Disks.State, world.Recorder);
        await watch.LookAsync(default);
        var tests = new DiskTests(watch, new AgentActs(agent, world.Recorder), disk => disk.Id == "c" ? null : ("tank", false), clock);
        var task = await world.Parts.Tasks.StartAsync("smart-test", "disks-short", new Caller(AccessState.Root, ""),
            running => tests.RunAsync(running, "short"));
        for (var i = 0; i < 1000 && !task.Ended.IsCompleted; i++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(5);
        }

        Assert.Equal("WARNINGS: 1", await world.EndOfAsync(task));
        Assert.Equal(["a short", "b short", "c short"], disks.Asked.Order());
        Assert.False(disks.WereTogether, "two disks of a pool tested themselves at once");
        Assert.Equal("failing", world.Folds.Disks.State.Disks["b"].Verdict);
    }

    private async Task UntilAsync(HardwareWorld world, Func<PoolScan?, bool> holds)
    {
        for (var i = 0; i < 2000; i++)
        {
            if (holds((await world.Parts.Pools.LookAsync(default)).Seen.Pools.Single().Scan))
            {
                return;
            }

            clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(5);
        }

        throw new TimeoutException("it did not come about");
    }

    /// <summary>Disks whose tests take three looks.</summary>
    private sealed class TestedDisks(params string[] ids)
    {
        private readonly Dictionary<string, int> left = [];
        private readonly Dictionary<string, SmartSelfTest> done = [];
        private readonly Lock gate = new();

        public string? Fails { get; init; }

        public List<string> Asked { get; } = [];

        public bool WereTogether { get; private set; }

        public IReadOnlyList<AgentVerb> Verbs =>
        [
            AgentVerb.Of<ListDisks>((_, _) => Task.FromResult<AgentAnswer>(new DisksSeen(
                [.. ids.Select(id => new Disk(id, "/dev/" + id, 1L << 40, "M", id, null, true, "sata", "pool"))]))),
            AgentVerb.Of<ReadSmart>((asked, _) => Task.FromResult<AgentAnswer>(Read(asked.Disk))),
            AgentVerb.Of<TestDisk>((asked, _) => Task.FromResult<AgentAnswer>(Begin(asked))),
        ];

        private AgentDone Begin(TestDisk asked)
        {
            lock (gate)
            {
                Asked.Add($"{asked.Disk} {asked.Test}");
                left[asked.Disk] = 3;
                WereTogether |= left.GetValueOrDefault("a") > 0 && left.GetValueOrDefault("b") > 0;
                return new AgentDone();
            }
        }

        private SmartSeen Read(string id)
        {
            lock (gate)
            {
                if (left.TryGetValue(id, out var looks) && looks > 0 && (left[id] = looks - 1) == 0)
                {
                    done[id] = id == Fails ? new("Short offline", "Completed: read failure", false, 7)
                        : new("Short offline", "Completed without error", true, 7);
                }

                return new SmartSeen(SmartReport.Nothing(id, "") with
                {
                    Problem = null, SelfTestRemainingPercent = left.GetValueOrDefault(id) > 0 ? 50 : null, SelfTests = done.TryGetValue(id, out var test)
                        ? [test] : [],
                });
            }
        }
    }
}
