// The fast lane inside the ledger project: encoded records as they lie in the store, without making objects of them.
// Verifier and export use it; everybody else reads events.
namespace Holdfast.Ledger;

/// <summary>Takes one record and its stored hash; false = enough.</summary>
internal delegate bool RecordHandler(ReadOnlySpan<byte> record, ReadOnlySpan<byte> hash);

internal interface IRecordSource
{
    /// <summary>Hands out the records in order of position.</summary>
    /// <param name="range">Null = everything that the store holds, also what the writer doesn't know of.</param>
    /// <param name="handler">Called for each.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task ReadRecordsAsync((long From, long To)? range, RecordHandler handler, CancellationToken cancellationToken);
}
