// What every ledger promises, tried on the one in memory and on PostgreSQL.
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

public abstract class LedgerConformance
{
    protected abstract Task<ILedger> NewAsync();

    [Fact]
    public async Task Empty_ledger_has_head_zero_and_no_events()
    {
        await using var ledger = await NewAsync();
        Assert.Equal(0, ledger.Head.Position);
        Assert.True(ledger.Head.Hash.Span.SequenceEqual(new byte[32]));
        Assert.True(ledger.IsAvailable);
        Assert.Empty(await ledger.ReadAsync().ListAsync());
        Assert.Empty(await ledger.ReadStreamAsync("none").ListAsync());
    }

    [Fact]
    public async Task What_is_appended_is_read_back_exactly()
    {
        await using var ledger = await NewAsync();
        var strange = new EventMetadata("", "fe80::1", "GET /ä?\"'\\ 😀", "");
        var events = new[]
        {
            new NewEvent("Typed/1", "{\"a\": 1.0, \"ü\":\"\\u0000\"}"u8.ToArray(), strange, 1),
            new NewEvent("Typed/2", ReadOnlyMemory<byte>.Empty, EventMetadata.System, -5),
            new NewEvent("Typed/3", new byte[] { 0, 255, 1, 254 }, EventMetadata.System),
            new NewEvent("Big/1", new byte[300_000], EventMetadata.System),
        };
        var appended = await ledger.MustAppendAsync(new Append("s'tränge", ExpectedVersion.None, events));
        await ledger.MustAppendAsync(LedgerSamples.One("other"));
        LedgerSamples.AssertSame(appended, await ledger.ReadStreamAsync("s'tränge").ListAsync());
        var all = await ledger.ReadAsync().ListAsync();
        LedgerSamples.AssertSame(appended, all.Take(4).ToList());
        Assert.Equal([1L, 2, 3, 4, 5], all.Select(e => e.Position));
        Assert.Equal([1L, 2, 3, 4, 1], all.Select(e => e.Version));
        Assert.Equal(1, all[0].TimeUs);
        Assert.Equal(-5, all[1].TimeUs);
        for (var i = 0; i < 4; i++)
        {
            Assert.True(events[i].Data.Span.SequenceEqual(all[i].Data.Span));
        }
        Assert.Equal(ledger.Head.Position, all[^1].Position);
        Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
        Assert.Equal([3L, 4, 5], (await ledger.ReadAsync(3).ListAsync()).Select(e => e.Position));
        Assert.Equal([4L], (await ledger.ReadStreamAsync("s'tränge", 4).ListAsync()).Select(e => e.Version));
    }

    [Fact]
    public async Task Wrong_expected_version_is_a_conflict_with_the_actual_one()
    {
        await using var ledger = await NewAsync();
        Assert.Equal(0, Conflict(await ledger.AppendAsync(LedgerSamples.One("a", 7))));
        await ledger.MustAppendAsync(LedgerSamples.Many("a", 3, ExpectedVersion.None));
        Assert.Equal(3, Conflict(await ledger.AppendAsync(LedgerSamples.One("a", ExpectedVersion.None))));
        Assert.Equal(3, Conflict(await ledger.AppendAsync(LedgerSamples.One("a", 2))));
        Assert.Equal(4, (await ledger.MustAppendAsync(LedgerSamples.One("a", 3)))[0].Version);
        Assert.Equal(5, (await ledger.MustAppendAsync(LedgerSamples.One("a")))[0].Version);
        Assert.Equal(5, ledger.Head.Position);
    }

