// How a box shall be reached: interfaces, name servers, and which networks may use which door. The plan is checked as a whole, by words alone, so that whoever
// takes one (the agent, the API, an answer file) refuses the same ones with the same text.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Holdfast.Contracts.Network;

/// <summary>One interface.</summary>
/// <param name="Name">As Linux names it: <c>enp1s0</c>, <c>bond0</c>, <c>vlan30</c>; at most 15 characters.</param>
/// <param name="Type"><c>eth</c>, <c>bond</c>, <c>vlan</c>.</param>
/// <param name="Method"><c>dhcp</c>, <c>static</c>, <c>manual</c> (up, without an address: what a bond or VLAN stands on).</param>
/// <param name="Addresses">With static: <c>192.0.2.7/24</c>, <c>2001:db8::7/64</c>; 1 to 8.</param>
/// <param name="Gateway">IPv4, in a network of <paramref name="Addresses"/>.</param>
/// <param name="Gateway6">IPv6.</param>
/// <param name="MtuBytes">576 to 9216; null = as the system has it.</param>
/// <param name="BondMode">With bond: one of <see cref="NetworkPlan.BondModes"/>.</param>
/// <param name="Ports">With bond: the interfaces it is made of, 1 to 8.</param>
/// <param name="VlanId">With vlan: 1 to 4094.</param>
/// <param name="VlanOn">With vlan: the interface it runs on.</param>
public sealed record InterfacePlan(
    string Name, string Type, string Method, IReadOnlyList<string> Addresses, string? Gateway, string? Gateway6, int? MtuBytes,
    string? BondMode, IReadOnlyList<string> Ports, int? VlanId, string? VlanOn);

/// <summary>Who may use which door. An empty list lets everybody in.</summary>
/// <param name="Service">Port 8007: names of interfaces, or networks (<c>10.1.0.0/16</c>); at most 64.</param>
/// <param name="Admin">SSH, the same way.</param>
public sealed record DoorPlan(IReadOnlyList<string> Service, IReadOnlyList<string> Admin);

/// <summary>All of it. Interfaces that are not named get no address.</summary>
/// <param name="Interfaces">1 to 32.</param>
/// <param name="Dns">Addresses of name servers, at most 3.</param>
/// <param name="Search">Search domain.</param>
/// <param name="Doors">Null = as they are.</param>
public sealed partial record NetworkPlan(IReadOnlyList<InterfacePlan> Interfaces, IReadOnlyList<string> Dns, string? Search, DoorPlan? Doors)
{
    public const int InterfacesMax = 32;
    public const int MtuBytesMin = 576;
    public const int MtuBytesMax = 9216;

    /// <summary>IPv6 does not work below.</summary>
    private const int MtuBytesMin6 = 1280;

    private const int AddressesMax = 8;
    private const int PortsMax = 8;
    private const int DoorsMax = 64;
    private const int DnsMax = 3;

    public static readonly IReadOnlyList<string> Types = ["eth", "bond", "vlan"];
    public static readonly IReadOnlyList<string> Methods = ["dhcp", "static", "manual"];
    public static readonly IReadOnlyList<string> BondModes = ["active-backup", "802.3ad", "balance-xor", "balance-rr", "balance-tlb", "balance-alb"];

    /// <summary>Whether a text can be the name of an interface.</summary>
    public static bool IsName(string? text) => text is not null && NamePattern().IsMatch(text) && text is not ("lo" or "all" or "default");

