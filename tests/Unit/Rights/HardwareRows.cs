// Rows of pools, disks and versions. There is no agent in the matrix: whoever may gets its absence as an answer, and nothing happens.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class HardwareRows : PermissionRows
{
    private const string On = "/system/disks";
    private const string Updates = "/system/update";
    private const string Pools = "/nodes/{node}/pools/{pool}/";

    public override IEnumerable<PermissionRow> Rows =>
    [
        Needs("GET /nodes/{node}/disks/zfs", "Sys.Audit", On, "node=localhost"),
        Needs("GET /nodes/{node}/disks/zfs/{name}", "Sys.Audit", On, "node=localhost&name=tank"),
        Needs("GET /nodes/{node}/pools/importable", "Sys.Audit", On, "node=localhost"),
        Needs("GET /nodes/{node}/disks/list", "Sys.Audit", On, "node=localhost"),
        Needs("GET /nodes/{node}/panel/hardware", "Sys.Audit", "/system/status", "node=localhost"),
        Needs("GET /nodes/{node}/panel", "Sys.Audit", "/system/status", "node=localhost"),
        Needs("POST /nodes/{node}/panel/test", "Sys.Modify", "/system/status", "node=localhost"),
        Needs("POST /nodes/{node}/hardware-test", "Sys.Modify", "/system/status", "node=localhost&steps=[]"),
        Needs("GET /nodes/{node}/sensors", "Sys.Audit", "/system/status", "node=localhost"),
        Needs("GET /nodes/{node}/power", "Sys.Audit", "/system/status", "node=localhost"),
        Needs("GET /nodes/{node}/update", "Sys.Audit", Updates, "node=localhost"),
        Needs("POST /nodes/{node}/update/bundle", "Sys.Modify", Updates, "node=localhost&offset=0&total=1"),
        Needs("POST /nodes/{node}/update/install", "Sys.Modify", Updates, "node=localhost"),
        Needs("POST /nodes/{node}/update/rollback", "Sys.Modify", Updates, "node=localhost"),
        Needs("GET /nodes/{node}/disks/smart", "Sys.Audit", On, "node=localhost&disk=sda"),
        Modifies("POST /nodes/{node}/disks/zfs", "name=tank&devices=a,b&raidlevel=mirror"),
        Modifies("POST /nodes/{node}/disks/test", "disk=sda&test=short"),
        Modifies("POST /nodes/{node}/disks/light", "disk=sda&light=locate"),
        Modifies("POST /nodes/{node}/pools/import", "pool=tank"),
        Modifies("POST " + Pools + "export", "pool=tank"),
        Modifies("POST " + Pools + "clear", "pool=tank"),
        Modifies("POST " + Pools + "online", "pool=tank&vdev=1"),
        Modifies("POST " + Pools + "offline", "pool=tank&vdev=1"),
        Modifies("POST " + Pools + "attach", "pool=tank&vdev=1&disk=a"),
        Modifies("POST " + Pools + "spare", "pool=tank&disk=a"),
        Modifies("POST " + Pools + "trim", "pool=tank"),
        Modifies("POST " + Pools + "scrub", "pool=tank"),
        Modifies("POST " + Pools + "scrub/pause", "pool=tank"),
        Modifies("POST " + Pools + "scrub/stop", "pool=tank"),
        Modifies("POST " + Pools + "replace", "pool=tank&vdev=1"),
        Modifies("POST " + Pools + "quota", "pool=tank&name=a&quota=0"),
        Modifies("POST " + Pools + "sync", "pool=tank&name=a&sync=standard"),
        Modifies("POST " + Pools + "snapshot", "pool=tank&name=a&snapshot=s"),
        Modifies("POST " + Pools + "release", "pool=tank&name=a&snapshot=s"),
        Needs("GET " + Pools + "datasets", "Sys.Audit", On, "node=localhost&pool=tank"),
        Modifies("POST " + Pools + "datasets", "pool=tank&name=a"),
        Modifies("PUT " + Pools + "datasets/{name}", "pool=tank&name=a&atime=off"),
        Modifies("DELETE " + Pools + "datasets/{name}", "pool=tank&name=a&confirm=tank/a"),
        Needs("GET /nodes/{node}/nfs/exports", "Sys.Audit", On, "node=localhost"),
        Needs("GET /nodes/{node}/nfs/mounts", "Sys.Audit", On, "node=localhost"),
        Modifies("POST /nodes/{node}/nfs/exports", "name=a&clients=10.0.0.0/8"),
        Modifies("DELETE /nodes/{node}/nfs/exports/{name}", "name=a"),
        Modifies("POST /nodes/{node}/nfs/mounts", "name=a&server=10.0.0.1&remote=/a"),
        Modifies("DELETE /nodes/{node}/nfs/mounts/{name}", "name=a"),
        Modifies("POST " + Pools + "datastore", "pool=tank&name=abc"),
    ];

    private static PermissionRow Modifies(string endpoint, string arguments) => Needs(endpoint, "Sys.Modify", On, "node=localhost&" + arguments);
}
