// Facts that wait for the ledger: in order, with their own time, bounded, and what was dropped is told.
using System.Text;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class DeferredAppendsTests
{
    [Fact]
    public async Task Facts_wait_for_the_ledger_and_keep_order_and_time()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var deferred = new DeferredAppends(ledger, TimeProvider.System);
        deferred.Record("logins", LedgerSamples.Event("LoginSucceeded/1", "{\"n\":-1}") with { TimeUs = 41 });
        await deferred.DrainAsync();
        ledger.Interrupt();
        for (var i = 0; i < 700; i++)
        {
            deferred.Record(i % 100 == 99 ? "other" : "logins",
                LedgerSamples.Event("LoginSucceeded/1", $"{{\"n\":{i}}}") with { TimeUs = 42 + i });
        }
        Assert.Equal(700, deferred.Count);
        Assert.Equal(1, ledger.Head.Position);
        ledger.Resume();
        await deferred.DrainAsync();
        Assert.Equal(0, deferred.Count);
        var events = await ledger.ReadAsync().ListAsync();
        Assert.Equal(Enumerable.Range(41, 701).Select(t => (long)t), events.Select(e => e.TimeUs));
        Assert.Equal(7, events.Count(e => e.Stream == "other"));
    }

    [Fact]
    public async Task What_does_not_fit_is_counted_and_told_by_an_event()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var deferred = new DeferredAppends(ledger, TimeProvider.System, capacity: 10);
        ledger.Interrupt();
        for (var i = 0; i < 25; i++)
        {
            deferred.Record("logins", LedgerSamples.Event("LoginSucceeded/1", "{}") with { TimeUs = i });
        }
        Assert.Equal(10, deferred.Count);
        Assert.Equal(15, deferred.Dropped);
        ledger.Resume();
        await deferred.DrainAsync();
        var events = await ledger.ReadAsync().ListAsync();
        Assert.Equal(11, events.Count);
        Assert.Equal(DeferredAppends.DroppedType, events[^1].Type);
        Assert.Equal("{\"count\":15,\"from\":10,\"to\":24}", Encoding.UTF8.GetString(events[^1].Data.Span));
        Assert.Equal(0, deferred.Dropped);
    }

    [Fact]
    public async Task A_stop_while_the_ledger_is_away_ends_and_says_what_is_lost()
    {
        var lines = new List<string>();
        await using var ledger = new MemoryLedger(TimeProvider.System);
        var deferred = new DeferredAppends(ledger, TimeProvider.System, log: lines.Add);
        ledger.Interrupt();
        deferred.Record("logins", LedgerSamples.Event("LoginSucceeded/1", "{}"));
        Assert.Throws<ArgumentException>(() => deferred.Record("", LedgerSamples.Event("T/1", "{}")));
        await deferred.DisposeAsync();
        Assert.Contains(lines, l => l.Contains("1 facts", StringComparison.Ordinal));
    }
}
