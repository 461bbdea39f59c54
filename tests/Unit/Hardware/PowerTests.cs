// Power by schedules of readings in virtual seconds: what is told when, when the machine stops and when not; and ordered stops on the appliance's own parts.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Power;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Power;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class PowerTests
{
    /// <summary>A schedule that is played: one reading a second.</summary>
    private sealed class Played(PowerPolicy? policy = null)
    {
        private readonly PowerFold fold = new();
        private PowerMemory memory = PowerMemory.None;
        private long nowS = 1000;
        private long position;

        public PowerState State { get; private set; } = PowerState.Unknown;

        public List<string> Told { get; } = [];

        public List<string> Stops { get; } = [];

        public int Undone { get; private set; }

        /// <summary>Another process: what is remembered is gone, what was told is not.</summary>
        public void StartAnew() => memory = PowerMemory.None;

        /// <param name="status">Tokens; null = no answer.</param>
        public Played For(int seconds, string? status, int? runtimeS = 3600)
        {
            for (var i = 0; i < seconds; i++, nowS++)
            {
                var reading = status is null ? null : new UpsReading("ups", status.Split(' ').ToHashSet(), 90, runtimeS, 10, null, null, null, null);
                var verdict = PowerDecider.Decide(State, memory, reading, reading is null ? new UpsAwayException("UNREACHABLE", "gone") : null,
                    policy ?? PowerPolicy.Default, nowS, EventMetadata.System);
                memory = verdict.Memory;
                foreach (var one in verdict.Events)
                {
                    Told.Add(one.Type[..^2]);
                    State = fold.Apply(State, new RecordedEvent(++position, "power", position, one.Type, nowS * 1_000_000, one.Data, one.Metadata, default));
                }

                if (verdict.StopCause is { } cause && Stops.LastOrDefault() != cause)
                {
                    Stops.Add(cause);
                }

                Undone += verdict.UndoesStop ? 1 : 0;
            }

            return this;
        }
    }

    [Fact]
    public void A_cut_is_told_after_ten_seconds_and_its_end_too()
    {
        var played = new Played().For(5, "OL");
        Assert.Equal(["UpsReachable"], played.Told);
        played.For(9, "OB DISCHRG");
        Assert.Equal(["UpsReachable"], played.Told);
        played.For(5, "OB DISCHRG");
        Assert.Equal(["UpsReachable", "MainsLost"], played.Told);
        played.For(9, "OL CHRG");
        Assert.True(played.State.IsOnBattery);
        played.For(5, "OL CHRG");
        Assert.Equal(["UpsReachable", "MainsLost", "MainsBack"], played.Told);
        Assert.Empty(played.Stops);
    }

    [Fact]
    public void A_dip_is_no_story() => Assert.Equal(["UpsReachable"], new Played().For(5, "OL").For(8, "OB").For(60, "OL").Told);

    [Fact]
    public void On_battery_at_the_start_is_told_at_once() => Assert.Equal(["UpsReachable", "MainsLost"], new Played().For(1, "OB").Told);

    [Fact]
    public void A_low_battery_stops_the_machine_at_once()
    {
        var played = new Played().For(5, "OL").For(2, "OB LB");
        Assert.Equal(["UpsReachable", "MainsLost", "BatteryLow"], played.Told);
        Assert.Equal(["battery-low"], played.Stops);
    }

    [Fact]
    public void Time_to_empty_decides()
    {
        Assert.Empty(new Played().For(5, "OL").For(600, "OB", 301).Stops);
        Assert.Equal(["runtime-low"], new Played().For(5, "OL").For(30, "OB", 299).Stops);
        Assert.Empty(new Played().For(5, "OL").For(8, "OB", 10).For(5, "OL").Stops); // Not before the cut counts as one.
        Assert.Empty(new Played().For(600, "OL", 10).Stops); // On mains it is of no matter.
        Assert.Equal(["on-battery-too-long"], new Played(new PowerPolicy(0, 120)).For(5, "OL").For(121, "OB", null).Stops);
    }

    [Fact]
    public void A_ups_that_falls_silent_is_an_alarm_on_mains_and_a_stop_on_battery()
    {
        var mains = new Played().For(5, "OL").For(600, null);
        Assert.Equal(["UpsReachable", "UpsUnreachable"], mains.Told);
        Assert.Empty(mains.Stops);
        Assert.Equal(["UpsReachable", "UpsUnreachable", "UpsReachable"], mains.For(5, "OL").Told);
        Assert.Equal(["ups-lost-on-battery"], new Played().For(5, "OL").For(20, "OB").For(20, null).Stops);
        Assert.Empty(new Played().For(600, null).Stops); // Never seen: no UPS.

        // Up again after a power cut, the ledger still says battery, and the UPS takes its time: no reason to switch off again.
        var again = new Played().For(5, "OL").For(20, "OB LB");
        again.StartAnew();
        again.For(600, null);
        Assert.Equal(["battery-low"], again.Stops);
        again.For(15, "OL");
        Assert.False(again.State.IsOnBattery);
    }

    [Fact]
    public void A_hundred_flaps_stop_nothing_and_are_told_once()
    {
        var played = new Played().For(5, "OL");
        for (var i = 0; i < 100; i++)
        {
            played.For(12, "OB", 3000).For(12, "OL");
        }

        played.For(120, "OL");
        Assert.Empty(played.Stops);
        Assert.Equal(1, played.Told.Count(told => told == "MainsFlapping"));
        Assert.Equal(played.Told.Count(told => told == "MainsLost"), played.Told.Count(told => told == "MainsBack"));
        Assert.False(played.State.IsOnBattery);
        Assert.InRange(played.Told.Count, 4, 20);
    }

    [Fact]
    public void A_forced_stop_counts_only_on_battery()
    {
        Assert.Empty(new Played().For(60, "FSD OL").Stops);
        Assert.Equal(["forced-by-ups"], new Played().For(5, "OL").For(3, "FSD OB").Stops);
    }

    [Fact]
    public void A_worn_battery_is_told_once() =>
        Assert.Equal(["UpsReachable", "BatteryWorn", "BatteryReplaced"], new Played().For(30, "OL RB").For(30, "OL").Told);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void In_any_schedule_the_story_is_in_order(int seed)
    {
        var random = new Random(seed);
        for (var schedule = 0; schedule < 200; schedule++)
        {
            var played = new Played();
            for (var i = 0; i < 40; i++)
            {
                var status = random.Next(6) switch { 0 => null, 1 => "OB", 2 => "OB LB", 3 => "OL RB", _ => "OL" };
                played.For(random.Next(1, 40), status, random.Next(0, 2) == 0 ? 100 : 4000);
            }

            var lost = false;
            foreach (var told in played.Told)
            {
                Assert.False(told == "MainsLost" && lost);
                Assert.False(told == "MainsBack" && !lost);
                lost = told is "MainsLost" || (told is not "MainsBack" && lost);
            }

            // Every stop has a cut before it.
            Assert.False(played.Stops.Count > 0 && !played.Told.Contains("MainsLost") && played.Stops
                .Any(stop => stop != "ups-lost-on-battery" && stop != "forced-by-ups"));
        }
    }

    [Fact]
    public async Task An_ordered_stop_is_told_closes_the_door_and_switches_off()
    {
        await using var world = await HardwareWorld.MakeAsync();
        Assert.True(await world.Parts.Stop.RunAsync("shutdown", "battery-low", EventMetadata.System));
        Assert.Equal(["OrderedStopStarted", "OrderedStopCommitted"], await world.EventsAsync(0));
        Assert.Equal([new PowerOff(true)], world.PowerVerbs);
        Assert.Contains("switched off (battery-low)", world.Parts.Gate.ClosedBecause, StringComparison.Ordinal);
        Assert.False(await world.Parts.Stop.RunAsync("shutdown", "asked", EventMetadata.System)); // One is enough.
        Assert.False(await world.Parts.Stop.UndoAsync("too late"));
    }

    [Fact]
    public async Task A_task_that_runs_is_ended_before_and_none_is_begun()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var caller = new Holdfast.Features.Access.Caller("admin@pbs", "");
        var task = await world.Parts.Tasks.StartAsync("verify", "main", caller, async running => await Task.Delay(Timeout.Infinite, running.AbortToken));
        Assert.True(await world.Parts.Stop.RunAsync("reboot", "asked", new EventMetadata("admin@pbs", "", "", "")));
        await task.Ended;
        Assert.Equal([new Reboot()], world.PowerVerbs);
        await Assert.ThrowsAsync<Holdfast.Wire.ApiException>(() => world.Parts.Tasks.StartAsync("verify", "main", caller, _ => Task.CompletedTask));
    }

    [Fact]
    public async Task Mains_that_come_back_in_time_undo_it()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var caller = new Holdfast.Features.Access.Caller("admin@pbs", "");
        // A session that goes on while it may: the drain lasts as long as it.
        var session = await world.Parts.Tasks.StartAsync("backup", "main", caller, async running => await Task.Delay(Timeout.Infinite, running.AbortToken));
        var stopping = world.Parts.Stop.RunAsync("shutdown", "runtime-low", EventMetadata.System);
        while (world.Parts.Gate.ClosedBecause is null)
        {
            await Task.Delay(10);
        }

        Assert.True(await world.Parts.Stop.UndoAsync("the mains are back"));
        Assert.False(await stopping);
        Assert.Null(world.Parts.Gate.ClosedBecause);
        Assert.Null(world.Parts.Stop.Cause);
        Assert.Empty(world.PowerVerbs);
        Assert.False(session.Ended.IsCompleted);
        session.Abort();
        await session.Ended;
        Assert.Contains("OrderedStopUndone", await world.EventsAsync(0));
    }

    [Fact]
    public async Task What_an_earlier_process_or_configuration_left_is_put_right()
    {
        await using var world = await HardwareWorld.MakeAsync(hasUps: false);
        await world.Ledger.AppendAsync(new Append("power", ExpectedVersion.Any,
        [
            Event.Of(new UpsReachable("old", null, null, null), EventMetadata.System), Event.Of(new MainsLost("old", 4, 60, false), EventMetadata.System),
            Event.Of(new OrderedStopStarted("shutdown", "battery-low", 10), EventMetadata.System),
        ]));
        Assert.Contains("mains-lost", world.Alarms);
        await world.Parts.Power.LookAsync(default);
        await world.Parts.Power.LookAsync(default);
        Assert.Equal(["OrderedStopUndone", "UpsRemoved"], await world.EventsAsync(3));
        Assert.Empty(world.Alarms);
        Assert.Equal(PowerState.Unknown, world.Folds.Power.State);
    }

    [Fact]
    public async Task On_battery_no_dataset_rests_on_the_mains()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new Holdfast.Contracts.Pools.CreatePool("tank", "mirror", ["wwn-sda", "wwn-sdb"], [], [], [], []));
        await world.DoAsync(new Holdfast.Contracts.Pools.CreatePoolDataset("tank/main", 0));
        await world.Parts.Power.LookAsync(default);
        Assert.False(world.Parts.Power.HasUps); // Nobody named one, and none was ever seen.
        Assert.Equal("there is no UPS", world.Parts.Power.NotBridged());
        world.Ups.Code = "DATA-STALE"; // Somebody's driver has lost its device.
        await world.Parts.Power.LookAsync(default);
        Assert.Equal("the UPS does not answer", world.Parts.Power.NotBridged());
        world.Ups.Status = "OL";
        await world.Parts.Power.LookAsync(default);
        Assert.Null(world.Parts.Power.NotBridged());
        await world.DoAsync(new Holdfast.Contracts.Pools.SetDatasetSync("tank/main", "disabled"));
        await world.LookAsync();
        world.Ups.Status = "OB LB"; // Told at once.
        await world.Parts.Power.LookAsync(default);
        Assert.Equal("the UPS runs from its battery", world.Parts.Power.NotBridged());
        await world.LookAsync();
        Assert.Equal("standard", world.Parts.Pools.Last.Seen.Datasets.Single(dataset => dataset.Name == "tank/main").Sync);
        await world.Parts.Power.Stopping;
        Assert.Single(world.PowerVerbs);
    }

    [Fact]
    public async Task A_machine_that_cant_be_switched_off_is_not_asked_at_every_look()
    {
        await using var world = await HardwareWorld.MakeAsync();
        world.Agent.IsThere = false;
        world.Ups.Status = "OB LB";
        for (var i = 0; i < 5; i++)
        {
            await world.Parts.Power.LookAsync(default);
            await world.Parts.Power.Stopping;
        }

        world.Agent.IsThere = true;
        world.RefusesPower = true;
        await world.Parts.Power.LookAsync(default);
        await world.Parts.Power.Stopping;
        Assert.Equal(["UpsReachable", "MainsLost", "BatteryLow"], await world.EventsAsync(0));
    }

    [Fact]
    public async Task Without_an_agent_nothing_is_begun()
    {
        await using var world = await HardwareWorld.MakeAsync();
        world.Agent.IsThere = false;
        await Assert.ThrowsAsync<AgentAwayException>(() => world.Parts.Stop.RunAsync("shutdown", "asked", EventMetadata.System));
        Assert.Empty(await world.EventsAsync(0));
        Assert.Null(world.Parts.Gate.ClosedBecause);
    }
}
