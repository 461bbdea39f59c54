// Small events for the ledger's tests, and short forms of appending and reading.
using System.Text;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

internal static class LedgerSamples
{
    public static readonly EventMetadata By = new("admin@pbs", "192.0.2.7", "UPID:x:y", "c-1");

    public static NewEvent Event(string type, string json) => new(type, Encoding.UTF8.GetBytes(json), By);

    public static Append One(string stream, long expected = ExpectedVersion.Any, string json = "{}") =>
        new(stream, expected, [Event("Happened/1", json)]);

    public static Append Many(string stream, int count, long expected = ExpectedVersion.Any) => new(
        stream, expected, [.. Enumerable.Range(1, count).Select(i => Event("Counted/1", $"{{\"n\":{i}}}"))]);

    public static async Task<IReadOnlyList<RecordedEvent>> MustAppendAsync(
        this ILedger ledger, Append append, TimeSpan patience = default) =>
        Assert.IsType<AppendOutcome.Appended>(await ledger.AppendAsync(append, patience)).Events;

    public static async Task<List<RecordedEvent>> ListAsync(this IAsyncEnumerable<RecordedEvent> events)
    {
        var list = new List<RecordedEvent>();
        await foreach (var recorded in events)
        {
            list.Add(recorded);
        }
        return list;
    }

    public static void AssertSame(IReadOnlyList<RecordedEvent> expected, IReadOnlyList<RecordedEvent> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].Position, actual[i].Position);
            Assert.Equal(expected[i].Stream, actual[i].Stream);
            Assert.Equal(expected[i].Version, actual[i].Version);
            Assert.Equal(expected[i].Type, actual[i].Type);
            Assert.Equal(expected[i].TimeUs, actual[i].TimeUs);
            Assert.Equal(expected[i].Metadata, actual[i].Metadata);
            Assert.True(expected[i].Data.Span.SequenceEqual(actual[i].Data.Span));
            Assert.True(expected[i].Hash.Span.SequenceEqual(actual[i].Hash.Span));
        }
    }
}
