// Plans of the network: which ones are refused and why, the files they become, what ip(8) tells, and edits as PBS's clients make them.
using Holdfast.Agent.Network;
using Holdfast.Agent.Programs;
using Holdfast.Contracts.Network;
using Holdfast.Features.Network;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Network;

public sealed class NetworkTests
{
    private const string Bonded = """
        {"interfaces":[
          {"name":"enp1s0","method":"manual","mtu-bytes":9000},{"name":"enp2s0","method":"manual","mtu-bytes":9000},
          {"name":"bond0","type":"bond","method":"static","addresses":["192.0.2.7/24","2001:db8::7/64"],"gateway":"192.0.2.1","mtu-bytes":9000,
           "bond-mode":"802.3ad","ports":["enp1s0","enp2s0"]},
          {"name":"vlan30","type":"vlan","method":"static","addresses":["10.30.0.7/24"],"vlan-id":30,"vlan-on":"bond0","mtu-bytes":9000}],
         "dns":["192.0.2.53"],"search":"example.org","doors":{"service":["vlan30","10.1.0.0/16","2001:db8:1::/48"],"admin":["192.0.2.0/24"]}}
        """;

    [Fact]
    public void A_plan_becomes_the_files_of_networkd_and_the_rules_of_nftables()
    {
        var plan = NetworkPlanJson.Parse(Bonded);
        var files = NetworkFiles.Of(plan);
        Assert.Equal(
            ["10-holdfast-bond0.netdev", "10-holdfast-vlan30.netdev", "20-holdfast-bond0.network", "20-holdfast-enp1s0.network", "20-holdfast-enp2s0.network",
                "20-holdfast-vlan30.network", "79-holdfast-others.network"],
            files.Keys);
        Assert.Contains("Name=bond0\nKind=bond\nMTUBytes=9000\n\n[Bond]\nMode=802.3ad\n", files["10-holdfast-bond0.netdev"], StringComparison.Ordinal);
        Assert.Contains("[VLAN]\nId=30\n", files["10-holdfast-vlan30.netdev"], StringComparison.Ordinal);
        Assert.Contains("[Network]\nBond=bond0\n", files["20-holdfast-enp1s0.network"], StringComparison.Ordinal);
        var bond = files["20-holdfast-bond0.network"];
        foreach (var line in (string[])["VLAN=vlan30", "DNS=192.0.2.53", "Domains=example.org", "Address=192.0.2.7/24", "Address=2001:db8::7/64", "DHCP=no"])
        {
            Assert.Contains($"\n{line}\n", bond, StringComparison.Ordinal);
        }

        Assert.Contains("\n[Route]\nGateway=192.0.2.1\n", bond, StringComparison.Ordinal);
        Assert.DoesNotContain("DNS=", files["20-holdfast-vlan30.network"], StringComparison.Ordinal);
        var doors = NetworkFiles.Doors(plan.Doors!);
        Assert.Contains(
            "chain service { iifname \"vlan30\" accept; ip saddr 10.1.0.0/16 accept; ip6 saddr 2001:db8:1::/48 accept; }\n", doors, StringComparison.Ordinal);
        Assert.Contains("chain admin { ip saddr 192.0.2.0/24 accept; }\n", doors, StringComparison.Ordinal);
        Assert.Contains("chain service { accept; }", NetworkFiles.Doors(new DoorPlan([], [])), StringComparison.Ordinal);
        Assert.Equal(NetworkPlanJson.ToJson(plan), NetworkPlanJson.ToJson(NetworkPlanJson.Parse(NetworkPlanJson.ToJson(plan))));
    }

