// The one writer. It takes everything that is queued, makes one batch, one transaction, one fsync, and answers. When
// the answer of a commit is lost it reconnects - the advisory lock fences the old connection - and compares the durable
// head with what the batch would have made: so nothing is lost and nothing is written twice.
using System.Threading.Channels;
using Npgsql;

namespace Holdfast.Ledger;

internal sealed partial class CommitLoop(PostgresLedgerOptions options, Observers observers) : IAsyncDisposable
{
    private const int QueuedAppends = 8192;
    private const int CarriedAppends = 20_000;
    private const int BatchEvents = 5000;
    private const int BatchBytes = 16 << 20;
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(2);

    private readonly Channel<PendingAppend> queue = Channel.CreateBounded<PendingAppend>(
        new BoundedChannelOptions(QueuedAppends) { SingleReader = true });

    private readonly string instance = Convert.ToHexStringLower(
        System.Security.Cryptography.RandomNumberGenerator.GetBytes(8));

    private readonly Queue<PendingAppend> carried = new();
    private readonly List<PendingAppend> taken = [];
    private readonly Batch batch = new();
    private readonly VersionCache versions = new();
    private readonly CancellationTokenSource stop = new();
    private WriterConnection? connection;
    private Task running = Task.CompletedTask;
    private volatile LedgerHead head = new(0, EventHash.Genesis);
    private volatile bool isAvailable;
    private volatile string? failure;

    public LedgerHead Head => head;

    public bool IsAvailable => isAvailable && failure is null;

    /// <summary>Why the ledger takes nothing more until it is opened anew; null = it is well or only away.</summary>
    public string? Failure => failure;

    /// <summary>First connection; the head found is believed if the witness agrees.</summary>
    public async Task StartAsync(CancellationToken token)
    {
        connection = await WriterConnection.OpenAsync(
            options.ConnectionString, instance, options.LockPatience, options.Clock, token).ConfigureAwait(false);
        var found = await connection.ReadHeadAsync(token).ConfigureAwait(false);
        if (options.Witness is { } witness)
        {
            if (!options.AcceptHead)
            {
                await CheckWitnessAsync(witness.Read(), found, token).ConfigureAwait(false);
            }
            witness.Write(found);
        }
        head = found;
        isAvailable = true;
        running = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>For readers only: notes the head and takes no appends, no lock and no witness.</summary>
    public async Task StartReadOnlyAsync(NpgsqlDataSource source, CancellationToken token)
    {
        var command = source.CreateCommand("SELECT position, hash FROM holdfast.event ORDER BY position DESC LIMIT 1");
        await using var disposing = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        if (await reader.ReadAsync(token).ConfigureAwait(false))
        {
            head = new LedgerHead(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1));
        }
        failure = "the ledger was opened for reading only";
    }

