// What every call on a group or snapshot asks first: rights, datastore, owner, in PBS's order and with PBS's refusals (pbs-protocol.md 1.8); then the group as
// the ledger tells it. Every error text that names a path names the one that PBS would.
using System.Diagnostics.CodeAnalysis;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>A call that may go on.</summary>
/// <param name="Group">Null if the ledger knows no snapshot of it.</param>
public sealed record GroupCall(Caller Caller, GroupKey Key, GroupState? Group, OpenDatastore Store)
{
    /// <summary>The finished snapshot that the disk has, or null.</summary>
    public Snapshot? Finished(long backupTime) =>
        Group?.Snapshots.GetValueOrDefault(backupTime) is { Missing: false } snapshot ? snapshot : null;

    /// <summary>Is there anything of that time: finished, unfinished or under way?</summary>
    public bool Has(long backupTime) =>
        Finished(backupTime) is not null || Group?.Unfinished.ContainsKey(backupTime) is true || Group?.Open.Any(open => open.BackupTime == backupTime) is true;
}

/// <summary>Entrance to calls on groups and snapshots.</summary>
public sealed class GroupCalls(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, TimeProvider clock)
{
    /// <summary>Beginning of every path of this slice.</summary>
    public const string Root = "/admin/datastore/{store}/";

    public const string NotFound = "ENOENT: No such file or directory";

    /// <summary>Privileges of which any makes a namespace visible.</summary>
    public const Privileges Seeing =
        Privileges.DatastoreModify | Privileges.DatastoreRead | Privileges.DatastoreBackup | Privileges.DatastoreAudit;

    public static readonly ParameterSchema GroupParameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType(), PbsSchema.BackupId());

    public static readonly ParameterSchema SnapshotParameters = GroupParameters.With(PbsSchema.BackupTime());

    public Permissions Permissions => permissions;

    public DatastoreRegistry Stores => stores;

    public SnapshotsState Snapshots => snapshots();

    public DatastoresState Datastores => datastores();

    public long NowSeconds => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>A namespace as PBS reads it from a parameter.</summary>
    /// <exception cref="ApiException">It is deeper than namespaces can be.</exception>
    public static BackupNamespace Namespace(string text) => BackupNamespace.TryParse(text, out var ns)
        ? ns
        : throw new ApiException($"invalid value: string \"{text}\", expected valid backup namespace");

    /// <summary>The datastore for reading or for writing.</summary>
    /// <exception cref="ApiException">PBS's text: unknown, or held back by a maintenance mode.</exception>
    public OpenDatastore Store(string name, bool writing)
    {
        var store = writing ? stores.FindForWriting(name, out var problem) : stores.Find(name, out problem);
        return store ?? throw new ApiException(problem);
    }

    /// <summary>The group that a call names: for who has one of <paramref name="full"/> on its namespace, or <paramref name="partial"/> and owns it.</summary>
    /// <exception cref="ApiException">Refused.</exception>
    public GroupCall Enter(ApiCall call, Privileges full, Privileges partial, bool writing = false)
    {
        var caller = call.CallerAs<Caller>();
        var key = new GroupKey(call.Parameters.Text("store"), Namespace(call.Parameters.OptionalText("ns") ?? "").Text,
            call.Parameters.Text("backup-type"), call.Parameters.Text("backup-id"));
        var isLimited = IsLimited(caller, key.AclPath, full, partial);
        var store = Store(key.Store, writing);
        var group = snapshots().Find(key) is { IsEmpty: false } known ? known : null;
        if (isLimited)
        {
            RequireOwner(caller, key, group);
        }

        return new GroupCall(caller, key, group, store);
    }

    /// <summary>False with one of <paramref name="full"/>; true with <paramref name="partial"/> only, so that ownership is to be asked too.</summary>
    /// <exception cref="ApiException">403: neither.</exception>
    public bool IsLimited(Caller caller, string path, Privileges full, Privileges partial)
    {
        var has = permissions.On(path, caller);
        return (has & full) == 0 && ((has & partial) != 0
            ? true
            : throw new ApiException(403, $"permission check failed - missing {Roles.NamesOf(full | partial)} on {path}"));
    }

    /// <exception cref="ApiException">It is somebody else's, or nobody's.</exception>
    public void RequireOwner(Caller caller, GroupKey key, GroupState? group)
    {
        if (group is null)
        {
            throw NoOwner(key);
        }

        if (!Ownership.Is(group.Owner, caller.AuthId))
        {
            throw new ApiException($"backup owner check failed ({caller.AuthId} != {group.Owner})");
        }
    }

    /// <summary>What PBS says where there is no such group.</summary>
    public ApiException NoOwner(GroupKey key) =>
        new($"unable to read \"{PathOf(key)}/owner\" - No such file or directory (os error 2)");

    /// <summary>What PBS says where a snapshot has no manifest, or none that can be read.</summary>
    public string NoManifest(GroupKey key, long backupTime, string why = "No such file or directory (os error 2)") =>
        $"unable to load blob '\"{PathOf(key)}/{GroupKey.TimeText(backupTime)}/{SnapshotJson.ManifestName}\"' - {why}";

    /// <summary>The group's folder, as texts name it.</summary>
    public string PathOf(GroupKey key) =>
        (datastores().Stores.GetValueOrDefault(key.Store)?.Path ?? key.Store) + "/" + key.Namespace.PathOf(key.ToString());

    /// <summary>Checks a listing of a namespace; null if it may go on. <paramref name="ownOnly"/>: only groups that the caller owns.</summary>
    public ApiResult? RefuseList(ApiCall call, out string store, out string ns, [NotNullWhen(true)] out bool ownOnly)
    {
        var caller = call.CallerAs<Caller>();
        (store, ns) = (call.Parameters.Text("store"), Namespace(call.Parameters.OptionalText("ns") ?? "").Text);
        ownOnly = IsLimited(caller, GroupKey.DatastorePath(store, ns), Privileges.DatastoreAudit, Privileges.DatastoreBackup);
        if (stores.Find(store, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        return datastores().Stores.TryGetValue(store, out var facts) && facts.HasNamespace(ns) ? null : ApiResult.Error(NotFound);
    }
}
