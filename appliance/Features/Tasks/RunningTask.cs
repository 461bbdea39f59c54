// One task that runs in this process, as its work sees it: a log, warnings, and a token that is cancelled when somebody aborts it or the appliance stops.
using Holdfast.Features.Access;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>A running task. Any thread of its work may use it.</summary>
public sealed class RunningTask : IDisposable
{
    private readonly CancellationTokenSource abort;
    private readonly TaskLog log;
    private readonly Action? abortSession;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int warnings;
    private int aborted;

    internal RunningTask(Upid upid, Caller by, string? store, string? ns, TaskLog log, Action? abortSession, CancellationToken stopping)
    {
        (Upid, By, Store, Ns, this.log, this.abortSession) = (upid, by, store, ns, log, abortSession);
        abort = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        AbortToken = abort.Token;
    }

    public Upid Upid { get; }

    /// <summary>Who asked for it.</summary>
    public Caller By { get; }

    /// <summary>Datastore that it works on; null if none.</summary>
    public string? Store { get; }

    /// <summary>Namespace in it.</summary>
    public string? Ns { get; }

    /// <summary>Cancelled when the task is to end early. Work looks at it between its steps and throws OperationCanceledException.</summary>
    public CancellationToken AbortToken { get; }

    /// <summary>Warnings so far: they decide about the final status.</summary>
    public int Warnings => Volatile.Read(ref warnings);

    /// <summary>Completes after the end has been recorded.</summary>
    public Task Ended => ended.Task;

    internal bool WasAborted => Volatile.Read(ref aborted) != 0;

    internal TaskLog Log => log;

    /// <summary>Metadata of the events that this task brings about: its actor and source, the UPID as cause and correlation.</summary>
    public EventMetadata Metadata => By.Because(Upid.ToString(), Upid.ToString());

    /// <summary>Adds a line to the log.</summary>
    public void Say(string line) => log.Line(line);

    /// <summary>Adds a line and makes the task end with warnings.</summary>
    public void Warn(string line)
    {
        Interlocked.Increment(ref warnings);
        log.Line("warning: " + line);
    }

    /// <summary>Asks the task to end; returns at once.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref aborted, 1) == 0)
        {
            try
            {
                abort.Cancel();
            }
            catch (ObjectDisposedException)
            {
                return; // It ended in this very moment.
            }

            abortSession?.Invoke();
        }
    }

    /// <summary>Throws OperationCanceledException if the task is to end early.</summary>
    public void ThrowIfAborted() => AbortToken.ThrowIfCancellationRequested();

    internal void MarkEnded() => ended.TrySetResult();

    public void Dispose()
    {
        log.Dispose();
        abort.Dispose();
    }
}

/// <summary>A failure of a task whose text is fit for its status: what PBS's `TASK ERROR: …` says.</summary>
public sealed class TaskFailedException(string text) : Exception(text);
