// The panel as the appliance sees it: what it shows for what is known, that green is never a lie, what a press does, and what a test of the hardware changes
// of that.
using System.Collections.Immutable;
using Holdfast.Contracts.Panel;
using Holdfast.Features.Alarms;
using Holdfast.Features.Disks;
using Holdfast.Features.Events;
using Holdfast.Features.Panel;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Sensors;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class PanelTests
{
    private static readonly PanelInputs Quiet = new(AlarmsState.Empty, PowerState.Unknown, PoolsState.Empty, DisksState.Empty, TasksState.Empty,
        SensorsState.Unknown, 7);

    private static PanelInputs With(params string[] kinds) => Quiet with
    {
        Alarms = new AlarmsState(kinds.Select((kind, i) => new Alarm(i + 1, kind, "s", "text of it", 0)).ToImmutableSortedDictionary(alarm => alarm.Id,
            alarm => alarm)),
    };

    private static Indicator Light(PanelInputs inputs, string name) => PanelView.Of(inputs).Single(shown => shown.Indicator.Name == name).Indicator;

    [Fact]
    public void Green_health_has_reasons_and_no_alarm_against_it()
    {
        Assert.Equal(("green", "solid"), (Light(Quiet, "health").Color, Light(Quiet, "health").Pattern));
        Assert.Contains(PanelView.Of(Quiet).Single(shown => shown.Indicator.Name == "health").Why, fact => fact.Position == 7);
        foreach (var kind in AlarmKinds.All.Values)
        {
            var health = Light(With(kind.Name), "health");
            Assert.Equal(kind.Severity == AlarmSeverity.Critical ? "red" : "amber", health.Color);
            Assert.Equal("amber", Light(With(kind.Name), "attention").Color);
            Assert.Contains(PanelView.Of(With(kind.Name)).Single(shown => shown.Indicator.Name == "health").Why, fact => fact.Position == 1);
        }
    }

    [Fact]
    public async Task An_alarm_that_was_put_away_is_no_cure()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(new Holdfast.Contracts.Pools.CreatePool("tank", "raidz2", ["wwn-sda", "wwn-sdb", "wwn-sdc", "wwn-sdd"], [], [], [], []));
        await world.LookAsync();
        world.Machine.SetThere("/dev/sda", false);
        await world.LookAsync();
        foreach (var alarm in world.Folds.Alarms.State.Raised.Keys)
        {
            await world.Ledger.AppendAsync(new Append("alarms", ExpectedVersion.Any, [Event.Of(new AlarmAcknowledged(alarm), EventMetadata.System)]));
        }

        Assert.Empty(world.Alarms);
        Assert.Equal(("red", "pool 'tank' is DEGRADED"), (Light(world.Parts.Panel.Now(), "health").Color, Light(world.Parts.Panel.Now(), "health").Text));
    }

    [Fact]
    public void Every_light_of_every_state_has_a_reason_a_pattern_and_words()
    {
        var random = new Random(1);
        var kinds = AlarmKinds.All.Keys.ToList();
        for (var i = 0; i < 2000; i++)
        {
            var inputs = With([.. Enumerable.Range(0, random.Next(4)).Select(_ => kinds[random.Next(kinds.Count)])]) with
            {
                Power = new PowerState(random.Next(2) == 0 ? null : "ups", random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0,
                    false, 0,
                    random.Next(5) == 0 ? "asked" : null, 0),
                Disks = new(DisksState.Empty.Disks.Add("d", new KnownDisk("d", null, null, new[] { "well", "worn", "failing" }[random.Next(3)], [], -1))),
                Pools = new(PoolsState.Empty.Pools.Add("p", new KnownPool("p", "1", "ONLINE", ImmutableSortedDictionary<string, KnownPoolDisk>.Empty.Add(
                    "2", new("/dev/disk/by-id/d-part1", "2", new[] { "ONLINE", "FAULTED" }[random.Next(2)], 0)), random.Next(2) == 0 ? "RESILVER" : null, 0,
                        0, 0, 0))),
            };
            foreach (var shown in PanelView.Of(inputs))
            {
                Assert.NotEmpty(shown.Why);
                Assert.NotEmpty(shown.Indicator.Text);
                Assert.True(BlinkPattern.All.ContainsKey(shown.Indicator.Pattern));
                Assert.False(shown.Indicator is { Name: "health", Color: "green" } && (inputs.Alarms.Raised.Count > 0 || inputs.Power.IsOnBattery
                    || inputs.Disks.Disks["d"].Verdict != "well"));
            }

            var picture = PanelView.PictureOf(inputs, random.Next(20));
            Assert.All(picture.Lines, line => Assert.True(line.Length <= 20 && line.All(c => c is >= ' ' and <= '~')));
            Assert.InRange(picture.Lines.Count, 1, Picture.LinesMax);
        }
    }

    [Fact]
    public void Places_of_disks_show_what_the_pool_and_the_disk_say()
    {
        PanelInputs Of(string verdict, string state, string? scanning) => Quiet with
        {
            Disks = new(DisksState.Empty.Disks.Add("wwn-1", new KnownDisk("wwn-1", null, null, verdict, [], -1))),
            Pools = new(PoolsState.Empty.Pools.Add("p", new KnownPool("p", "1", "ONLINE", ImmutableSortedDictionary<string, KnownPoolDisk>.Empty.Add(
                "2", new("/dev/disk/by-id/wwn-1-part1", "2", state, 0)), scanning, 0, 0, 0, 0))),
        };
        Assert.Equal(("green", "solid"), Shown(Of("well", "ONLINE", null)));
        Assert.Equal(("off", "off"), Shown(Of("unknown", "ONLINE", null))); // Nothing known is not well.
        Assert.Equal(("amber", "solid"), Shown(Of("well", "FAULTED", null)));
        Assert.Equal(("amber", "predicted"), Shown(Of("failing", "ONLINE", null)));
        Assert.Equal(("amber", "rebuild"), Shown(Of("well", "ONLINE", "RESILVER")));

        static (string, string) Shown(PanelInputs inputs) => (Light(inputs, "disk1").Color, Light(inputs, "disk1").Pattern);
    }

    [Fact]
    public async Task What_it_showed_then_is_what_it_shows_of_then()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.LookAsync();
        await world.DoAsync(new Holdfast.Contracts.Pools.CreatePool("tank", "raidz2", ["wwn-sda", "wwn-sdb", "wwn-sdc", "wwn-sdd"], [], [], [], []));
        await world.LookAsync();
        var before = DateTimeOffset.UtcNow;
        await Task.Delay(20);
        world.Machine.SetThere("/dev/sda", false);
        await world.LookAsync();
        Assert.Equal("red", Light(world.Parts.Panel.Now(), "health").Color);
        Assert.Equal("green", Light(await world.Parts.Panel.AtAsync(before, default), "health").Color);
        Assert.True(PanelView.PictureOf(world.Parts.Panel.Now(), 0).Sounds);
    }

    [Fact]
    public async Task Presses_page_ask_and_stop()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.Parts.Panel.PressedAsync("short");
        await world.Parts.Panel.PressedAsync("long");
        Assert.Equal(["PairingWindowRequested"], await world.EventsAsync(0));
        await world.Parts.Panel.PressedAsync("held");
        Assert.Equal("button", world.Parts.Stop.Cause);
        Assert.Single(world.PowerVerbs);
    }

    [Fact]
    public async Task While_a_test_is_shown_presses_only_count_and_the_truth_comes_back_by_itself()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var (agent, clock) = (new ShownAgent(), new StoppedClock());
        await using var deferred = new DeferredAppends(world.Ledger, clock);
        var watch = new PanelWatch(agent, world.Folds, world.Parts.Stop, new Recorder(world.Ledger, deferred, clock),
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await watch.ShowAsync(default);
        var truth = Assert.Single(agent.Shown);
        var asked = new Picture([new("health", "red", "fast", "test")], ["TEST"], true);
        Assert.Equal((0, null), watch.Test(asked));
        await watch.ShowAsync(default);
        Assert.Same(asked, agent.Shown[^1]);
        await watch.PressedAsync("held");
        Assert.Null(world.Parts.Stop.Cause);
        Assert.Equal((1, "held"), watch.Test(asked));

        clock.Advance(PanelWatch.TestLasts);
        await watch.ShowAsync(default);
        Assert.Equal(truth.Indicators, agent.Shown[^1].Indicators);
        Assert.Equal((0, null), watch.Test(asked)); // Another test, another count.
        watch.EndTest();
        await watch.PressedAsync("long");
        Assert.Equal(["PairingWindowRequested"], await world.EventsAsync(0));
    }

    /// <summary>Remembers what it was to show.</summary>
    private sealed class ShownAgent : Holdfast.Features.Agent.IAgent
    {
        public List<Picture> Shown { get; } = [];

        public bool IsThere => true;

        public Task<Holdfast.Contracts.Agent.AgentAnswer> AskAsync(
            Holdfast.Contracts.Agent.AgentRequest request, TimeSpan within, CancellationToken cancel = default)
        {
            Shown.Add(((ShowPicture)request).Picture);
            return Task.FromResult<Holdfast.Contracts.Agent.AgentAnswer>(new Holdfast.Contracts.Agent.AgentDone());
        }

        public IAsyncEnumerable<Holdfast.Contracts.Agent.AgentAnswer> WatchAsync(
            Holdfast.Contracts.Agent.AgentRequest request, CancellationToken cancel) => throw new NotSupportedException();
    }
}
