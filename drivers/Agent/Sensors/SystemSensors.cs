// Reads the machine's sensors from the kernel's own files below /sys, and the clock from chrony. A file that is not there or can't be read is a fact that is
// not known, never an error: machines have what they have.
using System.Globalization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Programs;
using Holdfast.Contracts.Sensors;

namespace Holdfast.Agent.Sensors;

/// <summary>The sensors of a system.</summary>
/// <param name="root">Where its files are: empty for this machine's own, else a folder that stands in for <c>/</c>.</param>
public sealed class SystemSensors(IPrograms programs, string root = "")
{
    private const int TextCharsMax = 64;

    public IReadOnlyList<AgentVerb> Verbs => [AgentVerb.Of<ReadSensors>(async (_, cancel) => await ReadAsync(cancel).ConfigureAwait(false))];

    /// <summary>One look at all of them.</summary>
    public async Task<SensorsSeen> ReadAsync(CancellationToken cancel) => new(
        Text("/proc/sys/kernel/random/boot_id") ?? "",
        [.. Temperatures().Take(SensorsSeen.KindMax)],
        [.. Memory().Take(SensorsSeen.KindMax)],
        [.. Links().Take(SensorsSeen.KindMax)],
        await ClockAsync(cancel).ConfigureAwait(false));

    private IEnumerable<Temperature> Temperatures()
    {
        // Chips are numbered as they come; their names and devices stay. Drives tell theirs by SMART.
        var chips = Folders("/sys/class/hwmon").Select(chip => (Path: chip, Name: Text(chip + "/name") ?? "chip"))
            .Where(chip => chip.Name is not ("drivetemp" or "nvme")).OrderBy(chip => chip.Name, StringComparer.Ordinal)
            .ThenBy(chip => Target(chip.Path + "/device"), StringComparer.Ordinal).ToList();
        foreach (var (path, name, nth) in chips.Select((chip, i) => (chip.Path, chip.Name, chips.Take(i).Count(one => one.Name == chip.Name))))
        {
            foreach (var input in Files(path, "temp*_input"))
            {
                var sensor = Path.GetFileName(input)[..^6];
                if (Milli(input) is { } celsius)
                {
                    yield return new Temperature($"{name}{(nth == 0 ? "" : "-" + (nth + 1).ToString(CultureInfo.InvariantCulture))}/{sensor}",
                        Text($"{path}/{sensor}_label") ?? name, celsius, Limit($"{path}/{sensor}_max"), Limit($"{path}/{sensor}_crit"));
                }
            }
        }
    }

    private IEnumerable<MemoryModule> Memory()
    {
        foreach (var controller in Folders("/sys/devices/system/edac/mc").Where(path => Path.GetFileName(path).StartsWith("mc", StringComparison.Ordinal)))
        {
            var modules = Folders(controller).Where(path => Path.GetFileName(path).StartsWith("dimm", StringComparison.Ordinal)
                || Path.GetFileName(path).StartsWith("rank", StringComparison.Ordinal)).ToList();
            foreach (var module in modules)
            {
                if (Number(module + "/dimm_ce_count") is { } corrected && Number(module + "/dimm_ue_count") is { } uncorrected)
                {
                    yield return new MemoryModule($"{Path.GetFileName(controller)}/{Path.GetFileName(module)}",
                        Text(module + "/dimm_label") ?? Path.GetFileName(module), corrected, uncorrected);
                }
            }
        }
    }

    private IEnumerable<NetworkLink> Links() =>
        from path in Folders("/sys/class/net")
        where Exists(path + "/device")
        let isUp = (Text(path + "/flags") ?? "0x0") is var flags
            && int.TryParse(flags.AsSpan(Math.Min(2, flags.Length)), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var bits) && (bits & 1) != 0
        select new NetworkLink(Path.GetFileName(path), isUp, Text(path + "/carrier") == "1",
            Number(path + "/speed") is > 0 and <= int.MaxValue and var speed ? (int)speed : null);

    private async Task<ClockFacts?> ClockAsync(CancellationToken cancel)
    {
        if (!programs.Has("chronyc"))
        {
            return null;
        }

        try
        {
            var said = await programs.RunAsync("chronyc", ["-c", "tracking"], null, null, cancel).ConfigureAwait(false);
            return said.ExitStatus == 0 ? ChronyTracking.Parse(said.Output) : new ClockFacts(false, null, 0, 0);
        }
        catch (Exception error) when (error is ProgramFailedException or InvalidDataException)
        {
            return new ClockFacts(false, null, 0, 0);
        }
    }

    private IEnumerable<string> Folders(string path) => List(path, p => Directory.GetDirectories(p));

    private IEnumerable<string> Files(string path, string pattern) => List(path, p => Directory.GetFiles(p, pattern));

    private IEnumerable<string> List(string path, Func<string, string[]> list)
    {
        try
        {
            return list(root + path).Select(found => found[root.Length..]).Order(StringComparer.Ordinal).Take(4 * SensorsSeen.KindMax);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private string? Text(string path)
    {
        try
        {
            using var reader = new StreamReader(root + path);
            var buffer = new char[TextCharsMax];
            var text = new string(buffer, 0, reader.ReadBlock(buffer)).Trim();
            return text.Length == 0 ? null : new string([.. text.Select(c => c is >= ' ' and <= '~' ? c : '?')]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private long? Number(string path) =>
        long.TryParse(Text(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Millidegrees; what no thermometer shows is none.</summary>
    private double? Milli(string path) => Number(path) is > -100_000 and < 300_000 and var milli ? milli / 1000.0 : null;

    /// <summary>A limit of zero or beyond 150 °C is one that nobody has set.</summary>
    private double? Limit(string path) => Milli(path) is > 30 and < 150 and var celsius ? celsius : null;

    private bool Exists(string path) => Path.Exists(root + path);

    private string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(root + path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }
}
