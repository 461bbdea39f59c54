// Looks once a minute at what is due and starts it. What was missed while the box was off runs once. A job keeps out of hours in which backups are usual or
// under way, for a bounded time. Collections that follow prune wait for the pruning to end instead of for a clock.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Schedules;

/// <summary>What the scheduler looks at; all of it as it is now.</summary>
public sealed record ScheduleFacts(Func<JobsState> Jobs, Func<DatastoresState> Datastores, Func<BackupWindowsState> Windows);

/// <summary>Starts jobs when they are due.</summary>
/// <param name="collect">The work of a garbage collection of a datastore.</param>
public sealed class Scheduler(
    ScheduleFacts facts, JobRuns runs, CollectionSchedule collections, Func<RunningTask, string, Task> collect, TaskRunner tasks,
    ILedger ledger, TimeProvider clock, ILogger log)
    : IAsyncDisposable
{
    /// <summary>Datastore option: collect also while backups are usual.</summary>
    public const string CollectInBackupWindow = "gc-ignore-backup-window";

    /// <summary>So long a due job waits for a backup window to end; then it runs all the same.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromHours(6);

    /// <summary>Clocks are put back by hours; what ran further ahead of now ran with a wrong date.</summary>
    private const long AheadMaxS = 7 * 24 * 3600;

    /// <summary>Who scheduled work is done as.</summary>
    public static readonly Caller Self = new(AccessState.Root, "");

    private readonly CancellationTokenSource stop = new();
    private Task loop = Task.CompletedTask;

    /// <summary>Begins to look, at every full minute.</summary>
    public void Start() => loop = LoopAsync();

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await loop.ConfigureAwait(false);
        stop.Dispose();
    }

    /// <summary>When a job is due next; null = never by itself.</summary>
    public static long? NextRunS(string? schedule, long sinceS, JobRun? last, TimeZoneInfo zone, long nowS)
    {
        // A box that once woke up with a wrong date must not wait for that date to come again: a last run days ahead of now is none.
        var known = Math.Max(sinceS, last?.StartS ?? 0);
        return schedule is null || CalendarEvent.Parse(schedule, out _) is not { } calendar
            ? null
            : calendar.Next(known - nowS > AheadMaxS ? nowS - 60 : known, zone);
    }

    /// <summary>Starts everything that is due now.</summary>
    public async Task TickAsync()
    {
        if (!ledger.IsAvailable)
        {
            return; // Nothing could be recorded, so nothing is begun; what is due stays due.
        }

        var nowS = clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var job in facts.Jobs().Jobs.Values.Where(job => !job.IsDisabled && !IsRunning(job.LastRun)))
        {
            if ((runs.UndoneSinceS(job) ?? NextRunS(job.Schedule, job.SinceS, job.LastRun, clock.LocalTimeZone, nowS)) is { } dueS && dueS <= nowS
                && !MustWait(runs.StoresOf(job), dueS, nowS, job.IgnoresBackupWindow))
            {
                await TryAsync($"{job.Kind} job '{job.Id}'", () => runs.StartAsync(job, Self, dueS)).ConfigureAwait(false);
            }
        }

        foreach (var store in facts.Datastores().Stores.Values.Where(store => store.GcSchedule is not null && store.Maintenance is null))
        {
            await TryCollectAsync(store, nowS).ConfigureAwait(false);
        }
    }

    private async Task TryCollectAsync(DatastoreFacts store, long nowS)
    {
        if (collections.DueS(store) is not { } dueS || dueS > nowS || IsRunning(collections.LastRun(store.Name)))
        {
            return;
        }

        if (tasks.Running.Any(task => task.Store == store.Name && task.Upid.WorkerType is "garbage_collection" or "prune" or "prunejob")
            || MustWait([store.Name], dueS, nowS, store.Options.GetValueOrDefault(CollectInBackupWindow) == "true"))
        {
            return;
        }

        await TryAsync($"garbage collection of '{store.Name}'", () =>
            tasks.StartAsync("garbage_collection", store.Name, Self, task => collect(task, store.Name), store.Name, "")).ConfigureAwait(false);
    }

    private bool MustWait(IReadOnlyList<string> stores, long dueS, long nowS, bool never) =>
        !never && nowS - dueS < WaitMax.TotalSeconds && IsBackupTime(facts.Windows(), tasks, stores, nowS);

    /// <summary>Are backups into one of these datastores usual at this hour, or under way?</summary>
    public static bool IsBackupTime(BackupWindowsState windows, TaskRunner tasks, IReadOnlyList<string> stores, long nowS) => stores.Any(store =>
        windows.IsUsual(store, nowS) || tasks.Running.Any(task => task.Upid.WorkerType == "backup" && task.Store == store));

    /// <summary>A run that the ledger calls running but no task of this process is, ended with the process before; that is being recorded.</summary>
    private bool IsRunning(JobRun? run) => run is { EndS: null } && tasks.Find(run.Upid) is not null;

    private async Task TryAsync(string what, Func<Task> start)
    {
        try
        {
            await start().ConfigureAwait(false);
        }
        catch (Exception error) when (error is ApiException or LedgerUnavailableException)
        {
            log.LogWarning("{What} is due but can't be started: {Problem}", what, error.Message);
        }
    }

    private async Task LoopAsync()
    {
        var minute = TimeSpan.FromMinutes(1);
        try
        {
            while (true)
            {
                await Task.Delay(minute - TimeSpan.FromTicks(clock.GetUtcNow().Ticks % minute.Ticks), clock, stop.Token).ConfigureAwait(false);
                await TickSafelyAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance stops.
        }
    }

    /// <summary>One bad minute must not be the last: nothing else keeps a box tidy.</summary>
    private async Task TickSafelyAsync()
    {
        try
        {
            await TickAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.LogError(error, "the scheduler failed unexpectedly; it goes on with the next minute");
        }
    }
}
