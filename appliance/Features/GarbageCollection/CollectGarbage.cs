// The verb: one garbage collection of a datastore as a task. Recorded before it begins, before each removal and at its end; what it says to people is in the
// form that readers of PBS's task logs look for.
using System.Globalization;
using System.Text.Json;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.GarbageCollection;

/// <summary>Runs garbage collections.</summary>
public sealed class CollectGarbage(DatastoreRegistry stores, Leases leases, CorruptChunks corrupt, Recorder recorder, TimeProvider clock)
{
    /// <summary>PBS's text for a second one.</summary>
    public const string AlreadyRunning = "garbage collection already running";

    private readonly Lock gate = new();
    private readonly Dictionary<string, TaskCompletionSource> turns = new(StringComparer.Ordinal);

    /// <summary>The turn of the store's one collection; waits for another to end. Null: it did not in that time.</summary>
    public async Task<IDisposable?> TryTurnAsync(string store, TimeSpan patience)
    {
        using var late = new CancellationTokenSource(patience, clock);
        while (true)
        {
            Task other;
            lock (gate)
            {
                if (!turns.TryGetValue(store, out var running))
                {
                    var mine = turns[store] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    return new Turn(this, store, mine);
                }

                other = running.Task;
            }

            try
            {
                await other.WaitAsync(late.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
        }
    }

    /// <summary>Collects the garbage of a store; for schedules and for whoever has a task.</summary>
    /// <exception cref="TaskFailedException">Another one runs, or the store takes no writes.</exception>
    public async Task RunAsync(RunningTask task, string store)
    {
        using var turn = await TryTurnAsync(store, TimeSpan.Zero).ConfigureAwait(false) ?? throw new TaskFailedException(AlreadyRunning);
        await RunInTurnAsync(task, store).ConfigureAwait(false);
    }

    /// <summary>As <see cref="RunAsync"/>, by who has the turn.</summary>
    public async Task RunInTurnAsync(RunningTask task, string name)
    {
        var store = stores.FindForWriting(name, out var problem) ?? throw new TaskFailedException(problem);
        var (upid, stream, started) = (task.Upid.ToString(), "gc:" + name, clock.GetTimestamp());
        await DecideAsync(stream, new GarbageCollectionStarted(name, upid), task).ConfigureAwait(false);
        task.Say($"starting garbage collection on store {name}");
        try
        {
            var report = await new ChunkCollection(store.Bytes, Options(task, name)).RunAsync(
                batch => DecideAsync(stream, new GarbageCollectionMarked(
                    name, upid, batch.Number, batch.Chunks, batch.BadChunks, batch.Leftovers, batch.SizeBytes), task), task.AbortToken).ConfigureAwait(false);
            var status = StatusOf(report);
            await recorder.NoteAsync(stream, new GarbageCollectionFinished(
                name, upid, status, LookedAt(report.Kind), ElapsedMs(started)), task.Metadata).ConfigureAwait(false);
            await corrupt.ForgottenAsync(name, upid, report.Unneeded, task.Metadata).ConfigureAwait(false);
            Summarise(task, status, report);
            WriteStatusFile(store.Bytes, upid, status);
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException or LedgerUnavailableException)
        {
            var reason = error switch
            {
                OperationCanceledException => TaskRunner.AbortedText,
                LedgerUnavailableException => LedgerAway.Text,
                _ => error.Message,
            };
            await recorder.NoteAsync(stream, new GarbageCollectionFailed(name, upid, reason, ElapsedMs(started)), task.Metadata).ConfigureAwait(false);
            await stores.SawAsync(store, error).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What a collection would remove now: looks at everything as a full one does, changes nothing. By who has the turn.</summary>
    public async Task ForecastInTurnAsync(RunningTask task, string name)
    {
        var store = stores.FindForWriting(name, out var problem) ?? throw new TaskFailedException(problem);
        task.Say($"starting forecast of a garbage collection on store {name}: nothing is removed");
        var report = await new ChunkCollection(store.Bytes, Options(task, name) with { IsForecast = true }).RunAsync(
            static _ => Task.CompletedTask, task.AbortToken).ConfigureAwait(false);
        task.Say($"Would remove: {Sizes.Text(report.RemovedBytes)} in {report.RemovedChunks} chunks"
            + $"{(report.RemovedBad > 0 ? $", {report.RemovedBad} bad chunks" : "")}"
            + $"{(report.RemovedLeftovers > 0 ? $", {report.RemovedLeftovers} leftovers of interrupted inserts" : "")}");
        task.Say($"Pending, held by running backups: {Sizes.Text(report.PendingBytes)} in {report.PendingChunks} chunks");
        task.Say($"On-Disk usage after it: {Sizes.Text(report.DiskBytes - report.RemovedBytes)} in {report.DiskChunks - report.RemovedChunks} chunks"
            + (report.IsDiskBytesExact ? "" : ", estimated"));
    }

    private CollectionOptions Options(RunningTask task, string store) => new()
    {
        Threads = Math.Clamp(Environment.ProcessorCount, 1, 4),
        Watched = [.. corrupt.Known(store).Keys],
        HoldBases = () => leases.KeepShares(store),
        Say = task.Say,
        Warn = task.Warn,
    };

    private async Task DecideAsync<T>(string stream, T decision, RunningTask task) where T : class, IEventData<T> =>
        await recorder.DecideAsync(stream, ExpectedVersion.Any, [Event.Of(decision, task.Metadata)], default, task.AbortToken).ConfigureAwait(false);

    private long ElapsedMs(long started) => (long)clock.GetElapsedTime(started).TotalMilliseconds;

    private static string LookedAt(CollectionKind kind) => kind switch
    {
        CollectionKind.Full => "full",
        CollectionKind.Grown => "grown",
        _ => "unchanged",
    };

    private static GarbageCollectionStatus StatusOf(CollectionReport report) => new(
        report.IndexFiles, report.IndexDataBytes, report.DiskBytes, report.DiskChunks, report.RemovedBytes, report.RemovedChunks, report.PendingBytes,
        report.PendingChunks, report.RemovedBad, report.StillBad, Math.Max(0, report.References - report.ReferencedChunks), report.ReferencedChunks,
        report.PutBack, report.MeasuredChunks);

    private static void Summarise(RunningTask task, GarbageCollectionStatus status, CollectionReport report)
    {
        static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
        task.Say($"Chunk references: {report.References}, different chunks: {report.ReferencedChunks}, looked at: {LookedAt(report.Kind)}");
        task.Say($"Removed garbage: {Sizes.Text(status.RemovedBytes)}");
        task.Say($"Removed chunks: {status.RemovedChunks}");
        foreach (var (count, what) in new[]
                 {
                     (status.RemovedBad, "Removed bad chunks"), (status.StillBad, "Leftover bad chunks"),
                     (report.RemovedLeftovers, "Removed leftovers of interrupted inserts"), (status.PutBack, "Put back, because an index turned up"),
                     (report.MissingChunks, "Missing chunks"),
                     (report.Unneeded.Count, "Known as bad and needed by nobody any more"),
                 })
        {
            if (count > 0)
            {
                task.Say($"{what}: {count}");
            }
        }

        if (status.PendingChunks > 0)
        {
            task.Say($"Pending removals: {Sizes.Text(status.PendingBytes)} (in {status.PendingChunks} chunks of running backups)");
        }

        task.Say($"Original data usage: {Sizes.Text(status.IndexDataBytes)}");
        var share = status.IndexDataBytes > 0 ? $" ({Number(status.DiskBytes * 100.0 / status.IndexDataBytes)}%)" : "";
        task.Say($"On-Disk usage: {Sizes.Text(status.DiskBytes)}{share}");
        if (!report.IsDiskBytesExact)
        {
            task.Say($"On-Disk usage is estimated from {status.MeasuredChunks} chunks; further runs measure the others");
        }

        task.Say($"On-Disk chunks: {status.DiskChunks}");
        task.Say($"Deduplication factor: {Number(status.DiskBytes > 0 ? (double)status.IndexDataBytes / status.DiskBytes : 1.0)}");
        if (status.DiskChunks > 0)
        {
            task.Say($"Average chunk size: {Sizes.Text(status.DiskBytes / status.DiskChunks)}");
        }
    }

    /// <summary><c>.gc-status</c>, for a PBS that adopts the store. Ours is in the ledger: a failure here is only noted.</summary>
    private static void WriteStatusFile(Datastore store, string upid, GarbageCollectionStatus status)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            GarbageCollectionJson.WriteFields(json, upid, status);
            json.WriteEndObject();
        }

        store.WriteCollectionStatus(buffer.ToArray());
    }

    private sealed class Turn(CollectGarbage of, string store, TaskCompletionSource ended) : IDisposable
    {
        public void Dispose()
        {
            lock (of.gate)
            {
                if (of.turns.GetValueOrDefault(store) == ended)
                {
                    of.turns.Remove(store);
                }
            }

            ended.TrySetResult();
        }
    }
}
