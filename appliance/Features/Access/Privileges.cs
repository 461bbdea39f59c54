// PBS's privileges and built-in roles (pbs-protocol.md 1.8), as one table. Names are PBS's; the bits are ours and are never stored.
namespace Holdfast.Features.Access;

/// <summary>What an act needs. A set of bits.</summary>
[Flags]
public enum Privileges : uint
{
    None = 0,
    SysAudit = 1u << 0,
    SysModify = 1u << 1,
    SysPowerManagement = 1u << 2,
    SysConsole = 1u << 3,
    DatastoreAudit = 1u << 4,
    DatastoreAllocate = 1u << 5,
    DatastoreModify = 1u << 6,
    DatastoreRead = 1u << 7,
    DatastoreVerify = 1u << 8,
    DatastoreBackup = 1u << 9,
    DatastorePrune = 1u << 10,
    PermissionsModify = 1u << 11,
    RemoteAudit = 1u << 12,
    RemoteModify = 1u << 13,
    RemoteRead = 1u << 14,
    RemoteDatastoreBackup = 1u << 15,
    RemoteDatastoreModify = 1u << 16,
    RemoteDatastorePrune = 1u << 17,
    TapeAudit = 1u << 18,
    TapeModify = 1u << 19,
    TapeWrite = 1u << 20,
    TapeRead = 1u << 21,
    RealmAllocate = 1u << 22,
    All = (1u << 23) - 1,
}

/// <summary>A role that PBS has and nobody can change.</summary>
public sealed record BuiltInRole(Privileges Privileges, string Comment);

/// <summary>Built-in roles and the names of privileges.</summary>
public static class Roles
{
    /// <summary>The role that takes everything away on its path.</summary>
    public const string NoAccess = "NoAccess";

    /// <summary>The role with every privilege.</summary>
    public const string Admin = "Admin";

    private static readonly string[] Subjects = ["Sys", "Datastore", "Permissions", "Remote", "Tape", "Realm"];

    private const Privileges DatastoreEverythingButAllocate =
        Privileges.DatastoreAudit | Privileges.DatastoreModify | Privileges.DatastoreRead
        | Privileges.DatastoreVerify | Privileges.DatastoreBackup | Privileges.DatastorePrune;

    /// <summary>Role name to its privileges, with the comment that PBS shows.</summary>
    public static readonly IReadOnlyDictionary<string, BuiltInRole> BuiltIn = new Dictionary<string, BuiltInRole>(StringComparer.Ordinal)
    {
        [Admin] = new(Privileges.All, "Administrator"),
        [NoAccess] = new(Privileges.None, "Disable Access"),
        ["Audit"] = new(Privileges.SysAudit | Privileges.DatastoreAudit, "Auditor"),
        ["DatastoreAdmin"] = new(DatastoreEverythingButAllocate, "Datastore Administrator"),
        ["DatastoreReader"] = new(Privileges.DatastoreAudit | Privileges.DatastoreVerify | Privileges.DatastoreRead,
            "Datastore Reader (inspect datastore content and do restores)"),
        ["DatastoreBackup"] = new(Privileges.DatastoreBackup, "Datastore Backup (backup and restore owned backups)"),
        ["DatastorePowerUser"] = new(Privileges.DatastoreBackup | Privileges.DatastorePrune,
            "Datastore PowerUser (backup, restore and prune owned backup)"),
        ["DatastoreAudit"] = new(Privileges.DatastoreAudit, "Datastore Auditor"),
        ["RemoteAudit"] = new(Privileges.RemoteAudit, "Remote Auditor"),
        ["RemoteAdmin"] = new(Privileges.RemoteAudit | Privileges.RemoteModify | Privileges.RemoteRead, "Remote Administrator"),
        ["RemoteSyncOperator"] = new(Privileges.RemoteAudit | Privileges.RemoteRead, "Synchronization Operator"),
        ["RemoteSyncPushOperator"] = new(Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup, "Synchronisation Operator (push direction)"),
        ["RemoteDatastorePowerUser"] = new(
            Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup | Privileges.RemoteDatastorePrune, "Remote Datastore Prune"),
        ["RemoteDatastoreAdmin"] = new(
            Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup | Privileges.RemoteDatastoreModify | Privileges.RemoteDatastorePrune,
            "Remote Datastore Admin"),
        ["TapeAudit"] = new(Privileges.TapeAudit, "Tape Auditor"),
        ["TapeAdmin"] = new(Privileges.TapeAudit | Privileges.TapeModify | Privileges.TapeWrite | Privileges.TapeRead, "Tape Administrator"),
        ["TapeOperator"] = new(Privileges.TapeAudit | Privileges.TapeRead | Privileges.TapeWrite, "Tape Operator"),
        ["TapeReader"] = new(Privileges.TapeAudit | Privileges.TapeRead, "Tape Reader"),
    };

    /// <summary>PBS's name of a single privilege: <c>DatastoreAudit</c> is <c>Datastore.Audit</c>.</summary>
    public static string NameOf(Privileges single)
    {
        var name = single.ToString();
        foreach (var subject in Subjects)
        {
            if (name.StartsWith(subject, StringComparison.Ordinal))
            {
                return subject + "." + name[subject.Length..];
            }
        }

        return name;
    }

    /// <summary>Names of all privileges in a set, joined as PBS's 403 texts do: <c>Datastore.Audit|Datastore.Backup</c>.</summary>
    public static string NamesOf(Privileges set) => string.Join('|', ListOf(set));

    /// <summary>Names of all privileges in a set, in their order.</summary>
    public static IReadOnlyList<string> ListOf(Privileges set)
    {
        var names = new List<string>();
        for (var bit = 0; bit < Names.Count; bit++)
        {
            if ((set & (Privileges)(1u << bit)) != 0)
            {
                names.Add(Names[bit]);
            }
        }

        return names;
    }

    /// <summary>The set of these names; unknown ones are nothing.</summary>
    public static Privileges SetOf(IEnumerable<string> names) => names.Aggregate(Privileges.None, (set, name) =>
        Enumerable.Range(0, Names.Count).FirstOrDefault(bit => Names[bit] == name, -1) is var bit and >= 0 ? set | (Privileges)(1u << bit) : set);

    /// <summary>All names, by bit.</summary>
    public static readonly IReadOnlyList<string> Names = [.. Enumerable.Range(0, 23).Select(bit => NameOf((Privileges)(1u << bit)))];
}
