// The commit loop while the database is away: how a connection is given up, how a new one is found and what it
// must show, and how appends whose patience ends are refused meanwhile.
using Npgsql;

namespace Holdfast.Ledger;

internal sealed partial class CommitLoop
{
    private Task LoseAsync(Exception why)
    {
        isAvailable = false;
        versions.Clear();
        options.Log($"ledger: lost the database: {why.Message}");
        if (why is PostgresException e
            && (e.InvariantSeverity == "PANIC" || e.SqlState is "58030" or "XX001" or "XX002"))
        {
            Fail("the database reported damaged or unwritable storage and is not trusted until a restart: "
                + $"{e.MessageText}", e);
        }
        var gone = connection!;
        connection = null;
        // A connection that hangs in a system call may take long to close; nobody waits for it, the lock is the fence.
        _ = Task.Run(async () =>
        {
            try
            {
                await gone.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception e2)
            {
                options.Log($"ledger: closing a lost connection: {e2.Message}");
            }
        });
        return Task.CompletedTask;
    }

    /// <summary>Reconnects with back-off until it works, the ledger stops (throws), or what is found can't be ours
    /// (fails).</summary>
    /// <returns>True if the batch in doubt proved durable and was published, or the ledger failed; false = nothing of
    /// it was written.
    /// </returns>
    private async Task<bool> ReconnectAsync(bool isInDoubt)
    {
        var pause = TimeSpan.FromMilliseconds(20);
        var lastError = "";
        while (true)
        {
            var opening = OpenAgainAsync();
            await WaitSweepingAsync(opening).ConfigureAwait(false);
            if (opening.IsCompletedSuccessfully)
            {
                return Accept(await opening.ConfigureAwait(false), isInDoubt);
            }
            stop.Token.ThrowIfCancellationRequested();
            var error = opening.Exception!.InnerException!;
            if (error is not (NpgsqlException or TimeoutException or IOException or LedgerInUseException))
            {
                throw error;
            }
            if (error.Message != lastError)
            {
                lastError = error.Message;
                options.Log($"ledger: the database is away: {error.Message}");
            }
            await WaitSweepingAsync(Task.Delay(pause, options.Clock, stop.Token)).ConfigureAwait(false);
            pause = pause * 2 < options.MaxBackOff ? pause * 2 : options.MaxBackOff;
        }
    }

    private async Task<LedgerHead> OpenAgainAsync()
    {
        var opened = await WriterConnection.OpenAsync(
            options.ConnectionString, instance, options.LockPatience, options.Clock, stop.Token).ConfigureAwait(false);
        try
        {
            var durable = await opened.ReadHeadAsync(stop.Token).ConfigureAwait(false);
            connection = opened;
            return durable;
        }
        catch
        {
            await opened.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private bool Accept(LedgerHead durable, bool isInDoubt)
    {
        if (IsSame(durable, head))
        {
            isAvailable = true;
            options.Log("ledger: the database is back");
            return false;
        }
        if (isInDoubt && IsSame(durable, batch.After))
        {
            isAvailable = true;
            options.Log("ledger: the database is back; the commit whose answer was lost is durable");
            Publish();
            return true;
        }
        Fail(durable.Position < head.Position
            ? $"the ledger ends at {durable.Position}, but {head.Position} was durable: the database was cut short "
            + "or rolled back"
            : $"the ledger's database holds events up to {durable.Position} that this writer did not write", null);
        return true;
    }

    private static bool IsSame(LedgerHead one, LedgerHead other) =>
        one.Position == other.Position && one.Hash.Span.SequenceEqual(other.Hash.Span);

    /// <summary>Waits for a task (whatever becomes of it) and meanwhile refuses appends whose patience is
    /// over.</summary>
    private async Task WaitSweepingAsync(Task task)
    {
        while (!task.IsCompleted)
        {
            Sweep();
            await Task.WhenAny(task, Task.Delay(SweepEvery, options.Clock, stop.Token)).ConfigureAwait(false);
            if (stop.IsCancellationRequested)
            {
                break;
            }
        }
        stop.Token.ThrowIfCancellationRequested();
    }

    private void Sweep()
    {
        const string why = "the ledger's database is away";
        while (carried.Count < CarriedAppends && queue.Reader.TryRead(out var pending))
        {
            carried.Enqueue(pending);
        }
        for (var i = carried.Count; i > 0; i--)
        {
            var pending = carried.Dequeue();
            ExpireNow(pending, why);
            if (!pending.IsAnswered)
            {
                carried.Enqueue(pending);
            }
        }
        taken.ForEach(p => ExpireNow(p, why));
    }

    private void ExpireNow(PendingAppend pending, string why)
    {
        if (!pending.IsAnswered && pending.IsExpired(options.ResolutionLimit))
        {
            pending.Refuse(why);
        }
    }
}
