// Rows of /access, and of what everybody may ask of the box.
namespace Holdfast.Tests.Unit.Rights;

internal sealed class AccessRows : PermissionRows
{
    private const string Victim = "userid=" + PermissionWorld.SomebodyElse;

    public override IEnumerable<PermissionRow> Rows =>
    [
        Anonymous("GET /ping"),
        Anybody("GET /version"),
        Anybody("GET /nodes/{node}/identity", "node=localhost"),
        Anonymous("POST /access/ticket", "username=nobody@pbs"),
        Anonymous("DELETE /access/ticket"),
        Anybody("GET /access/users") with { Shows = subject => [("somebody@pbs", subject.Has(Users, "Sys.Audit")), (subject.Userid, true)] },
        Needs("POST /access/users", "Permissions.Modify", Users, "userid=new@pbs"),
        Row("PUT /access/password", Victim + "&password=12345678&confirmation-password=wrong", _ => false),
        Row("GET /access/users/{userid}/token", "userid={self}", subject => subject.Kind == Kind.User || subject.Has(Users, "Sys.Audit")),
        Needs("GET /access/users/{userid}/token", "Sys.Audit", Users, Victim),
        Row("POST /access/users/{userid}/token/{token-name}", "userid={self}&token-name=fresh", SelfOrModify),
        Needs("POST /access/users/{userid}/token/{token-name}", "Permissions.Modify", Users, Victim + "&token-name=fresh"),
        Row("DELETE /access/users/{userid}/token/{token-name}", "userid={self}&token-name=none", SelfOrModify),
        Needs("DELETE /access/users/{userid}/token/{token-name}", "Permissions.Modify", Users, Victim + "&token-name=none"),
        Anybody("GET /access/acl") with
        {
            Shows = subject => [("somebody@pbs", subject.Has("/access/acl", "Sys.Audit"))],
        },
        Needs("PUT /access/acl", "Permissions.Modify", "/access/acl", "path=/&role=Audit&auth-id=" + PermissionWorld.SomebodyElse),
        Row("PUT /access/acl", "path=/&role=Admin&auth-id={self}!k",
            subject => subject.Kind == Kind.User || subject.Has("/access/acl", "Permissions.Modify")),
        Anybody("GET /access/roles"),
    ];

    private static bool SelfOrModify(Subject subject) => subject.Kind == Kind.User || subject.Has(Users, "Permissions.Modify");
}
