// Signs the head from time to time - after so many events or minutes with something new, and at stop - and records the
// signature as an event. Never signs its own signatures alone: a quiet ledger stays quiet.
namespace Holdfast.Ledger;

/// <summary>Background signer of checkpoints.</summary>
public sealed class CheckpointSigner : IAsyncDisposable
{
    private readonly ILedger ledger;
    private readonly LedgerKey key;
    private readonly TimeProvider clock;
    private readonly TimeSpan everyTime;
    private readonly long everyEvents;
    private readonly Action<string> log;
    private readonly IDisposable observing;
    private readonly SemaphoreSlim wake = new(0);
    private readonly SemaphoreSlim signing = new(1);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private long unsigned;
    private int isDisposed;

    private CheckpointSigner(
        ILedger ledger, LedgerKey key, TimeProvider clock, long everyEvents, TimeSpan everyTime, Action<string> log,
        long alreadyUnsigned)
    {
        this.ledger = ledger;
        this.key = key;
        this.clock = clock;
        this.everyEvents = everyEvents;
        this.everyTime = everyTime;
        this.log = log;
        unsigned = alreadyUnsigned;
        observing = ledger.Observe(Count);
        running = RunAsync();
    }

    /// <summary>Starts. What the last run left unsigned counts as new.</summary>
    /// <param name="ledger">Where the checkpoints go; must outlive the signer.</param>
    /// <param name="key">Key of the box; stays the caller's.</param>
    /// <param name="clock">Measures the minutes.</param>
    /// <param name="everyEvents">Sign after so many new events.</param>
    /// <param name="everyTime">Sign after this time if there was something new.</param>
    /// <param name="log">Takes a line when signing failed.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<CheckpointSigner> StartAsync(
        ILedger ledger, LedgerKey key, TimeProvider clock, long everyEvents, TimeSpan everyTime,
        Action<string>? log = null,
        CancellationToken cancellationToken = default)
    {
        long fresh = 0;
        await foreach (var last in ledger.ReadAsync(Math.Max(1, ledger.Head.Position), cancellationToken)
            .ConfigureAwait(false))
        {
            fresh = last.Type == Checkpoint.TypeName ? 0 : 1;
        }
        return new CheckpointSigner(ledger, key, clock, everyEvents, everyTime, log ?? (_ => { }), fresh);
    }

    /// <summary>Signs now if there is something new. True = a checkpoint was recorded.</summary>
    /// <exception cref="LedgerUnavailableException">The ledger is away; what is new stays new.</exception>
    public async Task<bool> SignNowAsync()
    {
        await signing.WaitAsync().ConfigureAwait(false);
        try
        {
            var count = Interlocked.Read(ref unsigned);
            var head = ledger.Head;
            if (count == 0 || head.Position == 0)
            {
                return false;
            }
            var checkpoint = Checkpoint.Sign(head, key);
            await ledger.AppendAsync(new Append(Checkpoint.StreamName, ExpectedVersion.Any, [checkpoint.ToEvent()]))
                .ConfigureAwait(false);
            Interlocked.Add(ref unsigned, -count);
            return true;
        }
        finally
        {
            signing.Release();
        }
    }

    /// <summary>Signs what is new and ends. The ledger must still be open.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        await TrySignAsync().ConfigureAwait(false);
        observing.Dispose();
        stop.Dispose();
        wake.Dispose();
        signing.Dispose();
    }

    private void Count(RecordedEvent recorded)
    {
        if (recorded.Type != Checkpoint.TypeName && Interlocked.Increment(ref unsigned) == everyEvents)
        {
            wake.Release();
        }
    }

    private async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var pause = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                var time = Task.Delay(everyTime, clock, pause.Token);
                await Task.WhenAny(time, wake.WaitAsync(pause.Token)).ConfigureAwait(false);
                await pause.CancelAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            if (!stop.IsCancellationRequested)
            {
                await TrySignAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task TrySignAsync()
    {
        try
        {
            await SignNowAsync().ConfigureAwait(false);
        }
        catch (LedgerUnavailableException e)
        {
            log($"ledger: no checkpoint could be recorded: {e.Message}");
        }
    }
}
