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

/// <summary>Built-in roles and the names of privileges.</summary>
public static class Roles
{
    /// <summary>The role that takes everything away on its path.</summary>
    public const string NoAccess = "NoAccess";

    /// <summary>The role with every privilege.</summary>
    public const string Admin = "Admin";

    private const Privileges DatastoreEverythingButAllocate =
        Privileges.DatastoreAudit | Privileges.DatastoreModify | Privileges.DatastoreRead
        | Privileges.DatastoreVerify | Privileges.DatastoreBackup | Privileges.DatastorePrune;

    /// <summary>Role name to its privileges.</summary>
    public static readonly IReadOnlyDictionary<string, Privileges> BuiltIn = new Dictionary<string, Privileges>(StringComparer.Ordinal)
    {
        [Admin] = Privileges.All,
        [NoAccess] = Privileges.None,
        ["Audit"] = Privileges.SysAudit | Privileges.DatastoreAudit,
        ["DatastoreAdmin"] = DatastoreEverythingButAllocate,
        ["DatastoreReader"] = Privileges.DatastoreAudit | Privileges.DatastoreVerify | Privileges.DatastoreRead,
        ["DatastoreBackup"] = Privileges.DatastoreBackup,
        ["DatastorePowerUser"] = Privileges.DatastoreBackup | Privileges.DatastorePrune,
        ["DatastoreAudit"] = Privileges.DatastoreAudit,
        ["RemoteAudit"] = Privileges.RemoteAudit,
        ["RemoteAdmin"] = Privileges.RemoteAudit | Privileges.RemoteModify | Privileges.RemoteRead,
        ["RemoteSyncOperator"] = Privileges.RemoteAudit | Privileges.RemoteRead,
        ["RemoteSyncPushOperator"] = Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup,
        ["RemoteDatastorePowerUser"] =
            Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup | Privileges.RemoteDatastorePrune,
        ["RemoteDatastoreAdmin"] = Privileges.RemoteAudit | Privileges.RemoteDatastoreBackup
            | Privileges.RemoteDatastoreModify | Privileges.RemoteDatastorePrune,
        ["TapeAudit"] = Privileges.TapeAudit,
        ["TapeAdmin"] = Privileges.TapeAudit | Privileges.TapeModify | Privileges.TapeWrite | Privileges.TapeRead,
        ["TapeOperator"] = Privileges.TapeAudit | Privileges.TapeRead | Privileges.TapeWrite,
        ["TapeReader"] = Privileges.TapeAudit | Privileges.TapeRead,
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
    public static string NamesOf(Privileges set)
    {
        var names = new List<string>();
        for (var bit = 0; bit < 23; bit++)
        {
            var single = (Privileges)(1u << bit);
            if ((set & single) != 0)
            {
                names.Add(NameOf(single));
            }
        }

        return string.Join('|', names);
    }

    private static readonly string[] Subjects = ["Sys", "Datastore", "Permissions", "Remote", "Tape", "Realm"];
}
