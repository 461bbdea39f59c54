// A plan of the network as the files that systemd-networkd (man systemd.network, systemd.netdev) and nftables read. Pure: the same plan is the same files.
using System.Text;
using Holdfast.Contracts.Network;

namespace Holdfast.Agent.Network;

/// <summary>Files by their names.</summary>
public static class NetworkFiles
{
    /// <summary>In front of every file that is made from a plan; others are the admin's own.</summary>
    public const string Mark = "-holdfast-";

    /// <summary>Files of devices come before those of what they carry.</summary>
    private const string NetDev = "10" + Mark;

    private const string Link = "20" + Mark;

    /// <summary>Before the image's own file that has every wire ask for an address.</summary>
    private const string Others = "79" + Mark + "others.network";

    /// <summary>A plan without fault (<see cref="NetworkPlan.Problem"/>).</summary>
    public static IReadOnlyDictionary<string, string> Of(NetworkPlan plan)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [Others] = Head + "[Match]\nType=ether\nKind=!*\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
        };
        foreach (var one in plan.Interfaces)
        {
            files[$"{Link}{one.Name}.network"] = NetworkOf(plan, one);
            if (one.Type != "eth")
            {
                files[$"{NetDev}{one.Name}.netdev"] = DeviceOf(one);
            }
        }

        return files;
    }

    /// <summary>The two chains that the ruleset of the image includes.</summary>
    public static string Doors(DoorPlan doors) => "# Made from the network plan of this box.\n" + Chain("service", doors.Service) + Chain("admin", doors.Admin);

    /// <summary>Device that a file of ours makes; null if it makes none.</summary>
    public static string? DeviceOf(string file) => file.StartsWith(NetDev, StringComparison.Ordinal) && file.EndsWith(".netdev", StringComparison.Ordinal)
        ? file[NetDev.Length..^".netdev".Length] : null;

    public static bool IsOurs(string file) => file.Length > 2 && file[2..].StartsWith(Mark, StringComparison.Ordinal);

    private const string Head = "# Made from the network plan of this box: what is changed here is lost.\n";

    private static string Chain(string name, IReadOnlyList<string> from)
    {
        var rules = from.Count == 0 ? "accept;" : string.Join(' ', from.Select(one =>
            NetworkPlan.Cidr(one) is not { } cidr ? $"iifname \"{one}\" accept;"
            : $"{(cidr.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? "ip" : "ip6")} saddr {one} accept;"));
        return $"chain {name} {{ {rules} }}\n";
    }

    private static string DeviceOf(InterfacePlan one)
    {
        var text = new StringBuilder(Head).Append($"[NetDev]\nName={one.Name}\nKind={one.Type}\n");
        if (one.MtuBytes is { } mtu)
        {
            text.Append($"MTUBytes={mtu}\n");
        }

        if (one.Type == "vlan")
        {
            return text.Append($"\n[VLAN]\nId={one.VlanId}\n").ToString();
        }

        text.Append($"\n[Bond]\nMode={one.BondMode}\nMIIMonitorSec=100ms\n");
        return (one.BondMode switch
        {
            "802.3ad" => text.Append("TransmitHashPolicy=layer3+4\nLACPTransmitRate=fast\n"),
            "balance-xor" => text.Append("TransmitHashPolicy=layer3+4\n"),
            _ => text,
        }).ToString();
    }

    private static string NetworkOf(NetworkPlan plan, InterfacePlan one)
    {
        var text = new StringBuilder(Head).Append($"[Match]\nName={one.Name}\n");
        if (one.MtuBytes is { } mtu)
        {
            text.Append($"\n[Link]\nMTUBytes={mtu}\n");
        }

        text.Append("\n[Network]\n");
        if (plan.Interfaces.FirstOrDefault(other => other.Ports?.Contains(one.Name) ?? false) is { } bond)
        {
            return text.Append($"Bond={bond.Name}\n").ToString();
        }

        foreach (var vlan in plan.Interfaces.Where(other => other.VlanOn == one.Name))
        {
            text.Append($"VLAN={vlan.Name}\n");
        }

        // Name servers stand at the first interface that has an address: they are the box's, not a wire's.
        if (plan.Interfaces.First(other => other.Method != "manual") == one)
        {
            text.Append(string.Concat(plan.Dns.Select(server => $"DNS={server}\n")));
            text.Append(plan.Search is { } search ? $"Domains={search}\n" : "");
        }

        return (one.Method switch
        {
            "dhcp" => Asking(text, plan),
            "static" => Fixed(text, one),
            _ => text.Append("DHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"),
        }).ToString();
    }

    private static StringBuilder Asking(StringBuilder text, NetworkPlan plan)
    {
        text.Append("DHCP=yes\nIPv6AcceptRA=yes\n\n[DHCPv4]\nClientIdentifier=mac\n");
        return plan.Dns.Count == 0 ? text : text.Append("UseDNS=no\n\n[DHCPv6]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n");
    }

    private static StringBuilder Fixed(StringBuilder text, InterfacePlan one)
    {
        text.Append("DHCP=no\nIPv6AcceptRA=no\n").Append(string.Concat(one.Addresses.Select(address => $"Address={address}\n")));
        foreach (var gateway in (string?[])[one.Gateway, one.Gateway6])
        {
            text.Append(gateway is null ? "" : $"\n[Route]\nGateway={gateway}\n");
        }

        return text;
    }
}
