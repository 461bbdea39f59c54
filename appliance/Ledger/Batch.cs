// One group commit in the making: gives appends their positions, versions, times and hashes, and encodes them in the
// form that COPY takes. Pure but for the clock; shared by both ledgers, so that they can't differ in the chain.
using System.Buffers.Binary;

namespace Holdfast.Ledger;

internal sealed class Batch : IDisposable
{
    private const int TupleOverhead = 2 + 4 + EventRecord.HashBytes;

    private readonly EventHash hasher = new();
    private readonly Dictionary<string, long> versions = new(StringComparer.Ordinal);
    private readonly List<RecordedEvent> events = [];
    private readonly List<AppendOutcome> outcomes = [];
    private byte[] tuples = new byte[64 << 10];
    private int used;

    /// <summary>Head before this batch.</summary>
    public LedgerHead Before { get; private set; } = new(0, EventHash.Genesis);

    /// <summary>Head after it.</summary>
    public LedgerHead After { get; private set; } = new(0, EventHash.Genesis);

    /// <summary>Events in order.</summary>
    public IReadOnlyList<RecordedEvent> Events => events;

    /// <summary>One outcome for each <see cref="Add"/>, in order.</summary>
    public IReadOnlyList<AppendOutcome> Outcomes => outcomes;

    /// <summary>Stream versions as they are after this batch, for streams that it touched.</summary>
    public IReadOnlyDictionary<string, long> Versions => versions;

    /// <summary>Tuples in PostgreSQL's binary COPY form, without header and trailer.</summary>
    public ReadOnlyMemory<byte> Tuples => tuples.AsMemory(0, used);

    /// <summary>Starts over at a head.</summary>
    public void Reset(LedgerHead head)
    {
        Before = After = head;
        versions.Clear();
        events.Clear();
        outcomes.Clear();
        used = 0;
        if (tuples.Length > 16 << 20)
        {
            tuples = new byte[64 << 10];
        }
    }

    /// <summary>Decides one append: recorded events, or a conflict that leaves the batch as it was.</summary>
    /// <param name="append">Checked against <see cref="LedgerLimits"/>.</param>
    /// <param name="storedVersion">Last version of its stream before this batch.</param>
    /// <param name="nowUs">Time for events that bring none.</param>
    public void Add(Append append, long storedVersion, long nowUs)
    {
        var version = versions.TryGetValue(append.Stream, out var inBatch) ? inBatch : storedVersion;
        if (append.ExpectedVersion != ExpectedVersion.Any && append.ExpectedVersion != version)
        {
            outcomes.Add(new AppendOutcome.Conflict(version));
            return;
        }
        var recorded = new RecordedEvent[append.Events.Count];
        var position = After.Position;
        var hash = After.Hash;
        for (var i = 0; i < recorded.Length; i++)
        {
            var one = append.Events[i];
            recorded[i] = Encode(
                hash.Span, ++position, append.Stream, ++version, one, one.TimeUs ?? nowUs);
            hash = recorded[i].Hash;
        }
        After = new LedgerHead(position, hash);
        versions[append.Stream] = version;
        events.AddRange(recorded);
        outcomes.Add(new AppendOutcome.Appended(recorded));
    }

    public void Dispose() => hasher.Dispose();

    private RecordedEvent Encode(
        ReadOnlySpan<byte> previous, long position, string stream, long version, NewEvent one, long timeUs)
    {
        var most = TupleOverhead + EventRecord.MaxBytes(stream, one.Type, one.Data.Length, one.Metadata);
        if (tuples.Length - used < most)
        {
            Array.Resize(ref tuples, Math.Max(tuples.Length * 2, used + most));
        }
        var to = tuples.AsSpan(used);
        BinaryPrimitives.WriteInt16BigEndian(to, EventRecord.FieldCount + 1);
        var length = EventRecord.Write(
            to[2..], position, stream, version, one.Type, timeUs, one.Data.Span, one.Metadata);
        // The caller's buffer may change after the append: the recorded event owns its bytes.
        var owned = new byte[one.Data.Length + EventRecord.HashBytes];
        one.Data.Span.CopyTo(owned);
        var hash = owned.AsSpan(one.Data.Length);
        hasher.Compute(previous, to.Slice(2, length), hash);
        BinaryPrimitives.WriteInt32BigEndian(to[(2 + length)..], EventRecord.HashBytes);
        hash.CopyTo(to[(2 + length + 4)..]);
        used += length + TupleOverhead;
        return new RecordedEvent(
            position, stream, version, one.Type, timeUs, owned.AsMemory(0, one.Data.Length), one.Metadata,
            owned.AsMemory(one.Data.Length));
    }
}
