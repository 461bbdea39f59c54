// Many events of one stream, cut into appends that the ledger takes: bounded by number and by size, since nobody knows how much a stranger's store holds.
using Holdfast.Ledger;

namespace Holdfast.Features.Events;

/// <summary>Cuts rows of events.</summary>
public static class EventBatches
{
    private const int EventsMax = 500;
    private const long BytesMax = LedgerLimits.MaxAppendBytes / 2;

    /// <summary>The same events in the same order; each part fits one append.</summary>
    public static IEnumerable<IReadOnlyList<NewEvent>> Cut(IEnumerable<NewEvent> events)
    {
        var part = new List<NewEvent>();
        var bytes = 0L;
        foreach (var one in events)
        {
            if (part.Count == EventsMax || (part.Count > 0 && bytes + one.Data.Length > BytesMax))
            {
                yield return part;
                (part, bytes) = ([], 0);
            }

            part.Add(one);
            bytes += one.Data.Length;
        }

        if (part.Count > 0)
        {
            yield return part;
        }
    }
}
