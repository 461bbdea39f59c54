// POST admin/datastore/S/verify (pbs-protocol.md 4.2): starts the task and answers its UPID. An unknown group or snapshot is the task's business: it says so
// and ends well, as PBS's does.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Verify;

/// <summary>Endpoints of verification.</summary>
public sealed class VerifyEndpoints(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, TaskRunner tasks,
    VerifySnapshots verify)
{
    private static readonly Parameter Threads = Parameter.Integer("read-threads") with { Optional = true, Minimum = 1, Maximum = VerifyJob.ThreadsMax };

    private static readonly ParameterSchema Parameters = new(
        PbsSchema.Store(), PbsSchema.Namespace(), PbsSchema.BackupType().AsOptional(), PbsSchema.BackupId().AsOptional(),
        PbsSchema.BackupTime().AsOptional(), Parameter.Boolean("ignore-verified"), Parameter.Integer("outdated-after") with { Optional = true, Minimum = 0 },
        Parameter.Integer("max-depth") with { Optional = true, Minimum = 0, Maximum = BackupNamespace.MaxDepth },
        Threads, Threads with { Name = "verify-threads" });

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints => [new("POST", "/admin/datastore/{store}/verify", Parameters, StartAsync)];

    private async ValueTask<ApiResult> StartAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var scope = ScopeOf(call.Parameters, caller);
        var path = GroupKey.DatastorePath(scope.Store, scope.Ns);
        var refusal = scope.Group is { } group
            ? permissions.RequireFullOrOwner(caller, path, Privileges.DatastoreVerify, Privileges.DatastoreBackup, snapshots().Find(group)?.Owner)
            : permissions.Require(caller, path, Privileges.DatastoreVerify | Privileges.DatastoreBackup);
        if (refusal is not null)
        {
            return refusal;
        }

        if (scope.Group is null != (call.Parameters.OptionalText("backup-type") is null && call.Parameters.OptionalText("backup-id") is null)
            || (scope.Group is null && scope.BackupTime is not null))
        {
            return ApiResult.Error("parameters do not specify a backup group or snapshot");
        }

        if (stores.FindForWriting(scope.Store, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        if (!datastores().Stores.TryGetValue(scope.Store, out var facts) || !facts.HasNamespace(scope.Ns))
        {
            return ApiResult.Error("ENOENT: No such file or directory");
        }

        var task = await tasks.StartAsync(
            scope.WorkerType, scope.WorkerId, caller, running => verify.RunAsync(running, scope), scope.Store, scope.Ns).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    private static VerifyScope ScopeOf(ApiParameters parameters, Caller caller) => new(
        parameters.Text("store"), parameters.OptionalText("ns") ?? "", (int?)parameters.OptionalInteger("max-depth"),
        parameters.OptionalText("backup-type"), parameters.OptionalText("backup-id"), parameters.OptionalInteger("backup-time"),
        parameters.OptionalFlag("ignore-verified") ?? true, parameters.OptionalInteger("outdated-after"))
    {
        ReadThreads = (int?)parameters.OptionalInteger("read-threads"),
        VerifyThreads = (int?)parameters.OptionalInteger("verify-threads"),
        ByRightsOf = caller,
    };
}
