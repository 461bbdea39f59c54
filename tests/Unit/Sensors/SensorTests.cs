// The machine's sensors from files as the kernel has them to events, alarms and the panel's light: what lasts is told, noise is not. Time is the test's.
using Holdfast.Agent.Sensors;
using Holdfast.Contracts.Programs;
using Holdfast.Contracts.Sensors;
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

namespace Holdfast.Tests.Unit.Sensors;

public sealed class SensorTests : IDisposable
{
    private const string Good = "C0A80101,ntp.example,3,1795651200.1,0.000012,0.000003,0.00001,-1.2,0.001,0.02,0.01,0.001,64.2,Normal\n";
    private readonly string root = Directory.CreateTempSubdirectory("holdfast-sensors-").FullName;
    private readonly SensorsFold fold = new();
    private readonly AlarmsFold alarmsFold = new();
    private SensorsState state = SensorsState.Unknown;
    private AlarmsState alarms = AlarmsState.Empty;
    private SensorMemory memory = SensorMemory.Nothing;
    private long aheadS;
    private long nowS = 1000;
    private long position;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task Files_of_the_kernel_are_read_as_they_are()
    {
        Put("proc/sys/kernel/random/boot_id", "6f2a\n");
        Put("sys/class/hwmon/hwmon0/name", "nvme\n");
        Put("sys/class/hwmon/hwmon0/temp1_input", "40000\n");
        Put("sys/class/hwmon/hwmon2/name", "coretemp\n");
        Put("sys/class/hwmon/hwmon2/temp1_input", "61500\n");
        Put("sys/class/hwmon/hwmon2/temp1_label", "Package id 0\n");
        Put("sys/class/hwmon/hwmon2/temp1_max", "80000\n");
        Put("sys/class/hwmon/hwmon2/temp1_crit", "100000\n");
        Put("sys/class/hwmon/hwmon3/name", "jc42\n");
        Put("sys/class/hwmon/hwmon3/temp1_input", "32000\n");
        Put("sys/class/hwmon/hwmon3/temp1_max", "0\n");
        Put("sys/class/hwmon/hwmon3/temp2_input", "nonsense\n");
        Put("sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count", "3\n");
        Put("sys/devices/system/edac/mc/mc0/dimm0/dimm_ue_count", "0\n");
        Put("sys/devices/system/edac/mc/mc0/dimm0/dimm_label", "DIMM_A1\n");
        Put("sys/class/net/lo/carrier", "1\n");
        Put("sys/class/net/eno1/carrier", "1\n");
        Put("sys/class/net/eno1/flags", "0x1003\n");
        Put("sys/class/net/eno1/speed", "10000\n");
        Put("sys/class/net/eno1/device/vendor", "0x8086\n");
        Put("sys/class/net/eno2/flags", "0x1002\n");
        Put("sys/class/net/eno2/speed", "-1\n");
        Put("sys/class/net/eno2/device/vendor", "0x8086\n");
        var seen = await new SystemSensors(new Chrony(Good), root).ReadAsync(default);
        Assert.Equal("6f2a", seen.BootId);
        Assert.Equal([new Temperature("coretemp/temp1", "Package id 0", 61.5, 80, 100), new Temperature("jc42/temp1", "jc42", 32, null, null)],
            seen.Temperatures);
        Assert.Equal([new MemoryModule("mc0/dimm0", "DIMM_A1", 3, 0)], seen.Memory);
        Assert.Equal([new NetworkLink("eno1", true, true, 10_000), new NetworkLink("eno2", false, false, null)], seen.Links);
        Assert.Equal(new ClockFacts(true, "ntp.example", 3, 0.000012), seen.Clock);
        var nothing = await new SystemSensors(new Chrony(null), root + "/none").ReadAsync(default);
        Assert.Equal((0, 0, 0), (nothing.Temperatures.Count, nothing.Memory.Count, nothing.Links.Count));
        Assert.Equal(new ClockFacts(false, null, 0, 0), nothing.Clock);
    }

    [Theory]
    [InlineData("7F7F0101,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised", false)]
    [InlineData("7F7F0101,,5,1795729332.339329587,0.000000000,0,0,0,0,0,0,0,1.0,Normal", false)]
    [InlineData("C0A80101,ntp.example,3,1.1,-0.5,0,0,0,0,0,0,0,64,Insert second", true)]
    public void Chrony_says_whether_it_follows_anything(string said, bool isSynchronised) =>
        Assert.Equal(isSynchronised, ChronyTracking.Parse(said).IsSynchronised);

