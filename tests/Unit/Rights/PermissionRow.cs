// One row of the matrix: an endpoint, the arguments of a harmless call of it, and the rule that says who may. Rows stand in the classes that derive from
// PermissionRows, one per subject; they are found by themselves. README.md beside says how to add one.
namespace Holdfast.Tests.Unit.Rights;

/// <summary>A set of rows. Derive, give the rows: nothing else is to be registered.</summary>
internal abstract class PermissionRows
{
    public const string Ns = "/datastore/main/a";
    public const string Store = "/datastore/main";
    public const string Users = "/access/users";
    public const string AnyDatastore =
        "Datastore.Audit|Datastore.Allocate|Datastore.Modify|Datastore.Read|Datastore.Verify|Datastore.Backup|Datastore.Prune";

    public abstract IEnumerable<PermissionRow> Rows { get; }

    /// <summary>Without any credentials.</summary>
    protected static PermissionRow Anonymous(string endpoint, string arguments = "") =>
        new(endpoint, arguments, _ => true) { IsAnonymous = true };

    /// <summary>Everybody who is logged in; what is shown may still depend on rights (say so by <see cref="PermissionRow.Shows"/>).</summary>
    protected static PermissionRow Anybody(string endpoint, string arguments = "") => new(endpoint, arguments, _ => true);

    /// <summary>Whoever has one of these privileges on the path.</summary>
    protected static PermissionRow Needs(string endpoint, string any, string path, string arguments = "") =>
        new(endpoint, arguments, subject => subject.Has(path, any));

    /// <summary>One of <paramref name="full"/> on the namespace, or <paramref name="partial"/> and owner of the group (1.8, "full or owner").</summary>
    protected static PermissionRow FullOrOwner(string endpoint, string full, string partial, string arguments = "{snapshot}") =>
        new(endpoint, arguments, subject => (full != "" && subject.Has(Ns, full)) || (subject.Has(Ns, partial) && subject.OwnsGroup));

    /// <summary>Only <c>root@pam</c>, who is none of the subjects: refused to all, whatever their role.</summary>
    protected static PermissionRow SuperuserOnly(string endpoint, string arguments = "") => new(endpoint, arguments, _ => false);

    protected static PermissionRow Row(string endpoint, string arguments, Func<Subject, bool> may) => new(endpoint, arguments, may);
}

/// <summary>A row.</summary>
/// <param name="Endpoint">Method and path as in the route table: <c>GET /admin/datastore/{store}/groups</c>.</param>
/// <param name="Arguments">
/// Query that makes the call valid and harmless; values of the path's wildcards too (<c>store=main</c> unless given). Placeholders: <c>{self}</c> the caller's
/// user, <c>{auth}</c> the caller, <c>{group}</c> type, id and namespace of the subject's group, <c>{snapshot}</c> the same with a backup-time that does not
/// exist.
/// </param>
/// <param name="May">The rule.</param>
internal sealed record PermissionRow(string Endpoint, string Arguments, Func<Subject, bool> May)
{
    /// <summary>The endpoint must be open to everybody without credentials; all others must ask for them.</summary>
    public bool IsAnonymous { get; init; }

    /// <summary>What must and must not be in an answer: pairs of a text and whether this subject sees it. <c>{gid}</c> is its group.</summary>
    public Func<Subject, IEnumerable<(string Text, bool Seen)>>? Shows { get; init; }

    /// <summary>The text of a refusal, where it is no 401 or 403.</summary>
    public string? RefusalText { get; init; }

    public override string ToString() => Arguments.Length == 0 ? Endpoint : $"{Endpoint} ({Arguments})";
}
