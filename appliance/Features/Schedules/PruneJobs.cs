// Jobs that prune: options as PBS's `config/prune` (pbs-protocol.md 4.3), work as Features/Prune does it.
using Holdfast.Features.Access;
using Holdfast.Features.Prune;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Prune jobs.</summary>
public sealed class PruneJobs(PruneDatastore prune) : JobKind
{
    public override string Name => "prune";

    public override string Noun => "prune";

    public override string WorkerType => "prunejob";

    public override Privileges ToSee => Privileges.DatastoreAudit;

    public override Privileges ToChange => Privileges.DatastoreModify;

    public override IReadOnlyList<Parameter> Options =>
    [
        PbsSchema.Store(), Schedule, PbsSchema.Namespace(), MaxDepth, .. RetentionPolicy.Parameters, Parameter.Boolean("disable"), PbsSchema.Comment(),
        IgnoreBackupWindow,
    ];

    public override string WorkerId(Job job) => job.Ns.Length == 0 ? job.Store : $"{job.Store}:{job.Ns}";

    public override Task RunAsync(RunningTask task, Job job)
    {
        var policy = new RetentionPolicy(
            job.Number("keep-last"), job.Number("keep-hourly"), job.Number("keep-daily"), job.Number("keep-weekly"), job.Number("keep-monthly"),
            job.Number("keep-yearly"));
        var scope = new PruneScope(
            job.Store, job.Ns, (int?)job.Number("max-depth"), Limit: task.By.AuthId == AccessState.Root ? null : task.By);
        return prune.RunAsync(task, scope, policy, dryRun: false);
    }
}
