// What the kinds of jobs differ in: their options, who may see and change them, and what a run does.
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Schedules;

/// <summary>One kind of job.</summary>
public abstract class JobKind
{
    /// <summary><c>prune</c>: as in <c>config/prune</c>.</summary>
    public abstract string Name { get; }

    /// <summary>PBS's name of it in refusals: <c>no such verification 'x'</c>.</summary>
    public abstract string Noun { get; }

    /// <summary>PBS's worker type of a run.</summary>
    public abstract string WorkerType { get; }

    public abstract Privileges ToSee { get; }

    public abstract Privileges ToChange { get; }

    /// <summary>Every option but <c>id</c>; those that are not optional are needed at creation and can't be taken back.</summary>
    public abstract IReadOnlyList<Parameter> Options { get; }

    /// <summary>Subject of a run's UPID.</summary>
    public abstract string WorkerId(Job job);

    /// <summary>The work of a run.</summary>
    public abstract Task RunAsync(RunningTask task, Job job);

    /// <summary>Where the rights over a job with these options are looked for; a datastore and namespace, unless it works on something else.</summary>
    public virtual string PathOf(IReadOnlyDictionary<string, string> options) =>
        GroupKey.DatastorePath(options.GetValueOrDefault("store", ""), options.GetValueOrDefault("ns", ""));

    /// <summary>Who has a right somewhere below learns that a job does not exist.</summary>
    public virtual string Below => "/datastore";

    /// <summary>Datastores whose backups it keeps out of the way of.</summary>
    public virtual IReadOnlyList<string> StoresOf(Job job) => [job.Store];

    /// <summary>Did a crash leave its last run in the middle of something that nobody would end before the next one?</summary>
    public virtual bool IsLeftUndone(Job job) => false;

    /// <summary>Rules between options; null if they are kept.</summary>
    public virtual ApiResult? Refuse(IReadOnlyDictionary<string, string> options) => null;

    /// <summary>A calendar event.</summary>
    protected static Parameter Schedule => Parameter.Text("schedule") with
    {
        Check = text => CalendarEvent.Parse(text, out var problem) is null ? problem : null,
    };

    protected static Parameter MaxDepth => Parameter.Integer("max-depth") with { Optional = true, Minimum = 0, Maximum = PbsSchema.NamespaceMaxDepth };

    protected static Parameter IgnoreBackupWindow => Parameter.Boolean(Job.IgnoreBackupWindow);
}
