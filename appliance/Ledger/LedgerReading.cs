// Reading many events fast: one pass, one callback an event, the store's own bulk path where it has one.
namespace Holdfast.Ledger;

/// <summary>Bulk reading of a ledger.</summary>
public static class LedgerReading
{
    /// <summary>Calls <paramref name="take"/> for every event from <paramref name="from"/> to <paramref name="to"/>
    /// (both inclusive, at most to the head at the time of the call), in order.</summary>
    /// <exception cref="LedgerUnavailableException">The database went away.</exception>
    /// <exception cref="InvalidDataException">A row is not an event.</exception>
    public static async Task EachAsync(
        ILedger ledger, long from, long to, Action<RecordedEvent> take, CancellationToken cancellationToken = default)
    {
        to = Math.Min(to, ledger.Head.Position);
        if (from > to)
        {
            return;
        }
        if (ledger is IRecordSource source)
        {
            var factory = new EventFactory();
            await source.ReadRecordsAsync((from, to), (record, hash) =>
            {
                take(factory.Make(record, hash));
                return true;
            }, cancellationToken).ConfigureAwait(false);
            return;
        }
        await foreach (var recorded in ledger.ReadAsync(from, cancellationToken).ConfigureAwait(false))
        {
            if (recorded.Position > to)
            {
                return;
            }
            take(recorded);
        }
    }
}
