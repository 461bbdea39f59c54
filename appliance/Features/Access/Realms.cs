// Where users come from: pbs (ours) and pam (the system's, checked by the agent). GET access/domains, and the configuration pages that clients read.
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>The two realms there are.</summary>
public sealed class Realms(Permissions permissions)
{
    public const string Pbs = "pbs";
    public const string Pam = "pam";

    /// <summary>Passwords of the system are not ours to set.</summary>
    public const string PamPassword = "passwords of realm 'pam' are kept by the system and are changed there";

    private const string Configuration = "/config/access";

    private static readonly (string Realm, string Comment, bool IsDefault)[] All =
    [
        (Pam, "Linux PAM standard authentication", true), (Pbs, "Holdfast authentication server", false),
    ];

    private static readonly string Digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("pam pbs"u8));
    public static bool Exists(string realm) => realm is Pbs or Pam;

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/access/domains", ParameterSchema.Empty, List) { Anonymous = true },
        new("POST", "/access/domains/{realm}/sync", new ParameterSchema(Realm()) { Open = true }, Sync)
        {
            Permit = permissions.Needs(ListUsers.Path, Privileges.PermissionsModify),
        },
        Subfolders("/access/openid", "auth-url", "login"),
        new("POST", "/access/openid/auth-url", new(Realm(), Parameter.Text("redirect-url") with { MaxLength = 2048 }), NoOpenId) { Anonymous = true },
        Subfolders(Configuration, "ad", "ldap", "openid", "pam", "pbs", "tfa"),
        .. ((string[])["ad", "ldap", "openid"]).Select(NoRealmsOf),
        .. All.Select(realm => Configured(realm.Realm)),
        new("GET", Configuration + "/tfa/webauthn", ParameterSchema.Empty, _ => Answer(ApiResult.Null)),
    ];

    private static Parameter Realm() => Parameter.Text("realm") with { MinLength = 2, MaxLength = 32, Format = PbsSchema.IsSafeId };

    /// <summary>A folder of the API, for who walks through it.</summary>
    public static ApiEndpoint Subfolders(string path, params string[] names) => new("GET", path, ParameterSchema.Empty, _ => Answer(ApiResult.Data(json =>
    {
        json.WriteStartArray();
        foreach (var name in names)
        {
            json.WriteStartObject();
            json.WriteString("subdir", name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    })));

    private static ValueTask<ApiResult> List(ApiCall call) => Answer(AccessJson.WithDigest(Digest, json =>
    {
        json.WriteStartArray();
        foreach (var (realm, _, _) in All)
        {
            WriteRealm(json, realm);
        }

        json.WriteEndArray();
    }));

    private static ValueTask<ApiResult> Sync(ApiCall call)
    {
        var realm = call.Parameters.Text("realm");
        return Answer(ApiResult.Error(Exists(realm)
            ? $"realm '{realm}' has nothing to synchronise with: its users are made here"
            : $"unable to find realm {realm}"));
    }

    private static ValueTask<ApiResult> NoOpenId(ApiCall call) => Answer(ApiResult.Error($"no such openid '{call.Parameters.Text("realm")}'"));

    private ApiEndpoint NoRealmsOf(string type) => Reading($"{Configuration}/{type}", Privileges.RealmAllocate, json =>
    {
        json.WriteStartArray();
        json.WriteEndArray();
    });

    private ApiEndpoint Configured(string realm) => Reading($"{Configuration}/{realm}", Privileges.SysAudit, json => WriteRealm(json, realm));

    private ApiEndpoint Reading(string path, Privileges needed, Action<Utf8JsonWriter> write) =>
        new("GET", path, ParameterSchema.Empty, _ => Answer(AccessJson.WithDigest(Digest, write)))
        {
            Permit = permissions.Needs("/access/domains", needed),
        };

    private static void WriteRealm(Utf8JsonWriter json, string name)
    {
        var (realm, comment, isDefault) = All.First(one => one.Realm == name);
        json.WriteStartObject();
        json.WriteString("comment", comment);
        if (isDefault)
        {
            json.WriteBoolean("default", true);
        }

        json.WriteString("realm", realm);
        json.WriteString("type", realm);
        json.WriteEndObject();
    }

    private static ValueTask<ApiResult> Answer(ApiResult result) => ValueTask.FromResult(result);
}
