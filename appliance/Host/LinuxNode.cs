// The box as Linux tells of it: /proc, /sys and the network interfaces. What can't be read is zero or "unknown", never an error: a dashboard must not fail
// because a container hides a file.
using System.Globalization;
using System.Net.NetworkInformation;
using System.Reflection;
using System.Runtime.InteropServices;
using Holdfast.Features.Node;
using Holdfast.Storage;

namespace Holdfast.Host;

/// <summary>Reads the running system.</summary>
public sealed class LinuxNode(DataFolder data) : INodeSource
{
    private const int IdentityBytesMax = 1 << 20;

    public NodeReading Read()
    {
        var cpu = Numbers(Line("/proc/stat", "cpu "));
        var busy = cpu.Count > 7 ? cpu[0] + cpu[1] + cpu[2] + cpu[5] + cpu[6] + cpu[7] : 0;
        var load = Text("/proc/loadavg").Split(' ').Select(part => double.TryParse(part, CultureInfo.InvariantCulture, out var value) ? value : 0).ToList();
        var (total, available, free) = (Memory("MemTotal:"), Memory("MemAvailable:"), Memory("MemFree:"));
        var (swap, swapFree) = (Memory("SwapTotal:"), Memory("SwapFree:"));
        var (received, sent) = Traffic();
        return new NodeReading(
            busy, cpu.Count > 4 ? cpu[4] : 0, cpu.Take(8).Sum(), load.ElementAtOrDefault(0), load.ElementAtOrDefault(1), load.ElementAtOrDefault(2),
            new(total, total - available, free), new(swap, swap - swapFree, swapFree), Root(), received, sent,
            (long)(double.TryParse(Text("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture, out var up) ? up : 0));
    }

    public NodeIdentity Identify()
    {
        var resolver = Text("/etc/resolv.conf");
        var lines = resolver.Split('\n').Select(line => line.Split(' ', '\t')).Where(parts => parts.Length > 1).ToList();
        var processors = Text("/proc/cpuinfo").Split('\n');
        return new NodeIdentity(
            ProcessIdentity.Node, Word("/proc/sys/kernel/ostype"), Word("/proc/sys/kernel/osrelease"), Word("/proc/sys/kernel/version"), Machine(),
            Field(processors, "model name") ?? "unknown",
            Math.Max(1, processors.Where(line => line.StartsWith("physical id", StringComparison.Ordinal)).Distinct().Count()),
            Environment.ProcessorCount, Directory.Exists("/sys/firmware/efi"), SecureBoot(), Certificate(), Zone(),
            [.. lines.Where(parts => parts[0] == "nameserver").Select(parts => parts[1]).Take(3)],
            lines.FirstOrDefault(parts => parts[0] is "search" or "domain")?[1], resolver, Ports(),
            typeof(LinuxNode).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");
    }

    private static Room Root()
    {
        try
        {
            using var volume = DiskVolume.OpenFolder("/");
            var space = volume.Space();
            return new(space.TotalBytes, space.UsedBytes, space.AvailableBytes);
        }
        catch (StorageException)
        {
            return default;
        }
    }

    private static (long Received, long Sent) Traffic()
    {
        var (received, sent) = (0L, 0L);
        foreach (var line in Text("/proc/net/dev").Split('\n').Skip(2))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var counters = colon > 0 && line[..colon].Trim() != "lo" ? Numbers(line[(colon + 1)..]) : [];
            if (counters.Count > 8)
            {
                (received, sent) = (received + counters[0], sent + counters[8]);
            }
        }

        return (received, sent);
    }

    private static List<NetworkPort> Ports()
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces().OrderBy(port => port.Name, StringComparer.Ordinal).Select(port => new NetworkPort(
                port.Name, port.OperationalStatus == OperationalStatus.Up, KindOf(port),
                [.. port.GetIPProperties().UnicastAddresses.Where(address => !address.Address.IsIPv6LinkLocal)
                    .Select(address => $"{address.Address}/{address.PrefixLength}")]))];
        }
        catch (NetworkInformationException)
        {
            return [];
        }
    }

    private static string KindOf(NetworkInterface port) =>
        port.NetworkInterfaceType == NetworkInterfaceType.Loopback ? "loopback"
        : Directory.Exists($"/sys/class/net/{port.Name}/bridge") ? "bridge"
        : Directory.Exists($"/sys/class/net/{port.Name}/bonding") ? "bond"
        : port.Name.Contains('.', StringComparison.Ordinal) ? "vlan" : "eth";

    private string? Certificate() => Text(data.At("tls/cert.pem")) is { Length: > 0 } pem ? pem : null;

    private static string Machine() => RuntimeInformation.OSArchitecture switch
    {
        Architecture.X64 => "x86_64",
        Architecture.Arm64 => "aarch64",
        var other => other.ToString(),
    };

    private static string Zone() => Word("/etc/timezone") is { Length: > 0 } and not "unknown" and var zone ? zone : TimeZoneInfo.Local.Id;

    private static bool SecureBoot()
    {
        const string Variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        try
        {
            return File.Exists(Variable) && File.ReadAllBytes(Variable) is [_, _, _, _, 1, ..];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long Memory(string key) => Numbers(Line("/proc/meminfo", key)) is [var kib, ..] ? kib * 1024 : 0;

    private static string Line(string path, string start) =>
        Text(path).Split('\n').FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal))?[start.Length..] ?? "";

    private static List<long> Numbers(string text) =>
        [
            .. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(part => long.TryParse(part, CultureInfo.InvariantCulture, out var value) ? value : 0),
        ];

    private static string? Field(string[] lines, string key) =>
        lines.FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal))?.Split(':', 2).ElementAtOrDefault(1)?.Trim();

    private static string Word(string path) => Text(path).Trim() is { Length: > 0 } word ? word : "unknown";

    private static string Text(string path)
    {
        try
        {
            return File.Exists(path) && new FileInfo(path).Length <= IdentityBytesMax ? File.ReadAllText(path) : "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
