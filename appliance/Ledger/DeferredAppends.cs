// Facts that happen while the ledger may be away (logins, restores): kept in order in a bounded queue, each with the
// time it happened, and appended when the ledger is back. What didn't fit is counted, and a later event says how many.
using System.Globalization;
using System.Text;

namespace Holdfast.Ledger;

/// <summary>Bounded queue of facts in front of a ledger. <see cref="Record"/> never waits and never fails.</summary>
public sealed class DeferredAppends : IAsyncDisposable
{
    /// <summary>Type of the event that says how many facts were dropped:
    /// <c>{"count":n,"from":us,"to":us}</c>.</summary>
    public const string DroppedType = "DeferredEventsDropped/1";

    private const int MostPerAppend = 500;
    private const int MostBytesPerAppend = 2 << 20;

    private readonly ILedger ledger;
    private readonly TimeProvider clock;
    private readonly int capacity;
    private readonly Action<string> log;
    private readonly Lock gate = new();
    private readonly Queue<(string Stream, NewEvent Event)> queue = new();
    private readonly SemaphoreSlim wake = new(0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private TaskCompletionSource? drained;
    private long dropped;
    private long droppedFromUs;
    private long droppedToUs;
    private int underWay;
    private int isDisposed;

    /// <summary>Starts an empty queue.</summary>
    /// <param name="ledger">Where the facts go; must outlive this.</param>
    /// <param name="clock">Gives facts their time.</param>
    /// <param name="capacity">Most facts kept.</param>
    /// <param name="log">Takes a line when facts are dropped or refused.</param>
    public DeferredAppends(ILedger ledger, TimeProvider clock, int capacity = 10_000, Action<string>? log = null)
    {
        this.ledger = ledger;
        this.clock = clock;
        this.capacity = capacity;
        this.log = log ?? (_ => { });
        running = Task.Run(RunAsync);
    }

    /// <summary>Facts not yet durable.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return queue.Count + underWay;
            }
        }
    }

    /// <summary>Facts dropped and not yet told by an event.</summary>
    public long Dropped
    {
        get
        {
            lock (gate)
            {
                return dropped;
            }
        }
    }

    /// <summary>Takes a fact; it gets the time of this call if it has none.</summary>
    /// <exception cref="ArgumentException">The stream or event is out of bounds.</exception>
    public void Record(string stream, NewEvent fact)
    {
        var timed = fact.TimeUs is null ? fact with { TimeUs = NowUs() } : fact;
        LedgerLimits.Check(new Append(stream, ExpectedVersion.Any, [timed]));
        lock (gate)
        {
            if (queue.Count + underWay >= capacity)
            {
                droppedFromUs = dropped == 0 ? timed.TimeUs!.Value : droppedFromUs;
                droppedToUs = timed.TimeUs!.Value;
                dropped++;
                return;
            }
            queue.Enqueue((stream, timed));
        }
        if (wake.CurrentCount == 0)
        {
            wake.Release();
        }
    }

    /// <summary>Waits until all that was recorded before is durable.</summary>
    public Task DrainAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            if (queue.Count + underWay == 0 && dropped == 0)
            {
                return Task.CompletedTask;
            }
            drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return drained.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Writes what is there if the ledger is, within 5 s; says how many facts are lost if not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }
        if (ledger.IsAvailable)
        {
            using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(5), clock);
            await DrainAsync(bound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await stop.CancelAsync().ConfigureAwait(false);
        // An append that was sent while the database went away is resolved by the ledger; the stop doesn't wait for
        // that.
        await running.WaitAsync(TimeSpan.FromSeconds(5), clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Count > 0)
        {
            log($"ledger: {Count} facts could not be recorded before the stop");
        }
    }

    private long NowUs() => (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;

    private async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                while (Next() is { } append)
                {
                    await AppendAsync(append).ConfigureAwait(false);
                }
                await wake.WaitAsync(stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>The longest run of facts of one stream at the front, or the word about those dropped; null = nothing to
    /// do.</summary>
    private Append? Next()
    {
        lock (gate)
        {
            if (queue.TryPeek(out var first))
            {
                var facts = new List<NewEvent>();
                var bytes = 0;
                while (queue.TryPeek(out var next) && next.Stream == first.Stream && facts.Count < MostPerAppend
                    && (facts.Count == 0 || bytes + next.Event.Data.Length <= MostBytesPerAppend))
                {
                    facts.Add(queue.Dequeue().Event);
                    bytes += next.Event.Data.Length;
                }
                underWay = facts.Count;
                return new Append(first.Stream, ExpectedVersion.Any, facts);
            }
            if (dropped > 0)
            {
                var json = string.Create(CultureInfo.InvariantCulture,
                    $"{{\"count\":{dropped},\"from\":{droppedFromUs},\"to\":{droppedToUs}}}");
                dropped = 0;
                underWay = 1;
                return new Append(Checkpoint.StreamName, ExpectedVersion.Any,
                    [new NewEvent(DroppedType, Encoding.UTF8.GetBytes(json), EventMetadata.System)]);
            }
            drained?.SetResult();
            drained = null;
            return null;
        }
    }

    /// <summary>The ledger itself waits and resolves lost answers, so that a retry here can't record a fact
    /// twice.</summary>
    private async Task AppendAsync(Append append)
    {
        try
        {
            await ledger.AppendAsync(append, Timeout.InfiniteTimeSpan, stop.Token).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException e)
        {
            // With endless patience this means: the ledger failed for good or was closed. Waiting would not help.
            log($"ledger: {append.Events.Count} facts were refused: {e.Message}");
        }
        lock (gate)
        {
            underWay = 0;
        }
    }
}
