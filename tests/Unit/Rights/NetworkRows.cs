// Rows of the network, of time, of the journal, and of forgetting everything. There is no agent in that world: who may is told so.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class NetworkRows : PermissionRows
{
    private const string Node = "node=localhost";
    private const string Interfaces = "/system/network/interfaces";

    public override IEnumerable<PermissionRow> Rows =>
    [
        Needs("GET /nodes/{node}/network", "Sys.Audit", Interfaces, Node),
        Needs("GET /nodes/{node}/network/{iface}", "Sys.Audit", Interfaces, Node + "&iface=nosuch"),
        Needs("POST /nodes/{node}/network", "Sys.Modify", Interfaces, Node + "&iface=vlan30"),
        Needs("PUT /nodes/{node}/network/{iface}", "Sys.Modify", Interfaces, Node + "&iface=nosuch"),
        Needs("DELETE /nodes/{node}/network/{iface}", "Sys.Modify", Interfaces, Node + "&iface=nosuch"),
        Needs("PUT /nodes/{node}/network", "Sys.Modify", Interfaces, Node),
        Needs("DELETE /nodes/{node}/network", "Sys.Modify", Interfaces, Node),
        Needs("GET /nodes/{node}/network-plan", "Sys.Audit", Interfaces, Node),
        Needs("POST /nodes/{node}/network-plan", "Sys.Modify", Interfaces, Node + "&plan={}"),
        Needs("GET /nodes/{node}/network-change", "Sys.Audit", Interfaces, Node),
        Needs("POST /nodes/{node}/network-change", "Sys.Modify", Interfaces, Node + "&change=none"),
        Needs("DELETE /nodes/{node}/network-change", "Sys.Modify", Interfaces, Node + "&change=none"),
        Needs("PUT /nodes/{node}/network-doors", "Sys.Modify", Interfaces, Node),
        Needs("POST /nodes/{node}/network-path", "Sys.Modify", Interfaces, Node + "&target=192.0.2.1&mtu=1500"),
        Needs("GET /nodes/{node}/dns", "Sys.Audit", "/system/network/dns", Node),
        Needs("PUT /nodes/{node}/dns", "Sys.Modify", "/system/network/dns", Node + "&dns1=192.0.2.1"),
        Needs("GET /nodes/{node}/time", "Sys.Audit", "/system/time", Node),
        Needs("PUT /nodes/{node}/time", "Sys.Modify", "/system/time", Node + "&timezone=Etc/UTC"),
        Needs("GET /nodes/{node}/time-servers", "Sys.Audit", "/system/time", Node),
        Needs("PUT /nodes/{node}/time-servers", "Sys.Modify", "/system/time", Node),
        Needs("GET /nodes/{node}/journal", "Sys.Audit", "/system/log", Node),
        SuperuserOnly("GET /nodes/{node}/answer", Node),
        SuperuserOnly("POST /nodes/{node}/answer", Node + "&outcome=applied&text=x&digest=" + new string('0', 64)),
        SuperuserOnly("POST /nodes/{node}/factory-reset", Node + "&confirm=no"),
    ];
}
