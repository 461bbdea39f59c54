// Interfaces, name servers and changes as JSON: PBS's members where PBS has them.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Holdfast.Contracts.Network;
using Holdfast.Features.Node;
using Holdfast.Wire;

namespace Holdfast.Features.Network;

internal static class NetworkShapes
{
    private static readonly string Nothing = Sha256("");

    /// <summary>An interface: addresses as it has them, the rest as it is planned; without a plan its settings are the system's business.</summary>
    public static void Write(Utf8JsonWriter json, NetworkPort port, InterfacePlan? plan)
    {
        json.WriteStartObject();
        json.WriteBoolean("active", port.IsUp);
        json.WriteBoolean("autostart", plan is not null);
        Text(json, "bond_mode", plan?.BondMode);
        var addresses = plan is { Method: "static" } ? plan.Addresses : port.Addresses;
        Text(json, "cidr", addresses.FirstOrDefault(address => !address.Contains(':', StringComparison.Ordinal)));
        Text(json, "cidr6", addresses.FirstOrDefault(address => address.Contains(':', StringComparison.Ordinal)));
        json.WriteString("digest", Nothing);
        Text(json, "gateway", plan?.Gateway);
        Text(json, "gateway6", plan?.Gateway6);
        json.WriteString("iface", port.Name);
        json.WriteString("method", plan?.Method ?? "manual");
        if (plan?.MtuBytes is { } mtu)
        {
            json.WriteNumber("mtu", mtu);
        }

        json.WriteString("name", port.Name);
        if (plan is { Ports.Count: > 0 })
        {
            json.WriteStartArray("slaves");
            foreach (var name in plan.Ports)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
        }

        json.WriteString("type", plan?.Type ?? port.Kind);
        if (plan?.VlanId is { } id)
        {
            json.WriteNumber("vlan-id", id);
        }

        Text(json, "vlan-raw-device", plan?.VlanOn);
        json.WriteEndObject();
    }

    /// <summary>Which change waits, and what became of the last.</summary>
    public static void Write(Utf8JsonWriter json, NetworkFacts facts)
    {
        json.WriteStartObject();
        if (facts.Pending is { } pending)
        {
            json.WriteString("change", pending.Change);
            json.WriteNumber("left-ms", pending.LeftMs);
        }

        if (facts.Last is { } last)
        {
            json.WriteStartObject("last");
            json.WriteString("change", last.Change);
            json.WriteString("outcome", last.Outcome);
            Text(json, "why", last.Why);
            json.WriteEndObject();
        }

        json.WriteString("state", facts.Pending is null ? "settled" : "waiting");
        json.WriteEndObject();
    }

    public static ApiResult Dns(NodeIdentity box) => ApiResult.Data(json =>
    {
        json.WriteStartObject();
        json.WriteString("digest", Sha256(box.ResolverText));
        for (var i = 0; i < Math.Min(3, box.NameServers.Count); i++)
        {
            json.WriteString("dns" + (i + 1).ToString(CultureInfo.InvariantCulture), box.NameServers[i]);
        }

        Text(json, "search", box.SearchDomain);
        json.WriteEndObject();
    });

    private static void Text(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
