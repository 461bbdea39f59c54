// Makes event objects of encoded records. Text that repeats (types, actors, streams) is made once: a direct-mapped
// cache keeps a read of a million events from making ten million strings. One instance a reader, not thread-safe.
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Holdfast.Ledger;

internal sealed class EventFactory
{
    private const int Slots = 1 << 12;
    private const int LongestCached = 200;

    private readonly (byte[] Utf8, string Text)[] cache = new (byte[], string)[Slots];
    private EventMetadata last = EventMetadata.System;
    private byte[] lastBytes = new byte[512];
    private int lastLength;

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
            owned.AsMemory(0, parsed.Data.Length), Metadata(parsed, record), owned.AsMemory(parsed.Data.Length));
    }

    /// <summary>The events of one act follow each other and share their metadata: one comparison then saves four look-ups.</summary>
    private EventMetadata Metadata(in EventRecord parsed, ReadOnlySpan<byte> record)
    {
        var bytes = record[(record.Length - parsed.MetadataBytes)..];
        if (bytes.SequenceEqual(lastBytes.AsSpan(0, lastLength)))
        {
            return last;
        }
        if (lastBytes.Length < bytes.Length)
        {
            lastBytes = new byte[bytes.Length + bytes.Length / 2];
        }
        bytes.CopyTo(lastBytes);
        lastLength = bytes.Length;
        var cause = Text(parsed.Cause);
        var correlation = parsed.Correlation.SequenceEqual(parsed.Cause) ? cause : Text(parsed.Correlation);
        return last = new EventMetadata(Text(parsed.Actor), Text(parsed.Source), cause, correlation);
    }

    private string Text(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is 0 or > LongestCached)
        {
            return Encoding.UTF8.GetString(utf8);
        }
        ref var slot = ref cache[SlotOf(utf8)];
        if (slot.Utf8 is null || !utf8.SequenceEqual(slot.Utf8))
        {
            slot = (utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        }
        return slot.Text;
    }

    private static int SlotOf(ReadOnlySpan<byte> utf8)
    {
        var hash = (ulong)utf8.Length;
        for (; utf8.Length >= 8; utf8 = utf8[8..])
        {
            hash = BitOperations.RotateLeft((hash ^ BinaryPrimitives.ReadUInt64LittleEndian(utf8)) * 0x9E3779B97F4A7C15, 29);
        }
        foreach (var b in utf8)
        {
            hash = (hash ^ b) * 0x100000001B3;
        }
        hash *= 0x9E3779B97F4A7C15;
        return (int)(hash >> (64 - 12));
    }
}