    [Theory]
    [InlineData("")]
    [InlineData("506 Cannot talk to daemon")]
    [InlineData("C0A80101,a,x,1.1,0,0,0,0,0,0,0,0,64,Normal")]
    [InlineData("C0A80101,a,3,1.1,NaN,0,0,0,0,0,0,0,64,Normal")]
    public void What_chrony_never_says_is_refused(string said) => Assert.Throws<InvalidDataException>(() => ChronyTracking.Parse(said));

    [Fact]
    public void Heat_is_told_when_it_lasts_and_over_when_it_is_well_below()
    {
        Assert.Empty(Look(Hot(81)));
        Assert.Empty(Look(Hot(79)));
        Assert.Empty(Look(Hot(82)));
        Assert.Equal(["TemperatureHigh"], Look(Hot(83), SensorDecider.HotForS));
        Assert.Equal(["box-hot"], Kinds);
        Assert.Empty(Look(Hot(101)));
        Assert.Equal(["TemperatureHigh"], Look(Hot(101), SensorDecider.HotForS));
        Assert.Equal(["box-overheating"], Kinds);
        Assert.Empty(Look(Hot(78)));
        Assert.Equal(["box-overheating"], Kinds);
        Assert.Equal(["TemperatureNormal"], Look(Hot(74)));
        Assert.Empty(Kinds);
        Assert.Empty(Look(new Temperature("t", "no limits", 120, null, null), 1000));
    }

    [Fact]
    public void Corrected_errors_are_told_once_an_hour_and_uncorrected_ones_at_once()
    {
        Assert.Empty(Look(Memory(0, 0)));
        Assert.Equal(["MemoryErrorsFound"], Look(Memory(2, 0)));
        Assert.Equal(["memory-errors"], Kinds);
        Assert.Empty(Look(Memory(9, 0)));
        Assert.Equal(["MemoryErrorsFound"], Look(Memory(9, 1)));
        Assert.Equal(["memory-errors", "memory-uncorrected"], Kinds);
        Assert.Empty(Look(Memory(9, 1), 4000));
        Assert.Equal(["MemoryErrorsFound"], Look(Memory(10, 1)));
        Assert.Empty(Look(Memory(0, 0, "another start"), 4000));
        Assert.Equal(["MemoryErrorsFound"], Look(Memory(1, 0, "another start")));
    }

    [Fact]
    public void A_cable_that_is_out_is_told_and_a_port_that_was_never_used_is_not()
    {
        Assert.Empty(Look(Link(false)));
        Assert.Empty(Look(Link(false), 1000));
        Assert.Equal(["NetworkLinkFound"], Look(Link(true)));
        Assert.Equal(("network", "green"), Light());
        Assert.Empty(Look(Link(false)));
        Assert.Empty(Look(Link(true)));
        Assert.Empty(Look(Link(false)));
        Assert.Equal(["NetworkLinkLost"], Look(Link(false), SensorDecider.DownForS));
        Assert.Equal(("network", "red"), Light());
        Assert.Equal(["link-lost"], Kinds);
        Assert.Equal(["NetworkLinkFound"], Look(Link(true)));
        Assert.Equal(["NetworkLinkFound"], Look(Link(true, 1000)));
        Assert.Empty(Kinds);
        Assert.Equal(["NetworkLinkRemoved"], Look(new NetworkLink("eno1", false, false, null)));
        Assert.Equal(("network", "off"), Light());
    }

    [Fact]
    public void A_link_that_comes_and_goes_is_one_event_until_it_is_quiet()
    {
        Look(Link(true));
        var told = Enumerable.Range(0, 40).SelectMany(i => Look(Link(i % 2 == 1))).ToList();
        Assert.Equal(["NetworkLinkFlapping"], told);
        Assert.Equal(["link-flapping"], Kinds);
        Assert.Equal(("network", "amber"), Light());
        Assert.Empty(Look(Link(true), SensorDecider.FlapWithinS - 20));
        Assert.Equal(["NetworkLinkFound"], Look(Link(true), SensorDecider.FlapWithinS));
        Assert.Empty(Kinds);
    }

    [Fact]
    public void A_clock_is_wrong_when_it_has_been_for_a_good_while()
    {
        Assert.Empty(Look(new ClockFacts(false, null, 0, 0)));
        Assert.Equal(["ClockSynchronised"], Look(new ClockFacts(true, "a", 2, 0)));
        Assert.Empty(Look(new ClockFacts(true, "a", 2, 3.5)));
        Assert.Equal(["ClockUnsynchronised"], Look(new ClockFacts(true, "a", 2, -3.5), SensorDecider.ClockForS));
        Assert.Equal("the clock is not to be relied on: it is 3.5 s from a", Assert.Single(alarms.Raised.Values).Text);
        Assert.Empty(Look(new ClockFacts(false, null, 0, 0), SensorDecider.ClockForS));
        Assert.Equal(["ClockSynchronised"], Look(new ClockFacts(true, "b", 2, 0)));
        Assert.Empty(Kinds);
    }

