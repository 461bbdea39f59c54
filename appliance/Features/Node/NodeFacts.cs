// What the box says of itself: read by the host from the running system, measured at one moment. Slices see only these facts.
namespace Holdfast.Features.Node;

/// <summary>Total, used and free bytes.</summary>
public readonly record struct Room(long TotalBytes, long UsedBytes, long FreeBytes);

/// <summary>Facts that change.</summary>
/// <param name="CpuBusy">Ticks of all processors spent on work since the start of the system.</param>
/// <param name="CpuWait">Ticks spent waiting for I/O.</param>
/// <param name="CpuTotal">All ticks.</param>
/// <param name="NetInBytes">Bytes received on real interfaces since the start.</param>
public sealed record NodeReading(
    long CpuBusy, long CpuWait, long CpuTotal, double Load1, double Load5, double Load15, Room Memory, Room Swap, Room Root,
    long NetInBytes, long NetOutBytes, long UptimeS);

/// <summary>One network interface.</summary>
/// <param name="Kind"><c>eth</c>, <c>bond</c>, <c>bridge</c>, <c>loopback</c>, <c>vlan</c>.</param>
public sealed record NetworkPort(string Name, bool IsUp, string Kind, IReadOnlyList<string> Addresses);

/// <summary>Facts that stay, or change rarely.</summary>
/// <param name="IsEfi">Booted by EFI.</param>
/// <param name="CertificatePem">The certificate of the port; null if it can't be read.</param>
/// <param name="NameServers">In their order, at most three.</param>
public sealed record NodeIdentity(
    string Name, string SystemName, string Release, string KernelVersion, string Machine, string CpuModel, int Sockets, int Cpus,
    bool IsEfi, bool SecureBoot, string? CertificatePem, string TimeZone, IReadOnlyList<string> NameServers, string? SearchDomain,
    string ResolverText, IReadOnlyList<NetworkPort> Ports, string Version);

/// <summary>Where they come from.</summary>
public interface INodeSource
{
    NodeReading Read();

    NodeIdentity Identify();
}

/// <summary>A box of which nothing is known: where no source was given.</summary>
public sealed class UnknownNode : INodeSource
{
    public NodeReading Read() => new(0, 0, 1, 0, 0, 0, default, default, default, 0, 0, 0);

    public NodeIdentity Identify() => new(
        "localhost", "Linux", "unknown", "unknown", "unknown", "unknown", 1, 1, false, false, null, "Etc/UTC", [], null, "", [], "unknown");
}
