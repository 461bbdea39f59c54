// Makes event objects of encoded records. Text that repeats (types, actors, streams) is made once: a direct-mapped
// cache keeps a read of a million events from making ten million strings. One instance a reader, not thread-safe.
using System.Text;

namespace Holdfast.Ledger;

internal sealed class EventFactory
{
    private const int Slots = 4096;
    private const int LongestCached = 200;

    private readonly (byte[] Utf8, string Text)[] cache = new (byte[], string)[Slots];
    private EventMetadata last = EventMetadata.System;

    /// <summary>Copies what it keeps; the spans may be reused afterwards.</summary>
    /// <exception cref="InvalidDataException">Not a record.</exception>
    public RecordedEvent Make(ReadOnlySpan<byte> record, ReadOnlySpan<byte> hash)
    {
        if (!EventRecord.TryParse(record, out var parsed))
        {
            throw new InvalidDataException("a row of the ledger is not an event; run holdfast ledger verify");
        }
        var owned = new byte[parsed.Data.Length + hash.Length];
        parsed.Data.CopyTo(owned);
        hash.CopyTo(owned.AsSpan(parsed.Data.Length));
        return new RecordedEvent(
            parsed.Position, Text(parsed.Stream), parsed.Version, Text(parsed.Type), parsed.TimeUs,
            owned.AsMemory(0, parsed.Data.Length), Metadata(parsed), owned.AsMemory(parsed.Data.Length));
    }

    private EventMetadata Metadata(in EventRecord parsed)
    {
        var actor = Text(parsed.Actor);
        var source = Text(parsed.Source);
        var cause = Text(parsed.Cause);
        var correlation = Text(parsed.Correlation);
        if (!ReferenceEquals(actor, last.Actor) || !ReferenceEquals(source, last.Source)
            || !ReferenceEquals(cause, last.Cause) || !ReferenceEquals(correlation, last.Correlation))
        {
            last = new EventMetadata(actor, source, cause, correlation);
        }
        return last;
    }

    private string Text(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is 0 or > LongestCached)
        {
            return Encoding.UTF8.GetString(utf8);
        }
        var hash = (uint)utf8.Length;
        foreach (var b in utf8)
        {
            hash = (hash ^ b) * 16777619;
        }
        ref var slot = ref cache[(hash ^ (hash >> 15)) & (Slots - 1)];
        if (slot.Utf8 is null || !utf8.SequenceEqual(slot.Utf8))
        {
            slot = (utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        }
        return slot.Text;
    }
}