    [Theory]
    [InlineData("{}", "1 to 32 interfaces")]
    [InlineData("[]", "no plan")]
    [InlineData("{\"interfaces\":[null]}", "1 to 32 interfaces")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"}],\"nosuch\":1}", "no plan")]
    [InlineData("{\"interfaces\":[{\"name\":\"lo\",\"method\":\"dhcp\"}]}", "can't be the name")]
    [InlineData("{\"interfaces\":[{\"name\":\"a/b\",\"method\":\"dhcp\"}]}", "can't be the name")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\\nDHCP=yes\",\"method\":\"dhcp\"}]}", "can't be the name")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"},{\"name\":\"a\",\"method\":\"dhcp\"}]}", "twice")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"pray\"}]}", "method 'pray'")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"manual\"}]}", "nobody could reach the box")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\"}]}", "1 to 8 addresses")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"192.0.2.7\"]}]}", "is no address")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"192.0.2.7/33\"]}]}", "is no address")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"127.0.0.1/8\"]}]}", "is no address")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"192.0.2.7/24\\nDHCP=yes\"]}]}", "is no address")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"192.0.2.7/24\"],\"gateway\":\"9.9.9.9\"}]}", "in none of its")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"192.0.2.7/24\"],\"gateway\":\"2001:db8::1\"}]}", "no IPv4 address")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\",\"addresses\":[\"192.0.2.7/24\"]}]}", "no address and no gateway")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\",\"mtu-bytes\":100}]}", "576 to 9216")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"static\",\"addresses\":[\"fd00::7/64\"],\"mtu-bytes\":1000}]}", "IPv6 needs")]
    [InlineData("{\"interfaces\":[{\"name\":\"b\",\"type\":\"bond\",\"method\":\"dhcp\",\"bond-mode\":\"802.3ad\",\"ports\":[\"x\"]}]}", "its port 'x'")]
    [InlineData("{\"interfaces\":[{\"name\":\"b\",\"type\":\"bond\",\"method\":\"dhcp\",\"ports\":[\"x\"]}]}", "bond mode ''")]
    [InlineData("{\"interfaces\":[{\"name\":\"v\",\"type\":\"vlan\",\"method\":\"dhcp\",\"vlan-id\":4095,\"vlan-on\":\"a\"}]}", "1 to 4094")]
    [InlineData("{\"interfaces\":[{\"name\":\"v\",\"type\":\"vlan\",\"method\":\"dhcp\",\"vlan-id\":3,\"vlan-on\":\"v\"}]}", "runs on 'v'")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"}],\"dns\":[\"one.one.one.one\"]}", "no address of a name server")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"}],\"search\":\"a b\"}", "no search domain")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"}],\"doors\":{\"service\":[\"eth9\"],\"admin\":[]}}", "no interface of this plan")]
    [InlineData("{\"interfaces\":[{\"name\":\"a\",\"method\":\"dhcp\"}],\"doors\":{\"service\":[\"a\\\" accept; }\"],\"admin\":[]}}", "neither an interface")]
    public void A_plan_with_a_fault_is_refused_with_the_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => NetworkPlanJson.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_ip_tells_is_read()
    {
        const string Said = """
            [{},{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"link_type":"loopback","address":"00:00:00:00:00:00"},
             {"ifindex":2,"ifname":"enp1s0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"link_type":"ether","address":"52:54:00:12:34:56",
              "addr_info":[{"family":"inet","local":"10.0.2.15","prefixlen":24},{"family":"inet6","local":"fe80::1","prefixlen":64}]},
             {"ifindex":3,"ifname":"v30","link":"enp1s0","flags":["BROADCAST"],"mtu":1496,"link_type":"ether","address":"52:54:00:12:34:56",
              "linkinfo":{"info_kind":"vlan","info_data":{"id":30}},"addr_info":[]}]
            """;
        var links = NetworkReader.Links(Said);
        Assert.Equal(["loopback", "eth", "vlan"], links.Select(link => link.Kind));
        Assert.Equal(["10.0.2.15/24", "fe80::1/64"], links[1].Addresses);
        Assert.Equal(("enp1s0", 1496, false, false), (links[2].On, links[2].MtuBytes, links[2].IsUp, links[2].HasCarrier));
        Assert.Equal(new RouteFacts("default", "10.0.2.2", "enp1s0"),
            Assert.Single(NetworkReader.Routes("""[{"dst":"default","gateway":"10.0.2.2","dev":"enp1s0","flags":[]}]""")));
        Assert.Empty(NetworkReader.Routes("\n"));
        Assert.Equal(["10.0.2.3", "fd00::1%2"], NetworkReader.Dns("Global:\nLink 2 (enp1s0): 10.0.2.3 fd00::1%2\nLink 3 (x):\n"));
        foreach (var bad in (string[])["{", "7", "[{\"ifindex\":1}]"])
        {
            Assert.Throws<InvalidDataException>(() => NetworkReader.Links(bad));
        }
    }

    [Fact]
    public async Task This_machines_own_links_are_read()
    {
        var reader = new NetworkReader(new LinuxPrograms());
        if (!new LinuxPrograms().Has("ip"))
        {
            return;
        }

        Assert.Contains(await reader.LinksAsync(default), link => link is { Name: "lo", Kind: "loopback" });
        _ = await reader.RoutesAsync(default);
    }

    [Fact]
    public void Edits_are_those_of_PBS()
    {
        var facts = new NetworkFacts(
            [new("lo", "loopback", null, 65536, true, true, null, []), 
                .. new[] { "e1", "e2" }.Select(name => new LinkFacts(name, "eth", null, 1500, true, true, null, []))],
            [], [], null, null, null);
        var plan = NetworkEdits.Default(facts);
        Assert.Equal(["e1", "e2"], plan.Interfaces.Select(one => one.Name));
        var bond = NetworkEdits.Add(plan, "bond0", Given("type=bond&bond_mode=active-backup&slaves=e1 e2&cidr=192.0.2.7/24&gateway=192.0.2.1"));
        Assert.Null(bond.Problem());
        Assert.All(bond.Interfaces.Take(2), port => Assert.Equal("manual", port.Method));
        var before = bond.Interfaces[2];
        var asking = NetworkEdits.Change(bond, before, Given("method=dhcp&mtu=9000"), []);
        var after = asking.Interfaces[2];
        Assert.Equal(("dhcp", 9000, 0, (string?)null), (after.Method, after.MtuBytes, after.Addresses.Count, after.Gateway));
        Assert.Null(NetworkEdits.Change(bond, before, Given(""), ["gateway"]).Interfaces[2].Gateway);
        Assert.Equal("a network has 1 to 32 interfaces",
            NetworkEdits.Remove(NetworkEdits.Remove(NetworkEdits.Remove(bond, "bond0"), "e1"), "e2").Problem());
    }

    private static ApiParameters Given(string form)
    {
        var given = new ParameterSchema(NetworkEdits.Parameters).ReadText(ParameterSchema.Split(form)!);
        Assert.Empty(given.Faults);
        return given;
    }
}
