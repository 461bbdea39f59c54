// The hash chain and its verifier on events in memory: the layout is as documented, every kind of damage is found at
// the first bad position, and hashing allocates nothing.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class ChainTests
{
    [Fact]
    public void Hash_is_over_the_documented_layout()
    {
        var bytes = new MemoryStream();
        bytes.Write(new byte[32]);
        Number(bytes, 1);
        Text(bytes, "sträm");
        Number(bytes, 1);
        Text(bytes, "Type/1");
        Number(bytes, 1_700_000_000_000_001);
        Text(bytes, "{\"a\":1}");
        Text(bytes, "admin@pbs");
        Text(bytes, "local");
        Text(bytes, "");
        Text(bytes, "c");
        var recorded = new RecordedEvent(
            1, "sträm", 1, "Type/1", 1_700_000_000_000_001, "{\"a\":1}"u8.ToArray(),
            new EventMetadata("admin@pbs", "local", "", "c"), ReadOnlyMemory<byte>.Empty);
        using var hasher = new EventHash();
        var hash = new byte[32];
        hasher.Compute(EventHash.Genesis.Span, recorded, hash);
        Assert.Equal(SHA256.HashData(bytes.ToArray()), hash);
        hasher.Compute(EventHash.Genesis.Span, bytes.ToArray().AsSpan(32), hash);
        Assert.Equal(SHA256.HashData(bytes.ToArray()), hash);
    }

    [Fact]
    public async Task Hashing_an_event_allocates_nothing()
    {
        var events = await MakeAsync(100);
        using var hasher = new EventHash();
        var hash = new byte[32];
        var previous = new byte[32];
        void Pass()
        {
            foreach (var recorded in events)
            {
                hasher.Compute(previous, recorded, hash);
            }
        }
        Pass();
        Pass();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            Pass();
        }
        // The enumerator of a List through its interface would be the only candidate; the array has none.
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task A_good_chain_is_good_and_any_field_changed_is_found_where_it_was_changed()
    {
        var events = await MakeAsync(20);
        Assert.True(Walk(events).IsGood);
        Func<RecordedEvent, RecordedEvent>[] changes =
        [
            e => e with { Stream = e.Stream + "x" },
            e => e with { Version = e.Version + 1 },
            e => e with { Type = "Other/1" },
            e => e with { TimeUs = e.TimeUs + 1 },
            e => e with { Data = "{}x"u8.ToArray() },
            e => e with { Metadata = e.Metadata with { Actor = "root@pam" } },
            e => e with { Metadata = e.Metadata with { Source = "elsewhere" } },
            e => e with { Metadata = e.Metadata with { Cause = "nothing" } },
            e => e with { Metadata = e.Metadata with { Correlation = "" } },
            e => e with { Hash = new byte[32] },
            e => e with { Hash = e.Hash[..31] },
            // Moving bytes from one field to the next must not hash the same.
            e => e with { Metadata =
                e.Metadata with { Actor = e.Metadata.Actor[..^1], Source = e.Metadata.Actor[^1..]
                    + e.Metadata.Source } },
        ];
        for (var change = 0; change < changes.Length; change++)
        {
            for (var i = 0; i < events.Length; i++)
            {
                var altered = events.ToArray();
                altered[i] = changes[change](altered[i]);
                Assert.Equal((change, i + 1L), (change, Walk(altered).FirstBadPosition));
            }
        }
    }

    [Fact]
    public async Task Gaps_duplicates_and_reordering_are_named()
    {
        var events = await MakeAsync(10);
        var gap = Walk([.. events[..4], .. events[5..]]);
        Assert.Equal(5, gap.FirstBadPosition);
        Assert.Contains("missing", gap.Problem, StringComparison.Ordinal);
        var twice = Walk([.. events[..4], events[3], .. events[4..]]);
        Assert.Equal(4, twice.FirstBadPosition);
        Assert.Contains("twice", twice.Problem, StringComparison.Ordinal);
        var back = Walk([.. events[..6], events[2], .. events[6..]]);
        Assert.Equal(3, back.FirstBadPosition);
        Assert.Contains("reordered", back.Problem, StringComparison.Ordinal);
        Assert.Equal(10, Walk(events[..9], new LedgerHead(10, events[9].Hash)).FirstBadPosition);
        Assert.True(Walk(events, new LedgerHead(7, events[6].Hash)).IsGood);
        Assert.Equal(7, Walk(events, new LedgerHead(7, events[5].Hash)).FirstBadPosition);
    }

    [Fact]
    public void A_gap_in_a_streams_versions_is_found_though_the_chain_fits()
    {
        using var hasher = new EventHash();
        var hash = new byte[32];
        var events = new List<RecordedEvent>();
        foreach (var (position, version) in new[] { (1L, 1L), (2, 2), (3, 4) })
        {
            var one = new RecordedEvent(
                position, "s", version, "T/1", 0, ReadOnlyMemory<byte>.Empty, EventMetadata.System, default);
            var previous = hash;
            hash = new byte[32];
            hasher.Compute(previous, one, hash);
            events.Add(one with { Hash = hash });
        }
        var report = Walk([.. events]);
        Assert.Equal(3, report.FirstBadPosition);
        Assert.Contains("version 4 follows 2", report.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rewritten_history_does_not_get_past_a_checkpoint()
    {
        using var key = LedgerKey.Create();
        using var other = LedgerKey.Create();
        var good = await WithCheckpointAsync("{\"n\":3}", key, null);
        Assert.True(Walk(good, null, key.Public).IsGood);
        Assert.Equal(5, Walk(good, null, key.Public).SignedUpTo);
        Assert.Contains("not trusted", Walk(good, null, other.Public).Problem, StringComparison.Ordinal);

        // The forger keeps the old checkpoint over a rewritten event, or makes one with a key of his own.
        Checkpoint.TryParse(good[5].Data.Span, out var old);
        var kept = Walk(await WithCheckpointAsync("{\"n\":4}", key, old), null, key.Public);
        Assert.Equal(5, kept.FirstBadPosition);
        Assert.Contains("fork", kept.Problem, StringComparison.Ordinal);
        var forged = await WithCheckpointAsync("{\"n\":4}", other, null);
        Assert.Equal(6, Walk(forged, null, key.Public).FirstBadPosition);
        Checkpoint.TryParse(forged[5].Data.Span, out var own);
        var disguised =
            await WithCheckpointAsync("{\"n\":4}", key, own! with { KeyFingerprint = key.Public.Fingerprint });
        Assert.Contains("signature is wrong", Walk(disguised, null, key.Public).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_random_record_never_throws()
    {
        var random = new Random(17);
        var bytes = new byte[200];
        for (var i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            if (i % 2 == 0)
            {
                BinaryPrimitives.WriteInt32BigEndian(bytes, 8);
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), random.Next(-1, 200));
            }
            EventRecord.TryParse(bytes.AsSpan(0, random.Next(bytes.Length)), out _);
            Checkpoint.TryParse(bytes, out _);
        }
        Assert.False(EventRecord.TryParse(default, out _));
    }

    private static async Task<RecordedEvent[]> WithCheckpointAsync(string third, LedgerKey key, Checkpoint? instead)
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        for (var i = 1; i <= 5; i++)
        {
            await ledger.MustAppendAsync(new Append("s", ExpectedVersion.Any,
                [LedgerSamples.Event("T/1", i == 3 ? third : "{}") with { TimeUs = i }]));
        }
        var checkpoint = instead ?? Checkpoint.Sign(ledger.Head, key);
        await ledger.MustAppendAsync(new Append(Checkpoint.StreamName, ExpectedVersion.Any, [checkpoint.ToEvent()]));
        return [.. await ledger.ReadAsync().ListAsync()];
    }

    private static async Task<RecordedEvent[]> MakeAsync(int count)
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        for (var i = 0; i < count; i++)
        {
            await ledger.MustAppendAsync(LedgerSamples.One($"s{i % 3}", json: $"{{\"n\":{i}}}"));
        }
        return [.. await ledger.ReadAsync().ListAsync()];
    }

    private static ChainReport Walk(RecordedEvent[] events, LedgerHead? witness = null, LedgerPublicKey? key = null)
    {
        using var verifier = new ChainVerifier(trusted: key is null ? null : [key], witness: witness);
        foreach (var recorded in events)
        {
            verifier.Accept(recorded);
        }
        return verifier.Finish();
    }

    private static void Number(Stream to, long value)
    {
        Span<byte> bytes = stackalloc byte[12];
        BinaryPrimitives.WriteInt32BigEndian(bytes, 8);
        BinaryPrimitives.WriteInt64BigEndian(bytes[4..], value);
        to.Write(bytes);
    }

    private static void Text(Stream to, string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, utf8.Length);
        to.Write(length);
        to.Write(utf8);
    }
}
