// The front panel on the kernel's own interfaces: lines of a GPIO chip and a light of the LED class, simulated by kernel modules that only the rig has. Lights
// follow what the box tells, the button does what it says, and a panel that is unplugged and comes back harms nothing and lights up again.
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "drivers")]
[Collection("one box at a time")]
public sealed class PanelTests(ITestOutputHelper output)
{
    private const int Green = 0;
    private const int Amber = 1;
    private const int Red = 2;
    private const int Buzzer = 4;
    private const int Button = 7;

    /// <summary>A chip of eight lines, and a light named rig.</summary>
    private const string Simulated = """
        set -e
        insmod /run/gpio-sim.ko; insmod /run/uleds.ko
        bank=/sys/kernel/config/gpio-sim/panel/bank0
        mkdir -p $bank; echo 8 > $bank/num_lines; echo rig-panel > $bank/label; echo 1 > /sys/kernel/config/gpio-sim/panel/live
        { printf 'rig'; head -c 61 /dev/zero; printf '\377\000\000\000'; } > /run/rig-light
        setsid sh -c 'exec 3<>/dev/uleds; dd if=/run/rig-light bs=68 count=1 >&3; exec cat <&3 > /run/rig-light-log' > /dev/null 2>&1 &
        sleep 1
        systemctl restart holdfast-agent
        """;

    private const string Profile = """
        {
          "name": "rig",
          "lights": {
            "health": {
              "green": { "chip": "rig-panel", "line": 0 }, "amber": { "chip": "rig-panel", "line": 1 }, "red": { "chip": "rig-panel", "line": 2 }
            },
            "activity": { "green": { "led": "rig" } }
          },
          "buzzer": { "chip": "rig-panel", "line": 4 },
          "button": { "chip": "rig-panel", "line": 7 }
        }
        """;

    [ModulesFact]
    public async Task A_panel_shows_the_truth_and_its_button_is_heard()
    {
        await using var box = await Box.ReadyAsync(1024, 1024);
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        async Task<string> SayAsync(string store, params string[] arguments)
        {
            var said = await box.ClientAsync(store, password, fingerprint, arguments);
            Assert.True(said.ExitStatus == 0, $"{string.Join(' ', arguments)}: {said.Output}{said.Errors}");
            return said.Output;
        }

        await box.CopyInAsync(Rig.Module("gpio-sim")!, "/run/gpio-sim.ko");
        await box.CopyInAsync(Rig.Module("uleds")!, "/run/uleds.ko");
        await box.InsideAsync($"mkdir -p /etc/holdfast; cat > /etc/holdfast/panel.json <<'EOF'\n{Profile}\nEOF\n{Simulated}");
        await ShowsAsync(Green);
        Assert.DoesNotContain("no GPIO chip", await SayAsync("main", "hardware", "show"), StringComparison.Ordinal);

        // What the box can judge of itself, as an event.
        var test = await box.ClientAsync("main", password, fingerprint, "hardware", "test", "--unattended");
        output.WriteLine(test.Output + test.Errors);
        Assert.Contains("passed   panel outputs: profile 'rig'", test.Output, StringComparison.Ordinal);
        Assert.Contains("HardwareTested/1", await box.LedgerAsync("show", "--stream", "hardware"), StringComparison.Ordinal);

        // A disk of a pool is pulled: red, and heard.
        await box.UntilAsync("both disks are seen", async () => (await SayAsync("main", "disk", "list")) is var disks
            && disks.Contains("HILNVME0", StringComparison.Ordinal) && disks.Contains("HILSATA1", StringComparison.Ordinal),
            TimeSpan.FromMinutes(3), TimeSpan.FromSeconds(3));
        await SayAsync("main", "pool", "create", "tank", "mirror", "nvme-QEMU_NVMe_Ctrl_HILNVME0,ata-QEMU_HARDDISK_HILSATA1", "--datastore");
        await SayAsync("tank", "backup", $"p.img:{work.Make("p.img", 64, 5)}", "--backup-id", "pool");
        Assert.NotEqual("", (await box.InsideAsync("od -An -tu4 /run/rig-light-log | head -3")).Trim());
        await box.Qmp.DoAsync("device_del", new { id = "disk0" });
        await ShowsAsync(Red);
        await box.UntilAsync("the buzzer sounds", async () => await LineAsync(Buzzer) == 1, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1));

        // Unplugged: said, no processor burnt, and nothing else suffers. Plugged in again: it lights up.
        await box.InsideAsync("echo 0 > /sys/kernel/config/gpio-sim/panel/live");
        await box.UntilAsync("it is said that the panel is gone",
            async () => (await SayAsync("main", "hardware", "show")).Contains("no GPIO chip 'rig-panel'", StringComparison.Ordinal),
            TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(3));
        var burnt = await box.InsideAsync("""
            stat=/proc/$(systemctl show -P MainPID holdfast-agent)/stat
            set -- $(cut -d' ' -f14,15 $stat); sleep 20; set -- $1 $2 $(cut -d' ' -f14,15 $stat)
            echo $(($3 + $4 - $1 - $2))
            """);
        output.WriteLine($"with the panel gone the agent used {burnt.Trim()} hundredths of a second in 20 s");
        Assert.True(int.Parse(burnt.Trim(), System.Globalization.CultureInfo.InvariantCulture) < 1000, burnt);
        await box.InsideAsync("echo 1 > /sys/kernel/config/gpio-sim/panel/live");
        await ShowsAsync(Red);

        // The button: two seconds ask for pairing, six switch it off in good order.
        await PressAsync(2.6);
        await box.UntilAsync("the press is an event", async () => (await box.LedgerAsync("show", "--stream", "panel"))
            .Contains("PairingWindowRequested", StringComparison.Ordinal), TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(3));
        await PressAsync(7);
        await box.OffAsync();

        async Task PressAsync(double seconds) => await box.InsideAsync(FormattableString.Invariant(
            $"pull=$(ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio{Button})/pull; echo pull-up > $pull; sleep {seconds}; echo pull-down > $pull"));

        async Task<int> LineAsync(int line) => int.Parse(
            await box.InsideAsync($"cat /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio{line}/value"), System.Globalization.CultureInfo.InvariantCulture);

        async Task ShowsAsync(int lit) => await box.UntilAsync($"line {lit} alone is lit", async () =>
            await LineAsync(lit) == 1 && (await Task.WhenAll(new[] { Green, Amber, Red }.Where(line => line != lit).Select(LineAsync))).All(on => on == 0),
            TimeSpan.FromMinutes(3), TimeSpan.FromSeconds(2));
    }
}

/// <summary>Needs the kernel modules that only the rig has.</summary>
internal sealed class ModulesFactAttribute : FactAttribute
{
    public ModulesFactAttribute()
    {
        if (Rig.Module("gpio-sim") is null || Rig.Module("uleds") is null)
        {
            Skip = "the rig's kernel modules are not built: tests/hil-modules.sh makes them in the image's build root, as root";
        }
    }
}
