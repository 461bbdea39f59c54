// Jobs that have the disks test themselves: one disk of a pool after the other, so that a pool is never slow as a whole, and none of a pool that is
// resilvering. The result is followed to its end; the disks' watch tells it, and judges the disk by it.
using Holdfast.Features.Access;
using Holdfast.Features.Disks;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>Self-test jobs.</summary>
public sealed class SelfTestJobs(DiskTests tests) : JobKind
{
    public override string Name => "self-test";

    public override string Noun => "self-test";

    public override string WorkerType => "smart-test";

    public override Privileges ToSee => Privileges.SysAudit;

    public override Privileges ToChange => Privileges.SysModify;

    public override IReadOnlyList<Parameter> Options =>
    [
        Parameter.Text("test") with { Choices = ["short", "long"] }, Schedule, Parameter.Boolean("disable"), PbsSchema.Comment(),
    ];

    public override string Below => "/system/disks";

    public override string PathOf(IReadOnlyDictionary<string, string> options) => Below;

    public override IReadOnlyList<string> StoresOf(Job job) => [];

    public override string WorkerId(Job job) => job.Id;

    public override Task RunAsync(RunningTask task, Job job) => tests.RunAsync(task, job.Options.GetValueOrDefault("test", "short"));
}
