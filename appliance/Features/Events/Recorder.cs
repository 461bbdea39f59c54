// How slices record: decisions wait for the ledger and rest on an expected version; mere facts (a login, a restore) wait in a bounded queue while
// the ledger is away and are appended later with their own time.
using Holdfast.Ledger;

namespace Holdfast.Features.Events;

/// <summary>Appends on behalf of the slices.</summary>
public sealed class Recorder(ILedger ledger, DeferredAppends deferred, TimeProvider clock)
{
    /// <summary>The ledger itself, for who reads it.</summary>
    public ILedger Ledger => ledger;

    /// <summary>The appliance's clock.</summary>
    public TimeProvider Clock => clock;

    /// <summary>Appends a decision: durable, or refused as a value, or <see cref="LedgerUnavailableException"/> after <paramref name="patience"/>.</summary>
    public Task<AppendOutcome> DecideAsync(
        string stream, long expectedVersion, IReadOnlyList<NewEvent> events, TimeSpan patience = default, CancellationToken cancel = default) =>
        ledger.AppendAsync(new Append(stream, expectedVersion, events), patience, cancel);

    /// <summary>Records a fact that only spares the next start some work. With the ledger away it is left out and not queued: told later, it would count for
    /// what was decided meanwhile, too.</summary>
    public async Task NoteUnlessAwayAsync<T>(string stream, T data, EventMetadata metadata) where T : class, IEventData<T>
    {
        try
        {
            await ledger.AppendAsync(new Append(stream, ExpectedVersion.Any, [Event.Of(data, metadata)])).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            // A start does the work again.
        }
    }

    /// <summary>Records a fact that can't be refused. With the ledger away it is queued, and this returns at once.</summary>
    public async Task NoteAsync<T>(string stream, T data, EventMetadata metadata) where T : class, IEventData<T>
    {
        var nowUs = (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10;
        if (ledger.IsAvailable)
        {
            try
            {
                await ledger.AppendAsync(new Append(stream, ExpectedVersion.Any, [Event.Of(data, metadata)])).ConfigureAwait(false);
                return;
            }
            catch (LedgerUnavailableException)
            {
                // It went away in between: the queue is for exactly that.
            }
        }

        deferred.Record(stream, Event.Of(data, metadata, nowUs));
    }
}
