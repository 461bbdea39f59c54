// Edits of a plan as PBS's clients make them, an interface at a time (nodes/{node}/network). Pure; what comes out is checked as a whole when it is applied.
using Holdfast.Contracts.Network;
using Holdfast.Wire;

namespace Holdfast.Features.Network;

/// <summary>From calls to plans.</summary>
public static class NetworkEdits
{
    /// <summary>What a box does without a plan: every wire asks for an address.</summary>
    public static NetworkPlan Default(NetworkFacts facts) => new(
        [.. facts.Links.Where(link => link.Kind == "eth").Take(NetworkPlan.InterfacesMax)
            .Select(link => new InterfacePlan(link.Name, "eth", "dhcp", [], null, null, null, null, [], null, null))],
        [], null, null);

    /// <summary>Parameters of an interface, besides its name.</summary>
    public static readonly Parameter[] Parameters =
    [
        Parameter.Text("type") with { Choices = NetworkPlan.Types, Optional = true },
        Parameter.Text("method") with { Choices = NetworkPlan.Methods, Optional = true },
        Parameter.Text("cidr") with { Optional = true, Check = Address }, Parameter.Text("cidr6") with { Optional = true, Check = Address },
        Parameter.Text("gateway") with { Optional = true, Check = Host }, Parameter.Text("gateway6") with { Optional = true, Check = Host },
        Parameter.Integer("mtu") with { Optional = true, Minimum = NetworkPlan.MtuBytesMin, Maximum = NetworkPlan.MtuBytesMax },
        Parameter.Text("bond_mode") with { Choices = NetworkPlan.BondModes, Optional = true },
        Parameter.Text("slaves") with { Optional = true, MaxLength = 256 },
        Parameter.Integer("vlan-id") with { Optional = true, Minimum = 1, Maximum = 4094 },
        Parameter.Text("vlan-raw-device") with { Optional = true, MaxLength = 15 },
    ];

    /// <summary>Names that can be taken away again.</summary>
    public static readonly IReadOnlyList<string> Deletable =
        ["cidr", "cidr6", "gateway", "gateway6", "mtu", "bond_mode", "slaves", "vlan-id", "vlan-raw-device"];

    /// <summary>The plan with an interface that was not in it. The ports of a bond that had an address of their own lose it.</summary>
    public static NetworkPlan Add(NetworkPlan plan, string name, ApiParameters given) =>
        Put(plan, Change(new InterfacePlan(name, given.OptionalText("type") ?? "eth", "manual", [], null, null, null, null, [], null, null), given, []));

    /// <summary>The plan with an interface changed.</summary>
    public static NetworkPlan Change(NetworkPlan plan, InterfacePlan before, ApiParameters given, IReadOnlyList<string> delete) =>
        Put(plan, Change(before, given, delete));

    public static NetworkPlan Remove(NetworkPlan plan, string name) => plan with { Interfaces = [.. plan.Interfaces.Where(one => one.Name != name)] };

    private static InterfacePlan Change(InterfacePlan before, ApiParameters given, IReadOnlyList<string> delete)
    {
        var v4 = Given("cidr", before.Addresses.FirstOrDefault(IsV4));
        var v6 = Given("cidr6", before.Addresses.FirstOrDefault(address => !IsV4(address)));
        var method = given.OptionalText("method") ?? (given.Has("cidr") || given.Has("cidr6") ? "static" : before.Method);
        var isStatic = method == "static";
        var ports = Given("slaves", string.Join(' ', before.Ports)) ?? "";
        return before with
        {
            Type = given.OptionalText("type") ?? before.Type,
            Method = method,
            Addresses = !isStatic ? [] :
            [
                .. new[] { v4, v6 }.OfType<string>(),
                .. before.Addresses.Where(IsV4).Skip(1), .. before.Addresses.Where(address => !IsV4(address)).Skip(1),
            ],
            Gateway = isStatic ? Given("gateway", before.Gateway) : null,
            Gateway6 = isStatic ? Given("gateway6", before.Gateway6) : null,
            MtuBytes = delete.Contains("mtu") ? null : (int?)given.OptionalInteger("mtu") ?? before.MtuBytes,
            BondMode = Given("bond_mode", before.BondMode),
            Ports = ports.Split([' ', ',', ';'], StringSplitOptions.RemoveEmptyEntries),
            VlanId = delete.Contains("vlan-id") ? null : (int?)given.OptionalInteger("vlan-id") ?? before.VlanId,
            VlanOn = Given("vlan-raw-device", before.VlanOn),
        };

        string? Given(string name, string? otherwise) => delete.Contains(name) ? null : given.OptionalText(name) ?? otherwise;
    }

    private static NetworkPlan Put(NetworkPlan plan, InterfacePlan one) => plan with
    {
        Interfaces =
        [
            .. plan.Interfaces.Where(other => other.Name != one.Name).Select(other => !one.Ports.Contains(other.Name) ? other
                : other with { Method = "manual", Addresses = [], Gateway = null, Gateway6 = null }),
            one,
        ],
    };

    private static bool IsV4(string cidr) => !cidr.Contains(':', StringComparison.Ordinal);

    private static string? Address(string text) => NetworkPlan.Cidr(text) is null ? "no address with the length of its network, such as 192.0.2.7/24" : null;

    private static string? Host(string text) => NetworkPlan.Ip(text) is null ? "no address" : null;
}