    public async Task EnqueueAsync(PendingAppend pending, CancellationToken token)
    {
        if (failure is { } text)
        {
            throw new LedgerUnavailableException(text);
        }
        try
        {
            await queue.Writer.WriteAsync(pending, token).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new LedgerUnavailableException(failure ?? "the ledger is closed", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        try
        {
            // What is queued is still written if the database is there; if it hangs, the stop is bounded all the same.
            if (!isAvailable)
            {
                await stop.CancelAsync().ConfigureAwait(false);
            }
            await running.WaitAsync(TimeSpan.FromSeconds(10), options.Clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(false);
        }
        if (connection is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        batch.Dispose();
        stop.Dispose();
    }

    private async Task CheckWitnessAsync(LedgerHead? noted, LedgerHead found, CancellationToken token)
    {
        if (noted is null || noted.Position == 0)
        {
            return;
        }
        if (found.Position < noted.Position)
        {
            throw new LedgerHeadException(
                $"the ledger ends at position {found.Position}, but {noted.Position} was noted outside the "
                    + "database: it was cut "
                + "short or restored from an older copy");
        }
        var there = await connection!.ReadAtAsync(noted.Position, token).ConfigureAwait(false);
        if (there is null || !there.Hash.Span.SequenceEqual(noted.Hash.Span))
        {
            throw new LedgerHeadException(
                $"the ledger's event {noted.Position} is not the one that was noted outside the database: history "
                    + "was rewritten, "
                + "or this is another ledger");
        }
    }

    private async Task RunAsync()
    {
        try
        {
            while (await WaitForWorkAsync().ConfigureAwait(false))
            {
                Take();
                await SettleAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Asked to stop while the database was away; those who wait are told below.
        }
        catch (Exception e)
        {
            Fail($"the ledger's writer ended: {e.Message}", e);
        }
        isAvailable = false;
        queue.Writer.TryComplete();
        var why = failure ?? "the ledger was closed while the database was away";
        taken.ForEach(p => p.Refuse(why));
        while (carried.TryDequeue(out var pending) || queue.Reader.TryRead(out pending))
        {
            pending.Refuse(why);
        }
    }

    /// <summary>Waits for an append; while idle it looks every few seconds whether the server is still there.</summary>
    private async Task<bool> WaitForWorkAsync()
    {
        while (failure is null)
        {
            if (carried.Count > 0)
            {
                return true;
            }
            var waiting = queue.Reader.WaitToReadAsync(stop.Token);
            if (waiting.IsCompletedSuccessfully)
            {
                return waiting.Result;
            }
            var more = waiting.AsTask();
            while (true)
            {
                try
                {
                    return await more.WaitAsync(ProbeEvery, options.Clock).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    await ProbeAsync().ConfigureAwait(false);
                    if (failure is not null)
                    {
                        return false;
                    }
                }
            }
        }
        return false;
    }

    private async Task ProbeAsync()
    {
        try
        {
            await AnswerAsync(connection!.ProbeAsync(stop.Token)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
        {
            await LoseAsync(e).ConfigureAwait(false);
            if (failure is null)
            {
                await ReconnectAsync(isInDoubt: false).ConfigureAwait(false);
            }
        }
    }

    private void Take()
    {
        var events = 0;
        long bytes = 0;
        while (events < BatchEvents && bytes < BatchBytes
            && (carried.TryDequeue(out var next) || queue.Reader.TryRead(out next)))
        {
            if (next.TrySend())
            {
                taken.Add(next);
                events += next.Append.Events.Count;
                bytes += next.Append.Events.Sum(e => (long)e.Data.Length + 512);
            }
        }
    }

    /// <summary>Brings the taken appends to an end: recorded, refused for lack of patience, or failed for
    /// good.</summary>
    private async Task SettleAsync()
    {
        while (taken.Count > 0 && failure is null)
        {
            var isBuilt = false;
            try
            {
                await BuildAsync().ConfigureAwait(false);
                isBuilt = true;
                if (batch.Events.Count > 0)
                {
                    await AnswerAsync(connection!.WriteAsync(batch)).ConfigureAwait(false);
                }
                Publish();
                return;
            }
            catch (Exception e)
                when (e is NpgsqlException or IOException or TimeoutException or ObjectDisposedException)
            {
                await LoseAsync(e).ConfigureAwait(false);
                if (failure is not null || await ReconnectAsync(isBuilt).ConfigureAwait(false))
                {
                    return;
                }
                await AfterNotWrittenAsync(e).ConfigureAwait(false);
            }
        }
    }

    /// <summary>It is known that nothing was written. Refusals of the server's that no retry can change end the
    /// appends.</summary>
    private async Task AfterNotWrittenAsync(Exception why)
    {
        versions.Clear();
        taken.ForEach(p => p.Unsend());
        if (why is PostgresException { IsTransient: false } refusal && refusal.SqlState[..2] is "22" or "23" or "42")
        {
            var text = $"the database refused the events: {((PostgresException)why).MessageText}";
            taken.ForEach(p => p.Refuse(text));
        }
        else if (why is PostgresException)
        {
            isAvailable = false; // Disk full, read-only and the like: those with patience try again, slowly.
            Sweep();
            taken.ForEach(p => ExpireNow(p, why.Message));
            await WaitSweepingAsync(Task.Delay(options.MaxBackOff / 4, options.Clock, stop.Token))
                .ConfigureAwait(false);
        }
        taken.RemoveAll(p => p.IsAnswered || !p.TrySend());
    }

    private async Task BuildAsync()
    {
        taken.RemoveAll(p => p.IsAnswered);
        var missing = taken.Select(p => p.Append.Stream).Where(s => !versions.TryGet(s, out _)).Distinct().ToArray();
        var found = new Dictionary<string, long>(StringComparer.Ordinal);
        if (missing.Length > 0)
        {
            var reading = connection!.ReadVersionsAsync(missing, stop.Token);
            await AnswerAsync(reading).ConfigureAwait(false);
            var read = await reading.ConfigureAwait(false);
            for (var i = 0; i < missing.Length; i++)
            {
                found[missing[i]] = read[i];
                versions.Set(missing[i], read[i]);
            }
        }
        batch.Reset(head);
        var nowUs = (options.Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;
        foreach (var pending in taken)
        {
            var stream = pending.Append.Stream;
            var stored = found.TryGetValue(stream, out var read) || versions.TryGet(stream, out read) ? read : 0;
            batch.Add(pending.Append, stored, nowUs);
        }
    }

    /// <summary>Waits for the server's answer. Beyond the stall limit the ledger counts as unavailable and impatient
    /// appends are refused; beyond the commit limit the answer is given up and its fate found out over a new
    /// connection.</summary>
    private async Task AnswerAsync(Task asking)
    {
        try
        {
            await asking.WaitAsync(options.StallLimit, options.Clock).ConfigureAwait(false);
            isAvailable = true;
            return;
        }
        catch (TimeoutException) when (!asking.IsCompleted)
        {
            isAvailable = false;
            options.Log("ledger: the database takes unusually long to answer");
        }
        var limit = Task.Delay(options.CommitLimit - options.StallLimit, options.Clock, stop.Token);
        await WaitSweepingAsync(Task.WhenAny(asking, limit)).ConfigureAwait(false);
        if (!asking.IsCompleted)
        {
            throw new TimeoutException("the database did not answer in time");
        }
        await asking.ConfigureAwait(false);
        isAvailable = true;
    }

    /// <summary>What is durable becomes visible: head, observers in order, then the appenders.</summary>
    private void Publish()
    {
        head = batch.After;
        foreach (var (stream, version) in batch.Versions)
        {
            versions.Set(stream, version);
        }
        observers.Notify(batch.Events);
        for (var i = 0; i < taken.Count; i++)
        {
            taken[i].Answer(batch.Outcomes[i]);
        }
        taken.Clear();
    }

    private void Fail(string why, Exception? e)
    {
        failure = why;
        isAvailable = false;
        options.Log(e is null ? $"ledger: FAILED: {why}" : $"ledger: FAILED: {why}: {e}");
    }
}
