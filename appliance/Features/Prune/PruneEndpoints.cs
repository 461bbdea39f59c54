// Prune over the API (pbs-protocol.md 4.2): one group, with the verdicts as the answer; or a namespace and what is below it, as a task.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Prune;

/// <summary>Endpoints of this slice.</summary>
public sealed class PruneEndpoints(
    Permissions permissions, DatastoreRegistry stores, StorageFaults faults, Func<SnapshotsState> snapshots, PruneDatastore prune, TaskRunner tasks)
{
    private const string Root = "/admin/datastore/{store}/";

    private static readonly ParameterSchema GroupParameters = new(
    [
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupId(), PbsSchema.BackupType(), .. RetentionPolicy.Parameters,
        Parameter.Boolean("dry-run"), Parameter.Boolean("use-task"),
    ]);

    private static readonly ParameterSchema StoreParameters = new(
    [
        PbsSchema.Store(), PbsSchema.Namespace(), Parameter.Integer("max-depth") with { Optional = true, Minimum = 0, Maximum = 7 },
        .. RetentionPolicy.Parameters, Parameter.Boolean("dry-run"),
    ]);

    public IEnumerable<ApiEndpoint> Endpoints => new ApiEndpoint[]
    {
        new("POST", Root + "prune", GroupParameters, PruneGroupAsync),
        new("POST", Root + "prune-datastore", StoreParameters, PruneStoreAsync),
    }.Select(endpoint => faults.Guard(endpoint, call => stores.Find(call.Parameters.Text("store"), out _)));

    /// <summary>Without <c>use-task</c> PBS answers when all is done. It is a task in either case, unless it is a dry run.</summary>
    private async ValueTask<ApiResult> PruneGroupAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var (store, ns) = (call.Parameters.Text("store"), call.Parameters.OptionalText("ns") ?? "");
        var key = new GroupKey(store, ns, call.Parameters.Text("backup-type"), call.Parameters.Text("backup-id"));
        var owner = snapshots().Find(key)?.Owner;
        if (permissions.RequireFullOrOwner(caller, key.AclPath, Privileges.DatastoreModify, Privileges.DatastorePrune, owner) is { } refusal)
        {
            return refusal;
        }

        var policy = RetentionPolicy.Of(call.Parameters);
        var scope = new PruneScope(store, ns, null, key.BackupType, key.BackupId);
        var plans = prune.Plan(scope, policy);
        if (call.Parameters.Flag("dry-run"))
        {
            return ApiResult.Data(json => Write(json, plans));
        }

        ApiResult? failure = null;
        var task = await tasks.StartAsync("prune", $"{store}:{ns}:{key}", caller, async task =>
        {
            try
            {
                plans = await prune.RunAsync(task, scope, policy, dryRun: false).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure = error switch
                {
                    LedgerUnavailableException => ApiResult.Error(503, LedgerAway.Text),
                    StorageException or ApiException or OperationCanceledException => ApiResult.Error(error.Message),
                    _ => ApiResult.Error(500, "internal error"),
                };
                throw;
            }
        }, store, ns).ConfigureAwait(false);
        if (call.Parameters.Flag("use-task"))
        {
            return ApiResult.String(task.Upid.ToString());
        }

        await task.Ended.ConfigureAwait(false);
        return failure ?? ApiResult.Data(json => Write(json, plans));
    }

    private async ValueTask<ApiResult> PruneStoreAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var (store, ns) = (call.Parameters.Text("store"), call.Parameters.OptionalText("ns") ?? "");
        var path = GroupKey.DatastorePath(store, ns);
        const Privileges any = Privileges.DatastoreModify | Privileges.DatastorePrune;
        if ((permissions.On(path, caller) & any) == 0)
        {
            return ApiResult.Error($"missing permissions '{Roles.NamesOf(any)}' on '{path}'");
        }

        if (stores.FindForWriting(store, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        var policy = RetentionPolicy.Of(call.Parameters);
        var scope = new PruneScope(store, ns, (int?)call.Parameters.OptionalInteger("max-depth"), Limit: caller);
        var dryRun = call.Parameters.Flag("dry-run");
        var task = await tasks.StartAsync("prune", $"{store}:{ns}", caller, task => prune.RunAsync(task, scope, policy, dryRun), store, ns)
            .ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    /// <summary>PBS's members, and <c>reason</c>.</summary>
    private static void Write(Utf8JsonWriter json, IReadOnlyList<GroupPlan> plans)
    {
        json.WriteStartArray();
        foreach (var plan in plans)
        {
            foreach (var verdict in plan.Verdicts)
            {
                json.WriteStartObject();
                json.WriteString("backup-id", plan.Group.BackupId);
                json.WriteNumber("backup-time", verdict.BackupTime);
                json.WriteString("backup-type", plan.Group.BackupType);
                json.WriteBoolean("keep", verdict.Keep);
                if (plan.Group.Ns.Length > 0)
                {
                    json.WriteString("ns", plan.Group.Ns);
                }

                json.WriteBoolean("protected", verdict.IsProtected);
                json.WriteString("reason", verdict.Reason);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
    }
}