    [Theory]
    [InlineData(SensorDecider.StepMinS)]
    [InlineData(-86_400)]
    public void A_clock_that_was_set_is_told_once(long byS)
    {
        var right = new ClockFacts(true, "a", 2, 0);
        Assert.Equal(["ClockSynchronised"], Look(right)); // What it was before the first look nobody knows.
        aheadS += SensorDecider.StepMinS - 1;
        Assert.Empty(Look(right));
        aheadS += byS;
        Assert.Equal(["ClockStepped"], Look(right));
        Assert.Empty(Look(right));
    }

    [Fact]
    public void The_fold_survives_its_snapshot()
    {
        Look(Memory(1, 0));
        Look(new ClockFacts(true, "a", 2, 0));
        Look(new SensorsSeen("b", [Hot(99)], [], [Link(true)], null), 10);
        Look(new SensorsSeen("b", [Hot(99)], [], [Link(true)], null), SensorDecider.HotForS);
        Assert.Equal((1, 1, 1, true), (state.Hot.Count, state.Memory.Count, state.Links.Count, state.IsClockRight));
        using var kept = new MemoryStream();
        fold.Write(state, kept);
        kept.Position = 0;
        using var again = new MemoryStream();
        fold.Write(fold.Read(kept), again);
        Assert.Equal(kept.ToArray(), again.ToArray());
        Assert.True(kept.Length > 150);
    }

    private static Temperature Hot(double celsius) => new("coretemp/temp1", "Package", celsius, 80, 100);

    private static (MemoryModule, string) Memory(long corrected, long uncorrected, string boot = "this start") =>
        (new MemoryModule("mc0/dimm0", "A1", corrected, uncorrected), boot);

    private static NetworkLink Link(bool hasCarrier, int? speed = 10_000) => new("eno1", true, hasCarrier, hasCarrier ? speed : null);

    private List<string> Look(Temperature sensor, int afterS = 10) => Look(new SensorsSeen("b", [sensor], [], [], null), afterS);

    private List<string> Look((MemoryModule Module, string Boot) seen, int afterS = 10) =>
        Look(new SensorsSeen(seen.Boot, [], [seen.Module], [], null), afterS);

    private List<string> Look(NetworkLink link, int afterS = 10) => Look(new SensorsSeen("b", [], [], [link], null), afterS);

    private List<string> Look(ClockFacts clock, int afterS = 10) => Look(new SensorsSeen("b", [], [], [], clock), afterS);

    /// <summary>A look, so many seconds after the last; each test looks at one kind, the others' absence tells nothing new.</summary>
    private List<string> Look(SensorsSeen seen, int afterS)
    {
        nowS += afterS;
        var (events, after) = SensorDecider.Seen(state, memory, seen, nowS, nowS + aheadS, EventMetadata.System);
        memory = after;
        foreach (var told in events)
        {
            var recorded = new RecordedEvent(++position, "sensors", position, told.Type, nowS * 1_000_000, told.Data, told.Metadata, new byte[32]);
            (state, alarms) = (fold.Apply(state, recorded), alarmsFold.Apply(alarms, recorded));
        }

        return [.. events.Select(told => told.Type[..^2])];
    }

    private IEnumerable<string> Kinds => alarms.Raised.Values.Select(alarm => alarm.Kind).Distinct().Order();

    private (string, string) Light()
    {
        var shown = PanelView.Of(new PanelInputs(alarms, PowerState.Unknown, PoolsState.Empty, DisksState.Empty, TasksState.Empty, state, position))
            .Single(one => one.Indicator.Name == "network").Indicator;
        return (shown.Name, shown.Color);
    }

    private void Put(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, path))!);
        File.WriteAllText(Path.Combine(root, path), text);
    }

    private sealed class Chrony(string? said) : IPrograms
    {
        public bool Has(string program) => program == "chronyc";

        public Task<ProgramResult> RunAsync(
            string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default) =>
            Task.FromResult(said is null ? new ProgramResult(1, "", "506 Cannot talk to daemon") : new ProgramResult(0, said, ""));

        public IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
            throw new NotSupportedException();
    }
}
