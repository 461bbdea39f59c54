// Runs work as tasks: recorded before it begins and after it ended, logged meanwhile, abortable at any time. Sessions are tasks too: they register here
// and tell of themselves by their own events. What a crash interrupted is closed at the next start.
using System.Collections.Concurrent;
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Tasks;

/// <summary>All tasks of this process. Thread-safe.</summary>
public sealed class TaskRunner(TaskIds ids, TaskLogs logs, Recorder recorder, ILogger log) : IAsyncDisposable
{
    /// <summary>What PBS says of a task that was aborted.</summary>
    public const string AbortedText = "abort requested - aborting task";

    /// <summary>The status of a task that ended with its process.</summary>
    public const string UnknownText = "unknown";

    private volatile string? closedBecause;

    /// <summary>Why no new task is started; null = they are.</summary>
    public string? ClosedBecause
    {
        get => closedBecause;
        set => closedBecause = value;
    }

    private readonly ConcurrentDictionary<string, RunningTask> running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();

    /// <summary>The UPID of a session about to open.</summary>
    public Upid NextUpid(string workerType, string workerId, string authId) => ids.Next(workerType, workerId, authId);

    /// <summary>Logs of running and ended tasks.</summary>
    public TaskLogs Logs => logs;

    /// <summary>Tasks that run now, sessions included.</summary>
    public IReadOnlyCollection<RunningTask> Running => [.. running.Values];

    /// <summary>The running task of that name, or null.</summary>
    public RunningTask? Find(string upid) => running.GetValueOrDefault(upid);

    /// <summary>Starts work in the background and returns once its start is recorded.</summary>
    /// <param name="workerType">PBS's name of the kind: <c>garbage_collection</c>, <c>prune</c>, <c>verify</c>, …</param>
    /// <param name="workerId">Plain subject: <c>main</c>, <c>main:ns/a</c>; null if none.</param>
    /// <param name="work">Ends normally, or throws: <see cref="TaskFailedException"/>, a <see cref="StorageException"/> or an
    /// <see cref="ApiException"/> become the status; cancellation of the task's token becomes <see cref="AbortedText"/>.</param>
    /// <param name="with">Events that are to be recorded together with the start.</param>
    /// <exception cref="ApiException">503: the ledger is away, so nothing is begun.</exception>
    public async Task<RunningTask> StartAsync(
        string workerType, string? workerId, Caller by, Func<RunningTask, Task> work, string? store = null, string? ns = null,
        Func<Upid, IReadOnlyList<NewEvent>>? with = null)
    {
        if (closedBecause is { } why)
        {
            throw new ApiException(503, why);
        }

        var upid = ids.Next(workerType, workerId ?? "", by.AuthId);
        var name = upid.ToString();
        try
        {
            IReadOnlyList<NewEvent> start = [Event.Of(new TaskStarted(name, store, ns), by.Because(name, name)), .. with?.Invoke(upid) ?? []];
            await recorder.DecideAsync(StreamOf(name), ExpectedVersion.Any, start).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            throw new ApiException(503, LedgerAway.Text);
        }

        var task = new RunningTask(upid, by, store, ns, logs.Create(upid), null, stopping.Token);
        running[name] = task;
        _ = Task.Run(() => RunAsync(task, work), CancellationToken.None);
        return task;
    }

    /// <summary>Lists a session as a running task; its start and end are told by its own events.</summary>
    /// <param name="abort">Cuts the session's connection.</param>
    public RunningTask Register(Upid upid, Caller by, string store, string ns, Action abort)
    {
        var task = new RunningTask(upid, by, store, ns, logs.Create(upid), abort, stopping.Token);
        running[upid.ToString()] = task;
        return task;
    }

    /// <summary>The end of a registered session, after its own event was recorded.</summary>
    /// <param name="problem">Null if it went well.</param>
    public void Unregister(RunningTask task, string? problem)
    {
        task.Log.Last(problem is null ? "TASK OK" : "TASK ERROR: " + problem);
        End(task);
    }

    /// <summary>Closes what an earlier process left running: nobody knows how far it came.</summary>
    public async Task CloseInterruptedAsync(TasksState state)
    {
        foreach (var task in state.Running.Values.Where(task => !running.ContainsKey(task.Upid)))
        {
            await recorder.NoteAsync(StreamOf(task.Upid), new TaskFinished(task.Upid, UnknownText), EventMetadata.System).ConfigureAwait(false);
        }
    }

    /// <summary>Removes the logs of tasks that are no longer listed.</summary>
    public int RemoveOldLogs(TasksState state) => logs.RemoveUnlisted(state, running.ContainsKey);

    /// <summary>Asks every task to end and waits for them, at most half a minute.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        try
        {
            await Task.WhenAll(running.Values.Select(task => task.Ended)).WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            log.LogWarning("stopping although tasks still run: {Tasks}", string.Join(", ", running.Keys));
        }
    }

    /// <summary>The task's own stream. A name that a stream's can't hold (escaped namespaces are long) stands there by its hash.</summary>
    private static string StreamOf(string upid) => upid.Length <= LedgerLimits.MaxStreamChars - 10
        ? "task:" + upid
        : "task:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(upid)));

    private async Task RunAsync(RunningTask task, Func<RunningTask, Task> work)
    {
        var problem = await FailureOfAsync(task, work).ConfigureAwait(false);
        var status = problem ?? (task.Warnings > 0 ? $"WARNINGS: {task.Warnings}" : "OK");
        try
        {
            await recorder.NoteAsync(StreamOf(task.Upid.ToString()), new TaskFinished(task.Upid.ToString(), status), task.Metadata).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            log.LogError(error, "the end of task {Upid} was not recorded", task.Upid);
        }

        task.Log.Last(problem is not null ? "TASK ERROR: " + problem : task.Warnings > 0 ? "TASK " + status : "TASK OK");
        End(task);
    }

    private async Task<string?> FailureOfAsync(RunningTask task, Func<RunningTask, Task> work)
    {
        try
        {
            await work(task).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException) when (task.AbortToken.IsCancellationRequested)
        {
            return task.WasAborted ? AbortedText : "interrupted: the appliance stops";
        }
        catch (Exception error) when (error is TaskFailedException or StorageException or ApiException)
        {
            return error.Message;
        }
        catch (LedgerUnavailableException)
        {
            return LedgerAway.Text;
        }
        catch (Exception error)
        {
            log.LogError(error, "task {Upid} failed unexpectedly", task.Upid);
            return "internal error: " + error.GetType().Name;
        }
    }

    private void End(RunningTask task)
    {
        running.TryRemove(task.Upid.ToString(), out _);
        task.MarkEnded();
        task.Dispose();
    }
}
