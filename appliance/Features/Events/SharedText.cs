// Text in events repeats: names of stores, groups, files, users. One string for each of them instead of one an event: a read of a million events
// makes half the garbage, and ten thousand snapshots in memory share their words.
using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Holdfast.Features.Events;

/// <summary>Reads strings through a direct-mapped cache: bounded, and what it forgets is made anew. Thread-safe: an entry is one reference.</summary>
internal sealed class SharedText : JsonConverter<string>
{
    private const int SlotBits = 12;
    private const int LongestBytes = 48;

    private readonly Entry?[] slots = new Entry?[1 << SlotBits];

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String || reader.HasValueSequence || reader.ValueIsEscaped
            || reader.ValueSpan.Length is 0 or > LongestBytes)
        {
            return reader.GetString(); // also what is no text: it says so in the reader's own words
        }

        var utf8 = reader.ValueSpan;
        ref var slot = ref slots[SlotOf(utf8)];
        if (slot is { } known && utf8.SequenceEqual(known.Utf8))
        {
            return known.Text;
        }

        var text = reader.GetString()!;
        slot = new Entry(utf8.ToArray(), text);
        return text;
    }

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

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

        return (int)((hash * 0x9E3779B97F4A7C15) >> (64 - SlotBits));
    }

    private sealed record Entry(byte[] Utf8, string Text);
}
