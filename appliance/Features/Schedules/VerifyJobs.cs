// Jobs that verify: options as PBS's `config/verify` (pbs-protocol.md 4.3), work as Features/Verify does it.
using Holdfast.Features.Access;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Verify jobs.</summary>
public sealed class VerifyJobs(VerifySnapshots verify) : JobKind
{
    private static readonly Parameter Threads = Parameter.Integer("read-threads") with { Optional = true, Minimum = 1, Maximum = VerifyJob.ThreadsMax };

    public override string Name => "verify";

    public override string Noun => "verification";

    public override string WorkerType => "verificationjob";

    public override Privileges ToSee => Privileges.DatastoreAudit;

    public override Privileges ToChange => Privileges.DatastoreVerify;

    public override IReadOnlyList<Parameter> Options =>
    [
        PbsSchema.Store(), PbsSchema.Namespace(), MaxDepth, Schedule.AsOptional(), Parameter.Boolean("ignore-verified"),
        Parameter.Integer("outdated-after") with { Optional = true, Minimum = 0 }, PbsSchema.Comment(), Threads, Threads with { Name = "verify-threads" },
        IgnoreBackupWindow,
    ];

    public override string WorkerId(Job job) => $"{job.Store}:{job.Id}";

    public override Task RunAsync(RunningTask task, Job job) => verify.RunAsync(task, new VerifyScope(
        job.Store, job.Ns, (int?)job.Number("max-depth"), IgnoreVerified: job.Flag("ignore-verified", otherwise: true),
        OutdatedAfterDays: job.Number("outdated-after"))
    {
        ReadThreads = (int?)job.Number("read-threads"), VerifyThreads = (int?)job.Number("verify-threads"),
        ByRightsOf = task.By.AuthId == AccessState.Root ? null : task.By,
    });
}
