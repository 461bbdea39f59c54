// Who may do what, a second time: the rules of pbs-protocol.md 1.8 written down for the tests from the text alone. Nothing here calls the product, so that a
// mistake in one is seen by the other. A subject has exactly one line in the access list, which keeps the evaluation to one comparison of paths.
namespace Holdfast.Tests.Unit.Rights;

/// <summary>Where a subject's role stands, relative to what the calls of the matrix touch (datastore <c>main</c>, namespace <c>a</c>).</summary>
internal enum Place
{
    /// <summary>On the namespace itself; the group is the caller's own.</summary>
    Own,

    /// <summary>On the namespace; the group belongs to the caller's token (caller a user) or user (caller a token).</summary>
    Counterpart,

    /// <summary>On the namespace; the group is somebody else's.</summary>
    OtherOwner,

    /// <summary>On a sibling namespace; the group is the caller's own, as in all that follow.</summary>
    OtherNamespace,

    /// <summary>On the datastore, inherited.</summary>
    Parent,

    /// <summary>On the datastore alone (propagate = 0).</summary>
    ParentAlone,

    /// <summary>On another datastore.</summary>
    OtherStore,

    /// <summary>On <c>/access</c>, inherited.</summary>
    Access,

    /// <summary>On <c>/system</c>, inherited.</summary>
    System,

    /// <summary>On <c>/</c>, inherited.</summary>
    Top,

    /// <summary>Nowhere.</summary>
    None,
}

/// <summary>What kind of id calls.</summary>
internal enum Kind
{
    User,

    /// <summary>A token with the role, of a user who is Admin on <c>/</c>.</summary>
    Token,

    /// <summary>A token with the role, of a user who has nothing: it has nothing either.</summary>
    BareToken,
}

/// <summary>One caller: one role at one place.</summary>
internal sealed record Subject(int Number, Kind Kind, string Role, Place Place)
{
    /// <summary>Privileges of each role (the table in pbs-protocol.md 1.8), and of one custom role.</summary>
    public static readonly IReadOnlyDictionary<string, string> Roles = new Dictionary<string, string>
    {
        ["Admin"] = "Sys.Audit Sys.Modify Sys.PowerManagement Sys.Console Datastore.Audit Datastore.Allocate Datastore.Modify Datastore.Read "
            + "Datastore.Verify Datastore.Backup Datastore.Prune Permissions.Modify Remote.Audit Remote.Modify Remote.Read Remote.DatastoreBackup "
            + "Remote.DatastoreModify Remote.DatastorePrune Tape.Audit Tape.Modify Tape.Write Tape.Read Realm.Allocate",
        ["NoAccess"] = "",
        ["Audit"] = "Sys.Audit Datastore.Audit",
        ["DatastoreAdmin"] = "Datastore.Audit Datastore.Modify Datastore.Read Datastore.Verify Datastore.Backup Datastore.Prune",
        ["DatastoreReader"] = "Datastore.Audit Datastore.Verify Datastore.Read",
        ["DatastoreBackup"] = "Datastore.Backup",
        ["DatastorePowerUser"] = "Datastore.Backup Datastore.Prune",
        ["DatastoreAudit"] = "Datastore.Audit",
        ["RemoteAudit"] = "Remote.Audit",
        ["RemoteAdmin"] = "Remote.Audit Remote.Modify Remote.Read",
        ["RemoteSyncOperator"] = "Remote.Audit Remote.Read",
        ["RemoteSyncPushOperator"] = "Remote.Audit Remote.DatastoreBackup",
        ["RemoteDatastorePowerUser"] = "Remote.Audit Remote.DatastoreBackup Remote.DatastorePrune",
        ["RemoteDatastoreAdmin"] = "Remote.Audit Remote.DatastoreBackup Remote.DatastoreModify Remote.DatastorePrune",
        ["TapeAudit"] = "Tape.Audit",
        ["TapeAdmin"] = "Tape.Audit Tape.Modify Tape.Write Tape.Read",
        ["TapeOperator"] = "Tape.Audit Tape.Read Tape.Write",
        ["TapeReader"] = "Tape.Audit Tape.Read",
    };

    public string Userid => $"s{Number}@pbs";

    public string TokenId => Userid + "!k";

    public string AuthId => Kind == Kind.User ? Userid : TokenId;

    public string GroupId => $"g{Number}";

    public string GroupOwner => Place switch
    {
        Place.OtherOwner => PermissionWorld.SomebodyElse,
        Place.Counterpart => Kind == Kind.User ? TokenId : Userid,
        _ => AuthId,
    };

    /// <summary>Path of its one entry, or null.</summary>
    public string? GrantPath => Place switch
    {
        Place.Own or Place.Counterpart or Place.OtherOwner => "/datastore/main/a",
        Place.OtherNamespace => "/datastore/main/b",
        Place.Parent or Place.ParentAlone => "/datastore/main",
        Place.OtherStore => "/datastore/other",
        Place.Access => "/access",
        Place.System => "/system",
        Place.Top => "/",
        _ => null,
    };

    public bool Propagate => Place != Place.ParentAlone;

    /// <summary>A user owns what one of his tokens made; a token owns only what it made itself.</summary>
    public bool OwnsGroup => GroupOwner == AuthId || (Kind == Kind.User && GroupOwner == TokenId);

    /// <summary>Has it any of these privileges (<c>Datastore.Audit|Datastore.Backup</c>) on the path?</summary>
    public bool Has(string path, string any) =>
        Kind != Kind.BareToken && GrantPath is { } grant
        && (grant == path || (Propagate && path.StartsWith(grant == "/" ? "/" : grant + "/", StringComparison.Ordinal)))
        && RoleHas(any);

    /// <summary>... or anywhere below it?</summary>
    public bool HasBelow(string path, string any) =>
        Has(path, any)
        || (Kind != Kind.BareToken && GrantPath is { } grant && grant.StartsWith(path + "/", StringComparison.Ordinal) && RoleHas(any));

    public override string ToString() => $"{AuthId} ({Kind}, {Role} at {Place})";

    private bool RoleHas(string any) => any.Split('|').Any(one => Roles[Role].Split(' ').Contains(one));

    /// <summary>Every role at every place, as user and as token; and tokens whose user has nothing, where their role would count most.</summary>
    public static List<Subject> All()
    {
        var all = new List<Subject>();
        foreach (var role in Roles.Keys)
        {
            foreach (var place in Enum.GetValues<Place>())
            {
                all.Add(new Subject(all.Count, Kind.User, role, place));
                all.Add(new Subject(all.Count, Kind.Token, role, place));
            }

            all.Add(new Subject(all.Count, Kind.BareToken, role, Place.Own));
            all.Add(new Subject(all.Count, Kind.BareToken, role, Place.Top));
        }

        return all;
    }
}
