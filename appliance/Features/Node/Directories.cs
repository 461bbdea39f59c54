// The directory listings of the API tree: who walks the tree (a shell's completion, a page) sees the parts that are there.
using Holdfast.Wire;

namespace Holdfast.Features.Node;

/// <summary>Listings of sub-paths.</summary>
public static class Directories
{
    private static readonly (string Path, string[] Names)[] Known =
    [
        ("/", ["access", "admin", "backup", "config", "nodes", "ping", "reader", "status", "tape", "version"]),
        ("/admin", ["datastore", "gc", "metrics", "prune", "sync", "traffic-control", "verify"]),
        ("/admin/datastore/{store}",
        [
            "active-operations", "catalog", "change-owner", "download", "download-decoded", "files", "gc", "group-notes", "groups", "mount",
            "move-group", "move-namespace", "namespace", "notes", "protected", "prune", "prune-datastore", "pxar-file-download", "rrd",
            "s3-refresh", "snapshots", "status", "unmount", "upload-backup-log", "verify",
        ]),
        ("/config",
        [
            "changer", "datastore", "drive", "encryption-keys", "media-pool", "metrics", "notifications", "prune", "remote", "s3", "sync",
            "tape-backup-job", "tape-encryption-keys", "traffic-control", "verify",
        ]),
        ("/config/metrics", ["influxdb-http", "influxdb-udp"]),
        ("/config/notifications", ["endpoints", "matchers", "targets"]),
        ("/config/notifications/endpoints", ["gotify", "sendmail", "smtp", "webhook"]),
        ("/nodes/{node}",
        [
            "apt", "certificates", "config", "dns", "identity", "network", "report", "rrd", "services", "status", "subscription", "tasks", "time",
        ]),
        ("/status", ["datastore-usage", "metrics"]),
        ("/tape", ["backup", "changer", "drive", "media", "scan-changers", "scan-drives"]),
        ("/tape/media", ["content", "list", "media-sets"]),
    ];

    public static IEnumerable<ApiEndpoint> Endpoints => Known.Select(directory => new ApiEndpoint(
        "GET", directory.Path, SchemaOf(directory.Path),
        _ => ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var name in directory.Names)
            {
                json.WriteStartObject();
                json.WriteString("subdir", name);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }))));

    private static ParameterSchema SchemaOf(string path) =>
        path.Contains("{node}", StringComparison.Ordinal) ? new(PbsSchema.Node())
        : path.Contains("{store}", StringComparison.Ordinal) ? new(PbsSchema.Store())
        : ParameterSchema.Empty;
}