    [Fact]
    public async Task Of_many_who_expect_the_same_version_one_wins()
    {
        await using var ledger = await NewAsync();
        for (var round = 0; round < 20; round++)
        {
            var expected = round * 2;
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(
                _ => Task.Run(() => ledger.AppendAsync(LedgerSamples.Many("contested", 2, expected)))));
            Assert.Single(outcomes, o => o is AppendOutcome.Appended);
            Assert.All(outcomes.OfType<AppendOutcome.Conflict>(), c => Assert.Equal(expected + 2, c.ActualVersion));
        }
        Assert.Equal(40, ledger.Head.Position);
    }

    [Fact]
    public async Task Appends_of_32_writers_stay_whole_and_in_order()
    {
        await using var ledger = await NewAsync();
        var seen = new List<long>();
        using var watching = ledger.Observe(e => seen.Add(e.Position));
        await Task.WhenAll(Enumerable.Range(0, 32).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
            {
                var events = await ledger.MustAppendAsync(LedgerSamples.Many($"w{w}", 3, i * 3));
                Assert.Equal(events[0].Position + 2, events[2].Position);
            }
        })));
        Assert.Equal(32 * 25 * 3, ledger.Head.Position);
        Assert.Equal(Enumerable.Range(1, 32 * 25 * 3).Select(i => (long)i), seen);
        Assert.True((await ChainVerifier.VerifyAsync(ledger, null, ledger.Head)).IsGood);
    }

    [Fact]
    public async Task Observer_has_seen_the_event_before_the_appender_goes_on()
    {
        await using var ledger = await NewAsync();
        var last = 0L;
        var late = 0;
        using (ledger.Observe(e => Volatile.Write(ref last, e.Position)))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
            {
                for (var i = 0; i < 50; i++)
                {
                    var events = await ledger.MustAppendAsync(LedgerSamples.One($"o{w}"));
                    if (Volatile.Read(ref last) < events[0].Position)
                    {
                        Interlocked.Increment(ref late);
                    }
                }
            })));
        }
        Assert.Equal(0, late);
        await ledger.MustAppendAsync(LedgerSamples.One("after"));
        Assert.Equal(400, last);
    }

    [Fact]
    public async Task An_observer_that_throws_harms_nobody_else()
    {
        await using var ledger = await NewAsync();
        var seen = 0;
        using var bad = ledger.Observe(_ => throw new InvalidOperationException("broken observer"));
        using var good = ledger.Observe(_ => seen++);
        await ledger.MustAppendAsync(LedgerSamples.One("a"));
        await ledger.MustAppendAsync(LedgerSamples.One("a"));
        Assert.Equal(2, seen);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("a\0")]
    public async Task Bad_stream_names_are_refused(string stream)
    {
        await using var ledger = await NewAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.AppendAsync(LedgerSamples.One(stream)));
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.AppendAsync(LedgerSamples.One("a" + (char)0xD800)));
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.AppendAsync(LedgerSamples.One(new string('x', 401))));
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.AppendAsync(new Append("a", -2, [])));
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.AppendAsync(LedgerSamples.Many("a", 1001)));
        Assert.Equal(1000, (await ledger.MustAppendAsync(LedgerSamples.Many(new string('x', 400), 1000))).Count);
    }

    [Fact]
    public async Task Callers_buffer_may_change_after_the_append()
    {
        await using var ledger = await NewAsync();
        var data = "{\"n\":1}"u8.ToArray();
        await ledger.MustAppendAsync(
            new Append("a", ExpectedVersion.Any, [new NewEvent("X/1", data, LedgerSamples.By)]));
        data.AsSpan().Clear();
        Assert.Equal("{\"n\":1}"u8.ToArray(), (await ledger.ReadAsync().ListAsync())[0].Data.ToArray());
        Assert.True((await ChainVerifier.VerifyAsync(ledger)).IsGood);
    }

    [Fact]
    public async Task After_closing_appends_are_refused()
    {
        var ledger = await NewAsync();
        await ledger.DisposeAsync();
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.AppendAsync(LedgerSamples.One("a")));
        Assert.False(ledger.IsAvailable);
    }

    private static long Conflict(AppendOutcome outcome) => Assert.IsType<AppendOutcome.Conflict>(outcome).ActualVersion;
}

public sealed class MemoryLedgerConformance : LedgerConformance
{
    protected override Task<ILedger> NewAsync() => Task.FromResult<ILedger>(new MemoryLedger(TimeProvider.System));
}

[Collection(PostgresCollection.Name)]
public sealed class PostgresLedgerConformance(PostgresFixture postgres) : LedgerConformance
{
    protected override async Task<ILedger> NewAsync() => await (await postgres.NewDatabaseAsync()).OpenAsync();
}
