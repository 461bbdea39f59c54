// Starts runs of jobs: a task whose start and whose belonging to the job are one transaction, so that no crash forgets that a job ran.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;

namespace Holdfast.Features.Schedules;

/// <summary>Runs jobs of all kinds.</summary>
public sealed class JobRuns(IReadOnlyList<JobKind> kinds, TaskRunner tasks, TimeProvider clock)
{
    /// <summary>Starts a job now.</summary>
    /// <param name="dueS">When its schedule asked for it; null if somebody wants it by hand.</param>
    /// <exception cref="Wire.ApiException">The ledger is away.</exception>
    public Task<RunningTask> StartAsync(Job job, Caller by, long? dueS)
    {
        var kind = KindOf(job);
        return tasks.StartAsync(kind.WorkerType, kind.WorkerId(job), by, task => RunAsync(kind, task, job, dueS),
            job.Store.Length > 0 ? job.Store : null, job.Store.Length > 0 ? job.Ns : null,
            upid => [Event.Of(new JobRunStarted(job.Kind, job.Id, upid.ToString(), dueS), by.Because(upid.ToString(), upid.ToString()))]);
    }

    /// <summary>Datastores whose backups a job keeps out of the way of.</summary>
    public IReadOnlyList<string> StoresOf(Job job) => KindOf(job).StoresOf(job);

    /// <summary>Since when a run that a crash ended waits to be gone on with, epoch seconds; null = there is none.</summary>
    public long? UndoneSinceS(Job job) => job.LastRun is { EndS: { } endS, State: TaskRunner.UnknownText } && KindOf(job).IsLeftUndone(job) ? endS : null;

    private JobKind KindOf(Job job) => kinds.Single(kind => kind.Name == job.Kind);

    private async Task RunAsync(JobKind kind, RunningTask task, Job job, long? dueS)
    {
        task.Say($"starting {kind.Name} job '{job.Id}'" + (dueS is null ? "" : $" by schedule '{job.Schedule}'"));
        if (dueS is { } due && clock.GetUtcNow().ToUnixTimeSeconds() - due is >= 120 and var lateS)
        {
            task.Say($"it was due {lateS / 60} minutes ago and waited for backups, or for the appliance to run");
        }

        await kind.RunAsync(task, job).ConfigureAwait(false);
    }
}
