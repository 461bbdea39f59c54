// The panel's outputs on a real machine: lights of /sys/class/leds, lines of /dev/gpiochip*, a display on /dev/i2c-*. And the profile that says which is which.
using System.Runtime.InteropServices;
using Holdfast.Panel;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Agent;

/// <summary>The machine's own.</summary>
/// <param name="leds">Folder of the lights.</param>
/// <param name="devices">Folder of devices.</param>
public sealed partial class SystemPanel(string leds = "/sys/class/leds", string devices = "/dev", string i2c = "/sys/bus/i2c/devices")
    : IPanelHardware
{
    /// <summary>Where a box keeps its profile.</summary>
    public const string ProfilePath = "/etc/holdfast/panel.json";

    private const uint I2cSlave = 0x0703;

    /// <summary>A watch that ends lets go of its line within that.</summary>
    private const int LookMs = 250;

    /// <summary>The verbs of the machine's panel: of the profile at a path, if there is one and it is sound.</summary>
    public static PanelVerbs Verbs(string profilePath, TimeProvider clock)
    {
        var hardware = new SystemPanel();
        if (!File.Exists(profilePath))
        {
            return new PanelVerbs(null, hardware, []);
        }

        return HardwareProfile.Read(File.ReadAllText(profilePath), out var problems) is { } profile
            ? new PanelVerbs(new PanelRunner(profile, hardware, clock), hardware, [])
            : new PanelVerbs(null, hardware, [.. problems.Select(problem => $"{profilePath}: {problem}")]);
    }

    public ISwitch Open(ProfileOutput output) => output.Led is { } led ? new SysfsLight(Path.Combine(leds, led), output.IsActiveLow)
        : new GpioSwitch(TakeLine(output, isInput: false));

    public IDisplay Open(ProfileDisplay display)
    {
        var bus = display.Bus.StartsWith("i2c-", StringComparison.Ordinal) ? display.Bus
            : Directory.Exists(i2c) ? Directory.EnumerateDirectories(i2c, "i2c-*")
                .Where(one => File.ReadAllText(Path.Combine(one, "name")).Trim() == display.Bus).Select(Path.GetFileName).FirstOrDefault() : null;
        var handle = File.OpenHandle(Path.Combine(devices, bus ?? throw new IOException($"no I2C bus '{display.Bus}'")), FileMode.Open, FileAccess.ReadWrite);
        if (Ioctl(handle, I2cSlave, display.Address) < 0)
        {
            handle.Dispose();
            throw new IOException($"I2C_SLAVE: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }

        try
        {
            return new I2cDisplay(Started(display, bytes => RandomAccess.Write(handle, bytes, 0)), handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static IDisplay Started(ProfileDisplay display, Action<byte[]> write)
    {
        if (display.Kind == ProfileDisplay.Oled)
        {
            var dots = new OledDisplay(display.Rows, write);
            dots.Start();
            return dots;
        }

        // The display's own pace: it says nothing when it is ready.
        using var pace = new ManualResetEventSlim();
        var characters = new CharacterDisplay(display.Columns, display.Rows, write, ms => pace.Wait(ms));
        characters.Start();
        return characters;
    }

    public async IAsyncEnumerable<(long AtMs, bool IsPressed)> Presses(
        ProfileOutput button, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        using var line = TakeLine(button, isInput: true);
        var record = new byte[GpioV2.EventBytes];
        while (!cancel.IsCancellationRequested)
        {
            if (await Task.Run(() => GpioV2.IsReadable(line, LookMs), cancel).ConfigureAwait(false)
                && RandomAccess.Read(line, record, 0) == GpioV2.EventBytes)
            {
                yield return GpioV2.Edge(record);
            }
        }
    }

    private SafeFileHandle TakeLine(ProfileOutput output, bool isInput)
    {
        foreach (var path in Directory.EnumerateFiles(devices, "gpiochip*").Order(StringComparer.Ordinal))
        {
            using var chip = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            if (GpioV2.Label(chip) == output.Chip)
            {
                return GpioV2.Take(chip, output.Line, isInput, output.IsActiveLow, isInput ? ButtonPresses.DebounceMs : 0);
            }
        }

        throw new IOException($"no GPIO chip '{output.Chip}'");
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle handle, nuint request, nint argument);

    /// <summary>A light of the kernel's LED class: full brightness or none, its trigger taken away.</summary>
    private sealed class SysfsLight : ISwitch
    {
        private readonly string brightness;
        private readonly string full;
        private readonly bool isActiveLow;

        public SysfsLight(string folder, bool isActiveLow)
        {
            this.isActiveLow = isActiveLow;
            brightness = Path.Combine(folder, "brightness");
            full = File.ReadAllText(Path.Combine(folder, "max_brightness")).Trim();
            if (Path.Combine(folder, "trigger") is var trigger && File.Exists(trigger))
            {
                File.WriteAllText(trigger, "none");
            }
        }

        public void Set(bool isOn) => File.WriteAllText(brightness, isOn != isActiveLow ? full : "0");

        public void Dispose() => Set(false);
    }

    private sealed class I2cDisplay(IDisplay display, SafeFileHandle bus) : IDisplay
    {
        public void Write(IReadOnlyList<string> lines) => display.Write(lines);

        public void Forget() => display.Forget();

        public void Dispose()
        {
            try
            {
                display.Dispose();
            }
            finally
            {
                bus.Dispose();
            }
        }
    }

    private sealed class GpioSwitch(SafeFileHandle line) : ISwitch
    {
        public void Set(bool isOn) => GpioV2.Set(line, isOn);

        public void Dispose()
        {
            Set(false);
            line.Dispose();
        }
    }
}
