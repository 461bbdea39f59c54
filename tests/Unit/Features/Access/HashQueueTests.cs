// The line before the password hash: whoever waits with one try is not behind another's twenty, and whose turn does not come is told so, never that it is
// wrong. Hashes here end when the test says so.
using System.Collections.Concurrent;
using Holdfast.Features.Access;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Holdfast.Tests.Unit.Features.Access;

public sealed class HashQueueTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 26, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task One_try_is_not_behind_twenty_of_somebody_else()
    {
        var queue = new HashQueue(1, new FakeTimeProvider(Start));
        using var hold = new ManualResetEventSlim();
        var order = new ConcurrentQueue<string>();
        var tries = new List<Task<bool?>> { queue.RunAsync("a", isKnown: true, () => { hold.Wait(); return true; }) };
        foreach (var who in Enumerable.Repeat("flood", 20).Append("mine").Append("another"))
        {
            tries.Add(queue.RunAsync(who, isKnown: true, () => Ran(order, who)));
        }

        tries.Insert(1, queue.RunAsync("nobody", isKnown: false, () => Ran(order, "nobody")));
        hold.Set();
        Assert.All(await Task.WhenAll(tries), answer => Assert.True(answer));
        Assert.Equal(["flood", "mine", "another"], order.Take(3));
        Assert.Equal(("nobody", 23), (order.Last(), order.Count));
    }

    [Fact]
    public async Task Whose_turn_does_not_come_is_not_called_wrong()
    {
        var clock = new FakeTimeProvider(Start);
        var queue = new HashQueue(1, clock);
        using var hold = new ManualResetEventSlim();
        var running = queue.RunAsync("a", isKnown: true, () => { hold.Wait(); return true; });
        var late = queue.RunAsync("b", isKnown: true, () => true);
        var unknown = queue.RunAsync("nobody", isKnown: false, () => true);
        clock.Advance(HashQueue.Within - TimeSpan.FromMilliseconds(1));
        Assert.False(late.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal([null, null], await Task.WhenAll(late, unknown));
        hold.Set();
        Assert.True(await running);
        Assert.False(await queue.RunAsync("b", isKnown: true, () => false));
    }

    [Fact]
    public async Task A_full_line_takes_no_more_and_empties()
    {
        var queue = new HashQueue(1, new FakeTimeProvider(Start));
        using var hold = new ManualResetEventSlim();
        var first = queue.RunAsync("a", isKnown: true, () => { hold.Wait(); return true; });
        var inLine = Enumerable.Range(0, HashQueue.KnownMax).Select(i => queue.RunAsync($"u{i % 5}", isKnown: true, () => i % 2 == 0)).ToList();
        Assert.Null(await queue.RunAsync("late", isKnown: true, () => true));
        hold.Set();
        Assert.True(await first);
        Assert.Equal(Enumerable.Range(0, HashQueue.KnownMax).Select(i => (bool?)(i % 2 == 0)), await Task.WhenAll(inLine));
        Assert.True(await queue.RunAsync("late", isKnown: true, () => true));
    }

    private static bool Ran(ConcurrentQueue<string> order, string who)
    {
        order.Enqueue(who);
        return true;
    }
}
