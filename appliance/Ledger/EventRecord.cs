// The one binary form of an event (docs/formats.md, "Event record"): what the hash covers, what an export holds, and,
// by choice, what PostgreSQL's binary COPY delivers for the same columns - so that a verifier hashes bytes as they
// come.
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Holdfast.Ledger;

/// <summary>An encoded event record, taken apart without copying. Ten fields, each a 4-byte big-endian length and its
/// bytes.</summary>
public readonly ref struct EventRecord
{
    private EventRecord(ReadOnlySpan<byte> stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Stream = stream;
        Type = type;
        Data = data;
    }

    /// <summary>Number of fields.</summary>
    public const int FieldCount = 10;

    /// <summary>Bytes of a hash.</summary>
    public const int HashBytes = 32;

    /// <summary>Global position.</summary>
    public long Position { get; private init; }

    /// <summary>Version in the stream.</summary>
    public long Version { get; private init; }

    /// <summary>Microseconds since the Unix epoch.</summary>
    public long TimeUs { get; private init; }

    /// <summary>Name of the stream, UTF-8.</summary>
    public ReadOnlySpan<byte> Stream { get; }

    /// <summary>Type, UTF-8.</summary>
    public ReadOnlySpan<byte> Type { get; }

    /// <summary>Data, exact.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>Actor, UTF-8.</summary>
    public ReadOnlySpan<byte> Actor { get; private init; }

    /// <summary>Source, UTF-8.</summary>
    public ReadOnlySpan<byte> Source { get; private init; }

    /// <summary>Cause, UTF-8.</summary>
    public ReadOnlySpan<byte> Cause { get; private init; }

    /// <summary>Correlation, UTF-8.</summary>
    public ReadOnlySpan<byte> Correlation { get; private init; }

    /// <summary>Bytes of the last four fields with their lengths: the record ends with them.</summary>
    internal int MetadataBytes => 4 * 4 + Actor.Length + Source.Length + Cause.Length + Correlation.Length;

    /// <summary>Takes one record apart. False if the bytes are not exactly one record.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out EventRecord record)
    {
        record = default;
        if (bytes.Length > LedgerLimits.MaxRecordBytes
            || !TakeInt64(ref bytes, out var position) || !Take(ref bytes, out var stream)
            || !TakeInt64(ref bytes, out var version) || !Take(ref bytes, out var type)
            || !TakeInt64(ref bytes, out var timeUs) || !Take(ref bytes, out var data)
            || !Take(ref bytes, out var actor) || !Take(ref bytes, out var source)
            || !Take(ref bytes, out var cause) || !Take(ref bytes, out var correlation) || bytes.Length != 0)
        {
            return false;
        }
        record = new EventRecord(stream, type, data)
        {
            Position = position,
            Version = version,
            TimeUs = timeUs,
            Actor = actor,
            Source = source,
            Cause = cause,
            Correlation = correlation,
        };
        return true;
    }

    /// <summary>True if every text field is valid UTF-8 without NUL and the stream and type are not empty.</summary>
    public bool HasValidText() =>
        Stream.Length > 0 && Type.Length > 0 && IsText(Stream) && IsText(Type) && IsText(Actor) && IsText(Source)
        && IsText(Cause) && IsText(Correlation);

    /// <summary>Bytes that <see cref="Write"/> needs at most.</summary>
    internal static int MaxBytes(string stream, string type, int dataBytes, EventMetadata metadata) =>
        FieldCount * 4 + 3 * 8 + dataBytes + 3 * (stream.Length + type.Length + metadata.Actor.Length
            + metadata.Source.Length + metadata.Cause.Length + metadata.Correlation.Length);

    /// <summary>Writes a record and returns its length.</summary>
    internal static int Write(
        Span<byte> to, long position, string stream, long version, string type, long timeUs, ReadOnlySpan<byte> data,
        EventMetadata metadata)
    {
        var at = PutInt64(to, 0, position);
        at = PutText(to, at, stream);
        at = PutInt64(to, at, version);
        at = PutText(to, at, type);
        at = PutInt64(to, at, timeUs);
        BinaryPrimitives.WriteInt32BigEndian(to[at..], data.Length);
        data.CopyTo(to[(at + 4)..]);
        at += 4 + data.Length;
        at = PutText(to, at, metadata.Actor);
        at = PutText(to, at, metadata.Source);
        at = PutText(to, at, metadata.Cause);
        return PutText(to, at, metadata.Correlation);
    }

    private static bool IsText(ReadOnlySpan<byte> bytes) => bytes.IndexOf((byte)0) < 0 && Utf8.IsValid(bytes);

    private static int PutInt64(Span<byte> to, int at, long value)
    {
        BinaryPrimitives.WriteInt32BigEndian(to[at..], 8);
        BinaryPrimitives.WriteInt64BigEndian(to[(at + 4)..], value);
        return at + 12;
    }

    private static int PutText(Span<byte> to, int at, string text)
    {
        var length = Encoding.UTF8.GetBytes(text, to[(at + 4)..]);
        BinaryPrimitives.WriteInt32BigEndian(to[at..], length);
        return at + 4 + length;
    }

    private static bool TakeInt64(scoped ref ReadOnlySpan<byte> bytes, out long value)
    {
        if (bytes.Length < 12 || BinaryPrimitives.ReadInt32BigEndian(bytes) != 8)
        {
            value = 0;
            return false;
        }
        value = BinaryPrimitives.ReadInt64BigEndian(bytes[4..]);
        bytes = bytes[12..];
        return true;
    }

    private static bool Take(scoped ref ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> field)
    {
        field = default;
        if (bytes.Length < 4)
        {
            return false;
        }
        var length = BinaryPrimitives.ReadInt32BigEndian(bytes);
        if (length < 0 || length > bytes.Length - 4)
        {
            return false;
        }
        field = bytes.Slice(4, length);
        bytes = bytes[(4 + length)..];
        return true;
    }
}
