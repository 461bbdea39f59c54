// Rows of /nodes, /status, charts, metrics, directories, and of what this appliance does not have.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class NodeStatusRows : PermissionRows
{
    private const string Node = "node=localhost";

    private static readonly string[] Directories =
    [
        "/", "/admin", "/config", "/config/metrics", "/config/notifications", "/config/notifications/endpoints", "/status", "/tape", "/tape/media",
    ];

    private static readonly string[] Configurations =
    [
        "/config/changer", "/config/drive", "/config/encryption-keys", "/config/media-pool", "/config/metrics/influxdb-http",
        "/config/metrics/influxdb-udp", "/config/remote", "/config/s3", "/config/sync", "/config/tape-backup-job", "/config/tape-encryption-keys",
        "/config/traffic-control", "/config/notifications/endpoints/gotify", "/config/notifications/endpoints/sendmail",
        "/config/notifications/endpoints/smtp", "/config/notifications/endpoints/webhook", "/config/notifications/matchers",
    ];

    private static readonly string[] Lists =
    [
        "/admin/metrics", "/admin/sync", "/admin/traffic-control", "/config/notifications/targets", "/tape/backup", "/tape/changer", "/tape/drive",
        "/tape/media/content", "/tape/media/list", "/tape/media/media-sets",
    ];

    public override IEnumerable<PermissionRow> Rows =>
    [
        SuperuserOnly("GET /nodes"), SuperuserOnly("GET /tape/scan-drives"), SuperuserOnly("GET /tape/scan-changers"),
        Anybody("GET /nodes/{node}", Node), Anybody("GET /admin/datastore/{store}", "store=main"),
        Needs("GET /nodes/{node}/status", "Sys.Audit", "/system/status", Node),
        Needs("POST /nodes/{node}/status", "Sys.PowerManagement", "/system/status", Node + "&command=none"),
        Needs("GET /nodes/{node}/services", "Sys.Audit", "/system/services", Node),
        Needs("GET /nodes/{node}/services/{service}/state", "Sys.Audit", "/system/services", Node + "&service=nosuch"),
        Needs("GET /nodes/{node}/subscription", "Sys.Audit", "/system", Node),
        Needs("GET /nodes/{node}/certificates/info", "Sys.Audit", "/system/certificates", Node),
        Needs("GET /nodes/{node}/report", "Sys.Audit", "/system/status", Node),
        Needs("GET /nodes/{node}/config", "Sys.Audit", "/system", Node),
        Needs("GET /nodes/{node}/apt/update", "Sys.Audit", "/", Node),
        Needs("GET /nodes/{node}/apt/versions", "Sys.Audit", "/", Node),
        Needs("GET /nodes/{node}/rrd", "Sys.Audit", "/system/status", Node + "&timeframe=hour&cf=MAX"),
        Needs("GET /admin/datastore/{store}/rrd", "Datastore.Audit|Datastore.Backup", Store, "timeframe=hour&cf=MAX"),
        Anybody("GET /status/datastore-usage") with
        {
            Shows = subject =>
            [
                ("\"store\":\"main\"", subject.HasBelow(Store, AnyDatastore)),
                ("\"history\"", subject.Has(Store, "Datastore.Audit|Datastore.Backup") || subject.Has("/datastore/other", "Datastore.Audit|Datastore.Backup")),
            ],
        },
        Anybody("GET /status/metrics"),
        .. Directories.Concat(Configurations).Concat(Lists).Select(path => Anybody("GET " + path)),
        .. Configurations.Select(path => Anybody("POST " + path)),
    ];
}
