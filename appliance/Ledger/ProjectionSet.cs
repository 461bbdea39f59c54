// All projections of the appliance, fed by one read of the ledger at start, by the commits from then on, and compared
// with one rebuild on demand. Saves snapshots from time to time and at stop, so that a start reads only what is new.
using System.Security.Cryptography;

namespace Holdfast.Ledger;

/// <summary>Outcome of rebuilding one fold from the first event and comparing it with the live one at the same
/// position.</summary>
/// <param name="Name">Name of the fold.</param>
/// <param name="Position">Where both stood.</param>
/// <param name="IsEqual">True if the canonical bytes are the same.</param>
/// <param name="LiveDigest">SHA-256 of the live state's bytes, hex.</param>
/// <param name="RebuiltDigest">SHA-256 of the rebuilt state's bytes, hex.</param>
/// <param name="UnknownEvents">Events of types that the fold does not know.</param>
public sealed record RebuildComparison(
    string Name, long Position, bool IsEqual, string LiveDigest, string RebuiltDigest, long UnknownEvents);

/// <summary>Feeds projections. Add them all, then start once.</summary>
/// <param name="ledger">Must outlive the set.</param>
/// <param name="folder">Folder of snapshots; null = none are kept.</param>
/// <param name="clock">Measures the time between snapshots.</param>
/// <param name="log">Takes lines for people.</param>
public sealed class ProjectionSet(ILedger ledger, string? folder, TimeProvider clock, Action<string>? log = null)
    : IAsyncDisposable
{
    private const int MostPending = 20_000;
    private const long SaveAfterEvents = 20_000;
    private static readonly TimeSpan SaveAfterTime = TimeSpan.FromMinutes(5);

    private readonly List<Projection> all = [];
    private readonly Queue<RecordedEvent> pending = new();
    private readonly Lock gate = new();
    private readonly SemaphoreSlim saving = new(1);
    private readonly CancellationTokenSource stop = new();
    private readonly Action<string> log = log ?? (_ => { });
    private IDisposable? observing;
    private Task running = Task.CompletedTask;
    private bool isLive;
    private bool hasOverflowed;
    private long position;
    private long savedPosition;
    private int isDisposed;

    /// <summary>Position up to which every projection has folded.</summary>
    public long Position => Interlocked.Read(ref position);

    /// <summary>Events read from the ledger by <see cref="StartAsync"/> (0 = snapshots were up to date).</summary>
    public long CaughtUpEvents { get; private set; }

    /// <summary>Adds a fold, before the start.</summary>
    public Projection<TState> Add<TState>(IFold<TState> fold)
    {
        var projection = new Projection<TState>(fold);
        all.Add(projection);
        return projection;
    }

    /// <summary>Takes snapshots that fit, reads what is newer once for all, and follows the ledger from then
    /// on.</summary>
    /// <exception cref="LedgerUnavailableException">The database went away meanwhile.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (folder is not null)
        {
            await RestoreAsync(folder, cancellationToken).ConfigureAwait(false);
        }
        observing = ledger.Observe(Follow);
        position = all.Count == 0 ? ledger.Head.Position : all.Min(p => p.Position);
        savedPosition = position;
        var start = position;
        all.ForEach(p => p.Hide());
        do
        {
            await LedgerReading.EachAsync(ledger, position + 1, long.MaxValue, Apply, cancellationToken)
                .ConfigureAwait(false);
        }
        while (!TryGoLive());
        CaughtUpEvents = position - start;
        if (folder is not null)
        {
            running = SaveRegularlyAsync();
        }
    }

    /// <summary>Rebuilds every fold from the first event, in one read, and compares it with the live one.</summary>
    public async Task<IReadOnlyList<RebuildComparison>> RebuildAndCompareAsync(CancellationToken cancellationToken =
        default)
    {
        List<(Projection Fresh, long Position, long Unknown, Func<byte[]> Bytes)> live;
        lock (gate)
        {
            live = all.Select(p => (p.Fresh(), p.Freeze())).Select(
                p => (p.Item1, p.Item2.Position, p.Item2.Unknown, p.Item2.Bytes)).ToList();
        }
        live.ForEach(one => one.Fresh.Hide());
        var to = live.Count == 0 ? 0 : live.Max(p => p.Position);
        await LedgerReading.EachAsync(ledger, 1, to, recorded =>
        {
            foreach (var one in live)
            {
                one.Fresh.Apply(recorded);
            }
        }, cancellationToken).ConfigureAwait(false);
        return live.Select(one =>
        {
            one.Fresh.Show();
            var liveDigest = Convert.ToHexStringLower(SHA256.HashData(one.Bytes()));
            var (at, unknown, bytes) = one.Fresh.Freeze();
            var rebuiltDigest = Convert.ToHexStringLower(SHA256.HashData(bytes()));
            var isEqual = at == one.Position && liveDigest == rebuiltDigest && unknown == one.Unknown;
            return new RebuildComparison(one.Fresh.Name, one.Position, isEqual, liveDigest, rebuiltDigest, unknown);
        }).ToList();
    }

    /// <summary>Saves all snapshots now.</summary>
    public async Task SaveAsync()
    {
        if (folder is null)
        {
            return;
        }
        await saving.WaitAsync().ConfigureAwait(false);
        try
        {
            foreach (var projection in all)
            {
                projection.Save(folder, out var saved);
                savedPosition = saved;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log($"ledger: a fold's snapshot was not saved (the next start reads more): {e.Message}");
        }
        finally
        {
            saving.Release();
        }
    }

    /// <summary>Stops following and saves.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }
        observing?.Dispose();
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        if (isLive)
        {
            await SaveAsync().ConfigureAwait(false);
        }
        stop.Dispose();
        saving.Dispose();
    }

    private async Task RestoreAsync(string from, CancellationToken token)
    {
        var hashes = new Dictionary<long, ReadOnlyMemory<byte>> { [0] = EventHash.Genesis };
        foreach (var projection in all)
        {
            if (projection.LoadSnapshot(from) is not { } snapshot)
            {
                continue;
            }
            if (!hashes.TryGetValue(snapshot.Position, out var hash))
            {
                await LedgerReading.EachAsync(
                    ledger, snapshot.Position, snapshot.Position, e => hash = e.Hash, token).ConfigureAwait(false);
                hashes[snapshot.Position] = hash;
            }
            if (!hash.Span.SequenceEqual(snapshot.Hash.Span) || !projection.TryRestore(snapshot))
            {
                log($"ledger: the snapshot of fold {projection.Name} does not fit the ledger and is discarded");
            }
        }
    }

    private void Apply(RecordedEvent recorded)
    {
        foreach (var projection in all)
        {
            projection.Apply(recorded);
        }
        Interlocked.Exchange(ref position, recorded.Position);
    }

    private void Follow(RecordedEvent recorded)
    {
        lock (gate)
        {
            if (isLive)
            {
                Apply(recorded);
            }
            else if (pending.Count < MostPending)
            {
                pending.Enqueue(recorded);
            }
            else
            {
                hasOverflowed = true;
            }
        }
    }

    /// <summary>Folds what was committed while we read; false = too much came, read again.</summary>
    private bool TryGoLive()
    {
        lock (gate)
        {
            while (pending.TryDequeue(out var next))
            {
                if (next.Position > position)
                {
                    if (next.Position != position + 1)
                    {
                        pending.Clear();
                        hasOverflowed = true;
                        break;
                    }
                    Apply(next);
                }
            }
            isLive = !hasOverflowed;
            hasOverflowed = false;
            if (isLive)
            {
                all.ForEach(p => p.Show());
            }
            return isLive;
        }
    }

    private async Task SaveRegularlyAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(5), clock);
        var last = clock.GetTimestamp();
        await Task.Yield(); // the start goes on meanwhile
        try
        {
            if (CaughtUpEvents >= SaveAfterEvents)
            {
                // At once: who dies soon after a long catch-up must not have it all before him again.
                await SaveAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                var fresh = Position - savedPosition;
                if (fresh >= SaveAfterEvents || (fresh > 0 && clock.GetElapsedTime(last) >= SaveAfterTime))
                {
                    await SaveAsync().ConfigureAwait(false);
                    last = clock.GetTimestamp();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: DisposeAsync saves.
        }
    }
}
