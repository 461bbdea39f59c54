// One append on its way: waiting, sent, or answered. Whether it may still be taken back depends on which of these it
// is.
namespace Holdfast.Ledger;

internal sealed class PendingAppend(Append append, TimeSpan patience, TimeProvider clock)
{
    private const int Waiting = 0;
    private const int Sent = 1;
    private const int Withdrawn = 2;

    private readonly long started = clock.GetTimestamp();
    private readonly TaskCompletionSource<AppendOutcome> completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int state;

    public Append Append => append;

    public Task<AppendOutcome> Task => completion.Task;

    /// <summary>True once the appender has its answer.</summary>
    public bool IsAnswered => completion.Task.IsCompleted;

    /// <summary>Claims it for a batch; false if it was withdrawn.</summary>
    public bool TrySend() => Interlocked.CompareExchange(ref state, Sent, Waiting) == Waiting;

    /// <summary>It is known that nothing of it was written: it waits again.</summary>
    public void Unsend() => Interlocked.CompareExchange(ref state, Waiting, Sent);

    /// <summary>The appender gave up; works only while it waits.</summary>
    public void Withdraw(CancellationToken token)
    {
        if (Interlocked.CompareExchange(ref state, Withdrawn, Waiting) == Waiting)
        {
            completion.TrySetCanceled(token);
        }
    }

    public void Answer(AppendOutcome outcome) => completion.TrySetResult(outcome);

    public void Refuse(string why) => completion.TrySetException(
        new LedgerUnavailableException(why) { MayBeAppended = Volatile.Read(ref state) == Sent });

    /// <summary>True if its time is over; what was sent gets at least <paramref name="resolutionLimit"/>.</summary>
    public bool IsExpired(TimeSpan resolutionLimit)
    {
        if (patience == Timeout.InfiniteTimeSpan)
        {
            return false;
        }
        var limit = Volatile.Read(ref state) == Sent && resolutionLimit > patience ? resolutionLimit : patience;
        return clock.GetElapsedTime(started) >= limit;
    }
}
