// What an admin does with a datastore as a whole (pbs-protocol.md 4.2): how many operations run on it, reconciliation with the ledger on demand, and the
// calls for removable and S3 stores, which a store in a folder refuses as PBS does.
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Endpoints below <c>/admin/datastore/{store}</c>.</summary>
public sealed class StoreOperations(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, Reconciliation reconciliation,
    Leases leases, TaskRunner tasks)
{
    private const int AttemptsMax = 5;
    private const string Root = "/admin/datastore/{store}/";

    private static readonly ParameterSchema Store = new(PbsSchema.Store());

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Root + "active-operations", Store, Active) { Permit = OnStore(Privileges.DatastoreAudit | Privileges.DatastoreBackup) },
        new("POST", Root + "mount", Store, NotRemovable) { Permit = OnStore(Privileges.DatastoreModify) },
        new("POST", Root + "unmount", Store, NotRemovable) { Permit = OnStore(Privileges.DatastoreModify) },
        new("PUT", Root + "s3-refresh", Store, NotS3Async) { Permit = OnStore(Privileges.DatastoreModify) },
        new("POST", Root + "reconcile", Store, ReconcileAsync) { Permit = OnStore(Privileges.DatastoreModify) },
    ];

    private ValueTask<ApiResult> Active(ApiCall call)
    {
        var name = call.Parameters.Text("store");
        if (!datastores().Stores.ContainsKey(name))
        {
            return ValueTask.FromResult(ApiResult.Error($"no such datastore '{name}'"));
        }

        var active = ActiveOperations.On(name, tasks);
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("read", active.Read);
            json.WriteNumber("write", active.Write);
            json.WriteEndObject();
        }));
    }

    private ValueTask<ApiResult> NotRemovable(ApiCall call)
    {
        var name = call.Parameters.Text("store");
        return ValueTask.FromResult(ApiResult.Error(datastores().Stores.ContainsKey(name)
            ? $"datastore '{name}' is not removable" : $"no such datastore '{name}'"));
    }

    /// <summary>PBS starts a task that fails, and leaves its store in maintenance; ours is left as it is.</summary>
    private async ValueTask<ApiResult> NotS3Async(ApiCall call)
    {
        var name = call.Parameters.Text("store");
        if (!datastores().Stores.ContainsKey(name))
        {
            return ApiResult.Error($"no such datastore '{name}'");
        }

        var task = await tasks.StartAsync(
            "s3-refresh", name, call.CallerAs<Caller>(), _ => throw new TaskFailedException($"store '{name}' not backed by S3"), name).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    private async ValueTask<ApiResult> ReconcileAsync(ApiCall call)
    {
        var name = call.Parameters.Text("store");
        if (stores.FindForWriting(name, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        var task = await tasks.StartAsync("reconcile", name, call.CallerAs<Caller>(), task => RunAsync(task, name), name).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    /// <summary>A running appliance reconciles group by group, each under its lease. One in use is left out and told of.</summary>
    private async Task RunAsync(RunningTask task, string name)
    {
        var store = stores.FindForWriting(name, out var problem) ?? throw new TaskFailedException(problem);
        await reconciliation.ReconcileNamespacesAsync(store).ConfigureAwait(false);
        var groups = new HashSet<GroupKey>(snapshots().InStore(name).Select(group => group.Key));
        foreach (var ns in store.Bytes.ListNamespaces(BackupNamespace.Root))
        {
            groups.UnionWith(store.Bytes.ListGroups(ns).Select(group => new GroupKey(name, ns.Text, group.TypeName, group.Id)));
        }

        var report = ReconciliationReport.Nothing;
        foreach (var group in groups.OrderBy(group => group.Stream, StringComparer.Ordinal))
        {
            task.ThrowIfAborted();
            if (await TryAsync(store, group).ConfigureAwait(false) is { } found)
            {
                report += found;
            }
            else
            {
                task.Warn($"group {group} is in use and was left out");
            }
        }

        task.Say($"{report.Discovered} snapshots discovered, {report.Missing} missing, {report.Aborted} backups aborted, {report.Removed} remains removed");
    }

    private async Task<ReconciliationReport?> TryAsync(OpenDatastore store, GroupKey group)
    {
        using var lease = leases.TryGroup(group);
        for (var attempt = 0; lease is not null && attempt < AttemptsMax; attempt++)
        {
            try
            {
                return await reconciliation.ReconcileGroupAsync(store, group, othersWork: true).ConfigureAwait(false);
            }
            catch (RefusedException)
            {
                // A removal or a verification was at it: the next look sees what became of it.
            }
        }

        return null;
    }

    private Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> OnStore(Privileges any) =>
        (caller, values) => permissions.Require((Caller)caller!, "/datastore/" + values["store"], any);
}
