// What a PBS has and this appliance has not (yet): lists of it are truthfully empty, as a PBS's are where nothing was configured, and making one is refused
// with words that say so. docs/operations.md has the same list.
using System.Security.Cryptography;
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Node;

/// <summary>Empty lists.</summary>
public static class NotHere
{
    /// <summary>Lists of configuration: they carry a digest, and can be posted to.</summary>
    private static readonly (string Path, string What)[] Configurations =
    [
        ("/config/changer", "tape changers"), ("/config/drive", "tape drives"), ("/config/encryption-keys", "encryption keys of the server"),
        ("/config/media-pool", "media pools"), ("/config/metrics/influxdb-http", "metric servers"), ("/config/metrics/influxdb-udp", "metric servers"),
        ("/config/remote", "remotes"), ("/config/s3", "S3 endpoints"), ("/config/sync", "sync jobs"), ("/config/tape-backup-job", "tape jobs"),
        ("/config/tape-encryption-keys", "tape keys"), ("/config/traffic-control", "traffic rules"),
        ("/config/notifications/endpoints/gotify", "notification targets"), ("/config/notifications/endpoints/sendmail", "notification targets"),
        ("/config/notifications/endpoints/smtp", "notification targets"), ("/config/notifications/endpoints/webhook", "notification targets"),
        ("/config/notifications/matchers", "notification rules"),
    ];

    /// <summary>Lists of what is found or runs.</summary>
    private static readonly string[] Lists =
    [
        "/admin/metrics", "/admin/sync", "/admin/traffic-control", "/config/notifications/targets", "/tape/backup", "/tape/changer", "/tape/drive",
        "/tape/media/content", "/tape/media/list", "/tape/media/media-sets",
    ];

    private static readonly string Digest = Convert.ToHexStringLower(SHA256.HashData([]));

    private static readonly ParameterSchema Anything = new() { Open = true };

    public static IEnumerable<ApiEndpoint> Endpoints =>
    [
        .. Configurations.Select(list => new ApiEndpoint("GET", list.Path, Anything, _ => Empty())),
        .. Configurations.Select(list => new ApiEndpoint("POST", list.Path, Anything,
            _ => ValueTask.FromResult(ApiResult.Error($"{list.What} are not available on this appliance")))),
        .. Lists.Select(path => new ApiEndpoint("GET", path, Anything, _ => Empty())),
        .. new[] { "/tape/scan-drives", "/tape/scan-changers" }.Select(path => new ApiEndpoint("GET", path, Anything, _ => Empty())
        {
            Permit = Permissions.SuperuserOnly,
        }),
    ];

    private static ValueTask<ApiResult> Empty() => ValueTask.FromResult(ApiResult.Data(json =>
    {
        json.WriteStartArray();
        json.WriteEndArray();
    }, json => json.WriteString("digest", Digest)));
}
