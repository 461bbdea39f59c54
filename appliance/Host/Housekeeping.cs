// What happens by itself: refused logins are summed up once a minute, groups left in doubt are reconciled when the ledger is back, chunks from before an
// unclean end are read back once, and logs of tasks that are no longer listed go.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>Background chores.</summary>
public sealed class Housekeeping : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LogsEvery = TimeSpan.FromHours(1);

    private readonly DatastoreRegistry stores;
    private readonly TornChunks torn;
    private readonly VerifyNew verifyNew;
    private readonly Reconciliation reconciliation;
    private readonly Leases leases;
    private readonly RefusedLogins refused;
    private readonly Recorder recorder;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Action removeOldLogs;
    private readonly CancellationTokenSource stop = new();
    private readonly Task chores;
    private readonly Task suspects;

    public Housekeeping(Parts parts, Action removeOldLogs, Recorder recorder, TimeProvider clock, ILogger log)
    {
        (stores, reconciliation, leases, refused) = (parts.Stores, parts.Reconciliation, parts.Leases, parts.Refused);
        (torn, verifyNew) = (parts.Torn, parts.VerifyNew);
        (this.removeOldLogs, this.recorder, this.clock, this.log) = (removeOldLogs, recorder, clock, log);
        chores = RunAsync();
        // On a thread of its own: reading chunks back can take long, and the pool's threads answer clients.
        suspects = Task.Factory.StartNew(CheckSuspectsAsync, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await chores.ConfigureAwait(false);
        await suspects.ConfigureAwait(false);
        await RecordRefusedAsync(all: true).ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Pause, clock);
        var tidied = clock.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                await RecordRefusedAsync(all: false).ConfigureAwait(false);
                await ReconcileDoubtfulAsync().ConfigureAwait(false);
                verifyNew.TryAgain();
                if (clock.GetElapsedTime(tidied) > LogsEvery)
                {
                    tidied = clock.GetTimestamp();
                    await Task.Run(removeOldLogs).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance stops.
        }
    }

    private async Task RecordRefusedAsync(bool all)
    {
        foreach (var sum in refused.Take(clock.GetUtcNow().ToUnixTimeSeconds(), all))
        {
            await recorder.NoteAsync("auth:refused", sum, new EventMetadata("system", sum.Source, "", "")).ConfigureAwait(false);
        }
    }

    private async Task ReconcileDoubtfulAsync()
    {
        foreach (var store in stores.Present())
        {
            foreach (var key in store.Doubtful.All())
            {
                if (!recorder.Ledger.IsAvailable || leases.TryGroup(key) is not { } lease)
                {
                    continue;
                }

                using (lease)
                {
                    await TryReconcileAsync(store, key).ConfigureAwait(false);
                }
            }
        }
    }

    private async Task TryReconcileAsync(OpenDatastore store, GroupKey key)
    {
        try
        {
            var report = await reconciliation.ReconcileGroupAsync(store, key).ConfigureAwait(false);
            log.LogWarning("group {Group} was in doubt: {Report}", key, report);
        }
        catch (Exception error) when (error is LedgerUnavailableException or Storage.StorageException)
        {
            log.LogWarning("group {Group} stays in doubt: {Problem}", key, error.Message);
        }
    }

    private async Task CheckSuspectsAsync()
    {
        foreach (var store in stores.Present().Where(store => store.Bytes.HasSuspectChunks))
        {
            try
            {
                var count = await torn.CheckAsync(store, line => log.LogWarning("datastore '{Store}': {Line}", store.Name, line), stop.Token)
                    .ConfigureAwait(false);
                log.LogInformation("datastore '{Store}': chunks from before the unclean end read back, {Count} torn ones removed", store.Name, count);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception error) when (error is Storage.StorageException or LedgerUnavailableException)
            {
                log.LogError("datastore '{Store}': chunks from before the unclean end can't be read back: {Problem}", store.Name, error.Message);
            }
        }
    }
}
