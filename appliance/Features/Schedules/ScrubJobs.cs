// Jobs that scrub a pool: every block is read and checked, and what one disk has wrong is mended from the others. While backups run, or are usual, the scrub
// is paused; a pause that a crash left behind ends with the next look of the scheduler.
using Holdfast.Features.Access;
using Holdfast.Features.Pools;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Scrub jobs.</summary>
/// <param name="storesOn">Datastores that lie on a pool.</param>
/// <param name="isPaused">Was a scrub of this pool seen paused?</param>
/// <param name="isBackupTime">Are backups into one of these usual now, or under way?</param>
public sealed class ScrubJobs(
    PoolTasks work, Func<string, IReadOnlyList<string>> storesOn, Func<string, bool> isPaused, Func<IReadOnlyList<string>, bool> isBackupTime) : JobKind
{
    public override string Name => "scrub";

    public override string Noun => "scrub";

    public override string WorkerType => "zfs-scrub";

    public override Privileges ToSee => Privileges.SysAudit;

    public override Privileges ToChange => Privileges.SysModify;

    public override IReadOnlyList<Parameter> Options =>
    [
        Parameter.Text("pool") with { MinLength = 1, MaxLength = 63 }, Schedule, Parameter.Boolean("disable"), PbsSchema.Comment(), IgnoreBackupWindow,
    ];

    public override string Below => "/system/disks";

    public override string PathOf(IReadOnlyDictionary<string, string> options) => Below;

    public override IReadOnlyList<string> StoresOf(Job job) => storesOn(PoolOf(job));

    public override string WorkerId(Job job) => PoolOf(job);

    public override Task RunAsync(RunningTask task, Job job) =>
        work.ScrubAsync(task, PoolOf(job), job.IgnoresBackupWindow ? null : () => isBackupTime(storesOn(PoolOf(job))));

    public override bool IsLeftUndone(Job job) => isPaused(PoolOf(job));

    private static string PoolOf(Job job) => job.Options.GetValueOrDefault("pool", "");
}
