// The ledger in memory: same chain, same conflicts, same order of observers as PostgresLedger, for simulations and
// tests. It can be made to go away and come back, so that what others do without a ledger can be tried.
using System.Runtime.CompilerServices;

namespace Holdfast.Ledger;

/// <summary>In-memory <see cref="ILedger"/>. Thread-safe.</summary>
/// <param name="clock">Time of events.</param>
/// <param name="log">Takes one line for people; null = nowhere.</param>
public sealed class MemoryLedger(TimeProvider clock, Action<string>? log = null) : ILedger
{
    private readonly Lock gate = new();
    private readonly List<RecordedEvent> events = [];
    private readonly Dictionary<string, List<RecordedEvent>> streams = new(StringComparer.Ordinal);
    private readonly Observers observers = new(log ?? (_ => { }));
    private readonly Batch batch = new();
    private TaskCompletionSource? awaited;
    private volatile LedgerHead head = new(0, EventHash.Genesis);
    private bool isDisposed;

    /// <inheritdoc/>
    public LedgerHead Head => head;

    /// <inheritdoc/>
    public bool IsAvailable
    {
        get
        {
            lock (gate)
            {
                return awaited is null && !isDisposed;
            }
        }
    }

    /// <summary>From now on appends and reads behave as if the database were away.</summary>
    public void Interrupt()
    {
        lock (gate)
        {
            awaited ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The database is back: waiting appends go on.</summary>
    public void Resume()
    {
        lock (gate)
        {
            awaited?.SetResult();
            awaited = null;
        }
    }

    /// <inheritdoc/>
    public async Task<AppendOutcome> AppendAsync(
        Append append, TimeSpan patience = default, CancellationToken cancellationToken = default)
    {
        LedgerLimits.Check(append);
        cancellationToken.ThrowIfCancellationRequested();
        var started = clock.GetTimestamp();
        while (true)
        {
            Task back;
            lock (gate)
            {
                if (isDisposed)
                {
                    throw new LedgerUnavailableException("the ledger is closed");
                }
                if (awaited is null)
                {
                    return AppendNow(append);
                }
                back = awaited.Task;
            }
            var left = patience == Timeout.InfiniteTimeSpan ? patience : patience - clock.GetElapsedTime(started);
            if (left != Timeout.InfiniteTimeSpan && left <= TimeSpan.Zero)
            {
                throw new LedgerUnavailableException("the ledger is away");
            }
            try
            {
                await back.WaitAsync(left, clock, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                throw new LedgerUnavailableException("the ledger stayed away", e);
            }
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<RecordedEvent> ReadAsync(
        long fromPosition = 1, CancellationToken cancellationToken = default) =>
        Hand(events, fromPosition, head.Position, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromVersion = 1, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            return streams.TryGetValue(stream, out var list)
                ? Hand(list, fromVersion, list.Count, cancellationToken)
                : Hand([], 1, 0, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public IDisposable Observe(Action<RecordedEvent> observer) => observers.Add(observer);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (!isDisposed)
            {
                isDisposed = true;
                awaited?.SetResult();
                awaited = null;
                batch.Dispose();
            }
        }
        return ValueTask.CompletedTask;
    }

    private AppendOutcome AppendNow(Append append)
    {
        batch.Reset(head);
        var stored = streams.TryGetValue(append.Stream, out var list) ? list.Count : 0;
        batch.Add(append, stored, (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10);
        if (batch.Outcomes[0] is AppendOutcome.Appended appended)
        {
            events.AddRange(appended.Events);
            (list ?? (streams[append.Stream] = [])).AddRange(appended.Events);
            head = batch.After;
            observers.Notify(appended.Events);
        }
        return batch.Outcomes[0];
    }

    private async IAsyncEnumerable<RecordedEvent> Hand(
        List<RecordedEvent> from, long first, long last, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        for (var i = Math.Max(first, 1); i <= last; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RecordedEvent next;
            lock (gate)
            {
                if (awaited is not null || isDisposed)
                {
                    throw new LedgerUnavailableException("the ledger is away");
                }
                next = from[(int)i - 1];
            }
            yield return next;
        }
    }
}
