// Rows of /access and /config/access, and of what everybody may ask of the box.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class AccessRows : PermissionRows
{
    private const string Modify = "Permissions.Modify";
    private const string Audit = "Sys.Audit";
    private const string Victim = "userid=" + PermissionWorld.SomebodyElse;
    private const string Self = "userid={self}";
    private const string User = "/access/users/{userid}";
    private const string Token = User + "/token/{token-name}";
    private const string Tfa = "/access/tfa/{userid}";

    public override IEnumerable<PermissionRow> Rows =>
    [
        Anonymous("GET /ping"),
        Anybody("GET /version"),
        Anybody("GET /nodes/{node}/identity", "node=localhost"),
        Anonymous("POST /access/ticket", "username=nobody@pbs"),
        Anonymous("DELETE /access/ticket"),
        Anonymous("GET /access/domains"),
        Anonymous("POST /access/openid/auth-url", "realm=nosuch&redirect-url=x"),
        Anybody("GET /access"),
        Anybody("GET /access/openid"),
        .. UserRows, .. TokenRows, .. AclRows, .. TfaRows, .. RealmRows,
    ];

    private static IEnumerable<PermissionRow> UserRows =>
    [
        Anybody("GET /access/users") with { Shows = subject => [("\"somebody@pbs\"", subject.Has(Users, Audit)), ($"\"{subject.Userid}\"", true)] },
        Needs("POST /access/users", Modify, Users, "userid=new@pbs"),
        Needs("GET " + User, Audit, Users, Victim),
        SelfOr("GET " + User, Audit, Self),
        Needs("PUT " + User, Modify, Users, Victim),
        SelfOr("PUT " + User, Modify, Self),
        Needs("DELETE " + User, Modify, Users, Victim),
        SelfOr("DELETE " + User, Modify, Self + "&digest=" + NoDigest),
        Needs("PUT " + User + "/unlock-tfa", Modify, Users, Victim),
        Needs("PUT " + User + "/unlock-tfa", Modify, Users, Self),
        // Nobody's word is taken without the caller's own password.
        Row("PUT /access/password", Victim + "&password=12345678", _ => false),
        Row("PUT /access/password", Self + "&password=12345678", _ => false),
    ];

    private static IEnumerable<PermissionRow> TokenRows =>
    [
        Needs("GET " + User + "/token", Audit, Users, Victim),
        SelfOr("GET " + User + "/token", Audit, Self),
        Needs("GET " + Token, Audit, Users, Victim + "&token-name=none"),
        SelfOr("GET " + Token, Audit, Self + "&token-name=k"),
        Needs("POST " + Token, Modify, Users, Victim + "&token-name=fresh"),
        SelfOr("POST " + Token, Modify, Self + "&token-name=fresh"),
        Needs("PUT " + Token, Modify, Users, Victim + "&token-name=none"),
        SelfOr("PUT " + Token, Modify, Self + "&token-name=none"),
        Needs("DELETE " + Token, Modify, Users, Victim + "&token-name=none"),
        SelfOr("DELETE " + Token, Modify, Self + "&token-name=none"),
    ];

    private static IEnumerable<PermissionRow> AclRows =>
    [
        Anybody("GET /access/acl") with { Shows = subject => [("somebody@pbs", subject.Has("/access/acl", Audit))] },
        Needs("PUT /access/acl", Modify, "/access/acl", "path=/&role=Audit&auth-id=" + PermissionWorld.SomebodyElse),
        Needs("PUT /access/acl", Modify, "/access/acl", "path=/&role=Admin&auth-id={self}"),
        Needs("PUT /access/acl", Modify, "/access/acl", $"path=/&role=Audit&auth-id={PermissionWorld.SomebodyElse}!none"),
        // A user's tokens are his own to equip: they never have more than he has.
        Row("PUT /access/acl", "path=/&role=Admin&auth-id={self}!none", subject => subject.Kind == Kind.User || subject.Has("/access/acl", Modify)),
        Anybody("GET /access/roles"),
        Anybody("GET /access/roles/{roleid}", "roleid=Admin"),
        Needs("POST /access/roles", Modify, "/access/acl", "roleid=Admin&privs=Sys.Audit"),
        Needs("PUT /access/roles/{roleid}", Modify, "/access/acl", "roleid=nosuch&privs=Sys.Audit"),
        Needs("DELETE /access/roles/{roleid}", Modify, "/access/acl", "roleid=nosuch"),
        Anybody("GET /access/permissions") with { Shows = subject => [("\"/access\":{", subject.Has("/access", EveryPrivilege))] },
        Anybody("GET /access/permissions", "auth-id={auth}"),
        Needs("GET /access/permissions", Audit, "/access", "auth-id=" + PermissionWorld.SomebodyElse),
    ];

    private static IEnumerable<PermissionRow> TfaRows =>
    [
        Anybody("GET /access/tfa"),
        Needs("GET " + Tfa, Modify, Users, Victim),
        SelfOr("GET " + Tfa, Modify, Self),
        Needs("GET " + Tfa + "/{id}", Modify, Users, Victim + "&id=none"),
        SelfOr("GET " + Tfa + "/{id}", Modify, Self + "&id=none"),
        // Changes ask for the caller's own password (401) even of who may.
        Row("POST " + Tfa, Victim + "&type=recovery", _ => false),
        Row("POST " + Tfa, Self + "&type=recovery", _ => false),
        Row("PUT " + Tfa + "/{id}", Victim + "&id=none", _ => false),
        Row("DELETE " + Tfa + "/{id}", Self + "&id=none", _ => false),
    ];

    private static IEnumerable<PermissionRow> RealmRows =>
    [
        Needs("POST /access/domains/{realm}/sync", Modify, Users, "realm=pbs"),
        Anybody("GET /config/access"),
        Anybody("GET /config/access/tfa/webauthn"),
        .. ((string[])["ad", "ldap", "openid"]).Select(type => Needs("GET /config/access/" + type, "Realm.Allocate", "/access/domains")),
        .. ((string[])["pam", "pbs"]).Select(type => Needs("GET /config/access/" + type, Audit, "/access/domains")),
    ];

    private static readonly string EveryPrivilege = Subject.Roles["Admin"].Replace(' ', '|');

    /// <summary>A digest that is none: who may is told so, and nothing is changed.</summary>
    private const string NoDigest = "0000000000000000000000000000000000000000000000000000000000000000";

    /// <summary>The user of the path himself (never his token), or who has the privilege on all users.</summary>
    private static PermissionRow SelfOr(string endpoint, string any, string arguments) =>
        Row(endpoint, arguments, subject => subject.Kind == Kind.User || subject.Has(Users, any));
}
