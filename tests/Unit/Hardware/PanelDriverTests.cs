// The panel as the agent drives it: what a profile may say, patterns and presses by the millisecond, what is unplugged and comes back, bytes of displays and
// lines.
using System.Buffers.Binary;
using Holdfast.Contracts.Panel;
using Holdfast.Panel;
using Holdfast.Tests.Unit.Features.Access;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class PanelDriverTests
{
    [Theory]
    [InlineData(0, 10, null)]
    [InlineData(0, 20, "short")]
    [InlineData(5, 2004, "short")]
    [InlineData(5, 2005, "long")]
    [InlineData(0, 5999, "long")]
    [InlineData(0, 6000, "held")]
    public void A_press_is_what_its_length_says(long pressed, long released, string? press) => Assert.Equal(press, ButtonPresses.Of(pressed, released));

    [Fact]
    public void Patterns_differ_by_more_than_colour()
    {
        var drawn = BlinkPattern.All.Values.ToDictionary(pattern => pattern.Name, pattern =>
            string.Concat(Enumerable.Range(0, 4000).Where(at => at % 125 == 0).Select(at => pattern.IsOn(at) ? '#' : '.')));
        Assert.Equal(drawn.Count, drawn.Values.Distinct().Count());
        Assert.Equal("#.#.....#.#.....", drawn["predicted"][..16]);
    }

    [Fact]
    public void A_runner_switches_only_what_changes_and_forgets_what_is_old()
    {
        var (hardware, clock) = (new FakeHardware(), new StoppedClock());
        HardwareProfile profile = HardwareProfile.Read(FakeHardware.Profile, out var problems)!;
        Assert.Empty(problems);
        var runner = new PanelRunner(profile, hardware, clock);
        runner.Show(new Picture([new("health", "green", "solid", "")], ["Holdfast"], false));
        runner.Apply(0);
        runner.Apply(62);
        Assert.Equal([true], hardware.Switched["led health-green"].TakeLast(1));
        var before = hardware.Switched["led health-green"].Count;
        runner.Apply(125);
        Assert.Equal(before, hardware.Switched["led health-green"].Count);
        Assert.Equal(["Holdfast"], hardware.Lines);
        clock.Advance(TimeSpan.FromSeconds(61));
        runner.Apply(0);
        Assert.False(hardware.Switched["led health-green"][^1]); // Green of before is not shown on.
        Assert.True(hardware.Switched["gpio front:3"][^1]); // Amber, fast: unknown.
        Assert.Contains(runner.Problems, problem => problem.Contains("missing", StringComparison.Ordinal));
    }

    [Fact]
    public void What_goes_away_is_named_and_lit_again_when_it_is_back()
    {
        var (hardware, clock) = (new FakeHardware(), new StoppedClock());
        var runner = new PanelRunner(HardwareProfile.Read(FakeHardware.Profile, out _)!, hardware, clock);
        runner.Show(new Picture([new("health", "green", "solid", "")], ["Holdfast"], false));
        runner.Apply(0);
        Assert.DoesNotContain(runner.Problems, problem => problem.Contains("health-green", StringComparison.Ordinal));

        hardware.IsAway = true;
        runner.Show(new Picture([new("health", "amber", "solid", "")], ["Amber"], false));
        runner.Apply(62);
        Assert.Equal(4, runner.Problems.Count); // Two lights, the display, and the one that was never there.
        Assert.Contains("led health-green: it is away", runner.Problems);
        var opened = hardware.Opened;
        runner.Apply(125);
        Assert.Equal(opened, hardware.Opened);
        clock.Advance(PanelRunner.Again);
        runner.Apply(187);
        Assert.Equal(opened + 4, hardware.Opened);

        hardware.IsAway = false;
        clock.Advance(PanelRunner.Again);
        runner.Apply(250);
        Assert.Equal(["led missing: missing"], runner.Problems);
        Assert.Equal([false], hardware.Switched["led health-green"]);
        Assert.Equal([true], hardware.Switched["gpio front:3"]);
        Assert.Equal(["Amber"], hardware.Lines);
    }

    [Fact]
    public void What_is_unplugged_while_nothing_changes_is_noticed_too()
    {
        var (hardware, clock) = (new FakeHardware(), new StoppedClock());
        var runner = new PanelRunner(HardwareProfile.Read(FakeHardware.Profile, out _)!, hardware, clock);
        var picture = new Picture([new("health", "green", "solid", "")], ["Holdfast"], false);
        runner.Show(picture);
        runner.Apply(0);
        hardware.IsAway = true;
        runner.Apply(62);
        Assert.Equal(["led missing: missing"], runner.Problems);
        clock.Advance(PanelRunner.Again);
        runner.Apply(125);
        Assert.Equal(3, runner.Problems.Count); // Both lights; text is written again more seldom.
        clock.Advance(PanelRunner.TextAgain - PanelRunner.Again);
        runner.Show(picture);
        runner.Apply(187);
        Assert.Equal((4, 1), (runner.Problems.Count, hardware.Forgotten));
    }

    [Fact]
    public async Task A_button_that_goes_away_is_followed_again()
    {
        var profile = HardwareProfile.Read("""{"name":"a","lights":{},"button":{"chip":"front","line":7}}""", out _)!;
        await using var runner = new PanelRunner(profile, new FakeHardware(), new VirtualClock(DateTimeOffset.UnixEpoch));
        var said = new List<string>();
        var followed = 0;
        async IAsyncEnumerable<(long, bool)> Once([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
        {
            said.AddRange(runner.Problems);
            await Task.Yield();
            if (followed++ == 0)
            {
                throw new IOException("no GPIO chip 'front'");
            }

            yield return (followed, true);
        }

        await using var changes = runner.FollowAsync(Once, default).GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(["button gpio front:7: no GPIO chip 'front'"], said);
        Assert.Equal((2, true), changes.Current);
        Assert.Empty(runner.Problems);
    }

    [Theory]
    [InlineData("", "no JSON")]
    [InlineData("[]", "not an object")]
    [InlineData("{\"name\":\"a\"}", "lights: an object")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"mood\":{\"green\":{\"led\":\"x\"}}}}", "lights.mood: no indicator")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"health\":{\"pink\":{\"led\":\"x\"}}}}", "no colour")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"health\":{\"green\":{}}}}", "either 'led'")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"health\":{\"green\":{\"led\":\"../x\"}}}}", "a name of /sys/class/leds")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"health\":{\"green\":{\"chip\":\"c\",\"line\":5000}}}}", "0 to 1023")]
    [InlineData("{\"name\":\"a\",\"lights\":{},\"display\":{\"kind\":\"vga\",\"bus\":\"i2c-1\",\"address\":39,\"columns\":20,\"rows\":4}}",
        "'vga' is not known")]
    [InlineData("{\"name\":\"a\",\"lights\":{},\"display\":{\"kind\":\"ssd1306\",\"bus\":\"i2c-1\",\"address\":60,\"columns\":20,\"rows\":8}}",
        "21 columns and 4 or 8 rows")]
    [InlineData("{\"name\":\"a\",\"lights\":{},\"display\":{\"kind\":\"hd44780-pcf8574\",\"bus\":\"i2c-1\",\"address\":39,\"columns\":20,\"rows\":8}}",
        "up to 4 rows")]
    [InlineData("{\"name\":\"a\",\"lights\":{},\"extra\":1}", "extra: not known")]
    [InlineData("{\"name\":\"a\",\"lights\":{\"disk0\":{\"green\":{\"led\":\"x\"}}}}", "disk0")]
    public void A_profile_with_a_problem_says_where(string json, string problem)
    {
        Assert.Null(HardwareProfile.Read(json, out var problems));
        Assert.Contains(problems, one => one.Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void The_profiles_that_we_ship_are_sound()
    {
        var folder = AppContext.BaseDirectory;
        while (!Directory.Exists(Path.Combine(folder, "hardware")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        var profiles = Directory.GetFiles(Path.Combine(folder, "hardware", "profiles"), "*.json")
            .Where(file => !file.EndsWith("schema.json", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(profiles);
        Assert.All(profiles, file =>
        {
            Assert.NotNull(HardwareProfile.Read(File.ReadAllText(file), out var problems));
            Assert.Empty(problems);
        });
    }

    [Fact]
    public void A_line_is_asked_for_as_the_kernel_lays_it_out()
    {
        var request = GpioV2.Request(17, isInput: true, isActiveLow: true, debounceMs: 20);
        Assert.Equal(592, request.Length);
        Assert.Equal(17u, BinaryPrimitives.ReadUInt32LittleEndian(request));
        Assert.Equal("holdfast", System.Text.Encoding.ASCII.GetString(request, 256, 8));
        Assert.Equal(0b11_0110ul, BinaryPrimitives.ReadUInt64LittleEndian(request.AsSpan(288))); // active low, input, both edges
        Assert.Equal((1u, 3u, 20_000u, 1ul), (BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(296)),
            BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(320)),
            BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(328)), BinaryPrimitives.ReadUInt64LittleEndian(request.AsSpan(336))));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(560)));
        Assert.Equal(0b1000ul, BinaryPrimitives.ReadUInt64LittleEndian(GpioV2.Request(3, false, false, 0).AsSpan(288)));
        var edge = new byte[GpioV2.EventBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(edge, 5_000_000_000);
        edge[8] = 1;
        Assert.Equal((5000L, true), GpioV2.Edge(edge));
    }

    [Fact]
    public async Task Lights_of_the_kernel_follow_both_ways_round_and_go_out_with_the_agent()
    {
        var leds = Directory.CreateTempSubdirectory("holdfast-leds-").FullName;
        try
        {
            foreach (var name in (string[])["straight", "inverted"])
            {
                Directory.CreateDirectory(Path.Combine(leds, name));
                File.WriteAllText(Path.Combine(leds, name, "max_brightness"), "255\n");
                File.WriteAllText(Path.Combine(leds, name, "brightness"), "7");
                File.WriteAllText(Path.Combine(leds, name, "trigger"), "heartbeat");
            }

            var profile = HardwareProfile.Read(
                """{"name":"a","lights":{"health":{"green":{"led":"straight"}},"power":{"green":{"led":"inverted","active-low":true}}}}""", out _)!;
            var hardware = new Holdfast.Agent.SystemPanel(leds);
            var runner = new PanelRunner(profile, hardware, new StoppedClock());
            await using (var verbs = new PanelVerbs(runner, hardware, []))
            {
                runner.Show(new Picture([new Indicator("health", "green", "solid", ""), new Indicator("power", "green", "solid", "")], [], false));
                runner.Apply(0);
                Assert.Equal(("255", "0", "none"), (Shown("straight"), Shown("inverted"), File.ReadAllText(Path.Combine(leds, "inverted", "trigger"))));
                Assert.NotEmpty(verbs.Verbs);
            }

            Assert.Equal(("0", "255"), (Shown("straight"), Shown("inverted")));
        }
        finally
        {
            Directory.Delete(leds, recursive: true);
        }

        string Shown(string name) => File.ReadAllText(Path.Combine(leds, name, "brightness"));
    }

    [Fact]
    public void A_line_is_waited_for_and_not_for_ever()
    {
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        using var reader = new Microsoft.Win32.SafeHandles.SafeFileHandle(pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        Assert.False(GpioV2.IsReadable(reader, 10));
        pipe.WriteByte(1);
        Assert.True(GpioV2.IsReadable(reader, 10));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Dots_of_an_OLED_read_as_what_was_written(int rows)
    {
        var memory = new byte[rows, OledDisplay.WidthDots];
        var (page, column, isOn, writes) = (0, 0, false, 0);
        var display = new OledDisplay(rows, Take);
        display.Start();
        Assert.True(isOn);
        Assert.All(memory.Cast<byte>(), dots => Assert.Equal(0, dots));
        display.Write(["HI"]);
        Assert.Equal("#...# ###|#...# .#.|#...# .#.|##### .#.|#...# .#.|#...# .#.|#...# ###", Drawn(0, 2, trim: true));
        var before = writes;
        display.Write(["HI", "disk 3: 41 C"]);
        Assert.Equal(before + 1 + 4, writes); // One page: where, and 128 dots in parts of 32.
        Assert.Equal(Drawn(1, 4, trim: false), Drawn(1, 4, trim: false, "DISK"));
        display.Dispose();
        Assert.False(isOn);

        void Take(byte[] bytes)
        {
            writes++;
            Assert.InRange(bytes.Length, 2, OledDisplay.WriteBytesMax);
            if (bytes[0] == 0x40)
            {
                foreach (var dots in bytes.AsSpan(1))
                {
                    memory[page, column++] = dots;
                }

                return;
            }

            Assert.Equal(0, bytes[0]);
            if (bytes[1] is >= 0xb0 and < 0xb8)
            {
                (page, column) = (bytes[1] & 7, bytes[2] | ((bytes[3] & 15) << 4));
            }

            isOn = bytes.AsSpan(1).IndexOf((byte)0xaf) >= 0 || (isOn && bytes.AsSpan(1).IndexOf((byte)0xae) < 0);
        }

        // Cells of a page as rows of dots; of another text, as a display of its own draws it.
        string Drawn(int at, int cells, bool trim, string? other = null)
        {
            if (other is not null)
            {
                var (was, wasPage) = ((byte[,])memory.Clone(), at);
                display.Write([.. Enumerable.Repeat("", wasPage), other]);
            }

            return string.Join('|', Enumerable.Range(0, 7).Select(bit => string.Join(trim ? ' ' : '/', Enumerable.Range(0, cells).Select(cell =>
            {
                var row = string.Concat(Enumerable.Range(cell * OledDisplay.CellDots, 5).Select(dot => (memory[at, dot] >> bit & 1) == 1 ? '#' : '.'));
                return trim && cell == 1 ? row[1..4] : row;
            }))));
        }
    }

    [Fact]
    public void A_display_is_written_as_its_data_sheet_says_and_only_where_it_changed()
    {
        var written = new List<byte[]>();
        var display = new CharacterDisplay(20, 4, written.Add, _ => { });
        display.Start();
        Assert.Equal([0x38, 0x3c, 0x38], written[0]); // 0x30 with light: E up, E down.
        Assert.Equal(4 + (2 * 5), written.Count);
        written.Clear();
        display.Write(["A"]);
        Assert.Equal(4 * 2 * 21, written.Count); // Four rows: an address and twenty characters each.
        Assert.Equal([0x88, 0x8c, 0x88], written[0]); // 0x80: first row.
        Assert.Equal([[0x49, 0x4d, 0x49], [0x19, 0x1d, 0x19]], written[2..4]); // 'A' = 0x41, as data.
        written.Clear();
        display.Write(["A", "B"]);
        Assert.Equal(2 * 21, written.Count);
        Assert.Equal([0xc8, 0xcc, 0xc8], written[0]); // 0xC0: second row.
    }

    private sealed class FakeHardware : IPanelHardware
    {
        public const string Profile = """
            { "name": "test", "lights": { "health": { "green": { "led": "health-green" }, "amber": { "chip": "front", "line": 3, "active-low": true } },
              "power": { "green": { "led": "missing" } } },
              "display": { "kind": "hd44780-pcf8574", "bus": "i2c-1", "address": 39, "columns": 20, "rows": 4 } }
            """;

        /// <summary>Nothing of it answers.</summary>
        public bool IsAway { get; set; }

        public int Opened { get; private set; }

        /// <summary>How often its display was to write all anew.</summary>
        public int Forgotten { get; private set; }

        public Dictionary<string, List<bool>> Switched { get; } = [];

        public IReadOnlyList<string> Lines { get; private set; } = [];

        public ISwitch Open(ProfileOutput output)
        {
            Opened++;
            if (output.Led == "missing")
            {
                throw new IOException("missing");
            }

            Answer();
            return new Switch(this, Switched[output.ToString()] = []);
        }

        public IDisplay Open(ProfileDisplay display)
        {
            Opened++;
            Answer();
            return new Display(this);
        }

        private void Answer()
        {
            if (IsAway)
            {
                throw new IOException("it is away");
            }
        }

        public async IAsyncEnumerable<(long AtMs, bool IsPressed)> Presses(
            ProfileOutput button, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
        {
            await Task.Delay(Timeout.Infinite, cancel);
            yield break;
        }

        private sealed class Switch(FakeHardware of, List<bool> log) : ISwitch
        {
            public void Set(bool isOn)
            {
                of.Answer();
                log.Add(isOn);
            }

            public void Dispose() => log.Add(false);
        }

        private sealed class Display(FakeHardware of) : IDisplay
        {
            public void Write(IReadOnlyList<string> lines)
            {
                of.Answer();
                of.Lines = lines;
            }

            public void Forget() => of.Forgotten++;

            public void Dispose() => of.Lines = [];
        }
    }
}