    /// <summary>Address and prefix length, or null if the text is none.</summary>
    public static (IPAddress Address, int Prefix)? Cidr(string? text)
    {
        var slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        return slash > 0 && Ip(text![..slash]) is { } address
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var prefix)
            && prefix >= 1 && prefix <= Bits(address) ? (address, prefix) : null;
    }

    /// <summary>An address as people write it, in full; null if the text is none.</summary>
    public static IPAddress? Ip(string? text) =>
        text is { Length: > 0 and <= 45 } && IpPattern().IsMatch(text) && IPAddress.TryParse(text, out var address)
        && (address.AddressFamily == AddressFamily.InterNetworkV6 || text.Count(c => c == '.') == 3) ? address : null;

    /// <summary>A name of a host or domain.</summary>
    public static bool IsHostName(string? text) => text is { Length: > 0 and <= 253 } && HostPattern().IsMatch(text);

    /// <summary>What is wrong with the plan, or null. The first fault only; it names its interface.</summary>
    public string? Problem()
    {
        if (Interfaces is not { Count: >= 1 and <= InterfacesMax } || Interfaces.Any(one => one is null))
        {
            return $"a network has 1 to {InterfacesMax} interfaces";
        }

        if (Interfaces.FirstOrDefault(one => !IsName(one.Name)) is { } unnamed)
        {
            return $"'{unnamed.Name}' can't be the name of an interface";
        }

        if (Interfaces.GroupBy(one => one.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            return $"interface {twice.Key} is there twice";
        }

        return Interfaces.Select(ProblemOf).FirstOrDefault(problem => problem is not null) ?? RouteProblem() ?? NameProblem() ?? DoorProblem();
    }

    private string? ProblemOf(InterfacePlan one)
    {
        var wrong = !Types.Contains(one.Type) ? $"type '{one.Type}' is none of {string.Join(", ", Types)}"
            : !Methods.Contains(one.Method) ? $"method '{one.Method}' is none of {string.Join(", ", Methods)}"
            : one.MtuBytes is < MtuBytesMin or > MtuBytesMax ? $"an MTU is {MtuBytesMin} to {MtuBytesMax} bytes"
            : AddressProblem(one) ?? (one.Type == "bond" ? BondProblem(one)
                : one.BondMode is not null || one.Ports is { Count: > 0 } ? "only a bond has ports and a mode" : null)
                ?? (one.Type == "vlan" ? VlanProblem(one)
                : one.VlanId is not null || one.VlanOn is not null ? "only a VLAN has a number and an interface below" : null);
        return wrong is null ? null : $"interface {one.Name}: {wrong}";
    }

    private static string? AddressProblem(InterfacePlan one)
    {
        if (one.Method != "static")
        {
            return one.Addresses is { Count: > 0 } || one.Gateway is not null || one.Gateway6 is not null
                ? $"with method {one.Method} it has no address and no gateway of its own" : null;
        }

        if (one.Addresses is not { Count: >= 1 and <= AddressesMax })
        {
            return $"with method static it has 1 to {AddressesMax} addresses";
        }

        if (one.Addresses.FirstOrDefault(text => Cidr(text) is not { } cidr || !IsUsable(cidr)) is { } bad)
        {
            return $"'{bad}' is no address with the length of its network, such as 192.0.2.7/24, that an interface can have";
        }

        var networks = one.Addresses.Select(text => Cidr(text)!.Value).ToList();
        return GatewayProblem(one.Gateway, AddressFamily.InterNetwork, networks) ?? GatewayProblem(one.Gateway6, AddressFamily.InterNetworkV6, networks)
            ?? (one.MtuBytes < MtuBytesMin6 && networks.Any(cidr => cidr.Address.AddressFamily == AddressFamily.InterNetworkV6)
                ? $"IPv6 needs an MTU of {MtuBytesMin6} bytes or more" : null);
    }

    private static string? GatewayProblem(string? gateway, AddressFamily family, List<(IPAddress Address, int Prefix)> networks)
    {
        if (gateway is null)
        {
            return null;
        }

        if (Ip(gateway) is not { } address || address.AddressFamily != family)
        {
            return $"'{gateway}' is no {(family == AddressFamily.InterNetwork ? "IPv4" : "IPv6")} address of a gateway";
        }

        return address.IsIPv6LinkLocal || networks.Any(one => IsIn(address, one.Address, one.Prefix) && !address.Equals(one.Address))
            ? null : $"gateway {gateway} lies in none of its networks";
    }

    private string? BondProblem(InterfacePlan one) =>
        one.BondMode is null || !BondModes.Contains(one.BondMode) ? $"bond mode '{one.BondMode}' is none of {string.Join(", ", BondModes)}"
        : one.Ports is not { Count: >= 1 and <= PortsMax } ? $"a bond has 1 to {PortsMax} ports"
        : one.Ports.FirstOrDefault(port => Interfaces.FirstOrDefault(other => other.Name == port) is not { Type: "eth", Method: "manual" }) is { } bad
            ? $"its port '{bad}' is no interface of this plan of type eth and method manual"
        : one.Ports.FirstOrDefault(port => Interfaces.Any(other => other != one && (other.Ports?.Contains(port) ?? false))
            || Interfaces.Any(other => other.VlanOn == port)) is { } shared ? $"its port {shared} is used elsewhere as well"
        : one.Ports.Distinct(StringComparer.Ordinal).Count() != one.Ports.Count ? "a port is there twice" : null;

    private string? VlanProblem(InterfacePlan one) =>
        one.VlanId is not (>= 1 and <= 4094) ? "a VLAN has a number from 1 to 4094"
        : Interfaces.FirstOrDefault(other => other.Name == one.VlanOn) is not { Type: "eth" or "bond" } below
            ? $"it runs on '{one.VlanOn}', which is no interface of this plan of type eth or bond"
        : (one.MtuBytes ?? 1500) > (below.MtuBytes ?? 1500) ? $"its MTU is larger than that of {below.Name}"
        : Interfaces.Any(other => other != one && other.VlanOn == one.VlanOn && other.VlanId == one.VlanId)
            ? $"VLAN {one.VlanId} runs on {below.Name} twice" : null;

    private string? RouteProblem()
    {
        if (Interfaces.Count(one => one.Gateway is not null) > 1 || Interfaces.Count(one => one.Gateway6 is not null) > 1)
        {
            return "there is one gateway for IPv4 and one for IPv6";
        }

        if (Interfaces.All(one => one.Method == "manual"))
        {
            return "no interface has an address: nobody could reach the box";
        }

        var addresses = Interfaces.SelectMany(one => one.Addresses ?? []).Select(text => Cidr(text)!.Value.Address).ToList();
        return addresses.Distinct().Count() != addresses.Count ? "two interfaces have the same address" : null;
    }

    private string? NameProblem() =>
        Dns is not { Count: <= DnsMax } ? $"there are at most {DnsMax} name servers"
        : Dns.FirstOrDefault(text => Ip(text) is null) is { } bad ? $"'{bad}' is no address of a name server"
        : Search is not null && !IsHostName(Search) ? $"'{Search}' is no search domain" : null;

    private string? DoorProblem() =>
        Doors is null ? null
        : Doors.Service is not { Count: <= DoorsMax } || Doors.Admin is not { Count: <= DoorsMax } ? $"a door lets in at most {DoorsMax} networks"
        : Doors.Service.Concat(Doors.Admin).FirstOrDefault(text => !IsName(text) && Cidr(text) is null) is { } bad
            ? $"'{bad}' is neither an interface nor a network such as 10.1.0.0/16"
        : Doors.Service.Where(text => Cidr(text) is null).Concat(Doors.Admin.Where(text => Cidr(text) is null))
            .FirstOrDefault(name => Interfaces.All(one => one.Name != name)) is { } missing ? $"door: '{missing}' is no interface of this plan" : null;

    private static bool IsUsable((IPAddress Address, int Prefix) cidr) =>
        !IPAddress.IsLoopback(cidr.Address) && !cidr.Address.Equals(IPAddress.Any) && !cidr.Address.Equals(IPAddress.IPv6Any)
        && !cidr.Address.IsIPv6Multicast && !cidr.Address.IsIPv4MappedToIPv6
        && (cidr.Address.AddressFamily == AddressFamily.InterNetworkV6 || cidr.Address.GetAddressBytes()[0] is > 0 and < 224);

    private static int Bits(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;

    private static bool IsIn(IPAddress address, IPAddress network, int prefix)
    {
        var (a, b) = (address.GetAddressBytes(), network.GetAddressBytes());
        return a.Length == b.Length && Enumerable.Range(0, prefix).All(i => ((a[i / 8] ^ b[i / 8]) >> (7 - (i % 8)) & 1) == 0);
    }

    [GeneratedRegex(@"\A[a-zA-Z][a-zA-Z0-9_.-]{0,14}\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[0-9a-fA-F:.]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex IpPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostPattern();
}
