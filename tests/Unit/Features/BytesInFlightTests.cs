// The budget of bytes in flight: it holds, it serves whoever has least, and a peer that stands still does not keep it from those who starve.
using System.IO.Pipelines;
using Holdfast.Features.Backup;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Features;

public sealed class BytesInFlightTests
{
    private const long TwoLarge = 2L * BytesInFlight.LargeBytes;

    [Fact]
    public async Task The_budget_holds_and_serves_in_order()
    {
        using var bytes = new BytesInFlight(TwoLarge, TimeProvider.System);
        var a = await bytes.RentAsync(BytesInFlight.LargeBytes, new Peer());
        var b = await bytes.RentAsync(BytesInFlight.LargeBytes, new Peer());
        var waiting = bytes.RentAsync(1, new Peer()).AsTask();
        var leaver = new Peer();
        var givenUp = bytes.RentAsync(1, leaver).AsTask();
        var last = bytes.RentAsync(BytesInFlight.LargeBytes, new Peer()).AsTask();
        Assert.False(waiting.IsCompleted || givenUp.IsCompleted || last.IsCompleted);
        leaver.Abort();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givenUp);
        a.Return();
        a.Return();
        var small = await waiting;
        Assert.Equal(BytesInFlight.SmallBytes, small.Memory.Length);
        Assert.False(last.IsCompleted);
        b.Return();
        Assert.Equal(BytesInFlight.LargeBytes, (await last).Capacity);
        small.Return();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => bytes.RentAsync(BytesInFlight.LargeBytes + 1, new Peer()).AsTask());
    }

    [Fact]
    public async Task Who_has_least_is_served_next_so_that_a_greedy_session_does_not_starve_another()
    {
        using var bytes = new BytesInFlight(TwoLarge, TimeProvider.System);
        var (greedy, modest) = (new BytesShare(), new BytesShare());
        var first = await bytes.RentAsync(BytesInFlight.LargeBytes, new Peer(), greedy);
        var second = await bytes.RentAsync(BytesInFlight.LargeBytes, new Peer(), greedy);
        var more = bytes.RentAsync(BytesInFlight.LargeBytes, new Peer(), greedy).AsTask();
        var one = bytes.RentAsync(BytesInFlight.LargeBytes, new Peer(), modest).AsTask();
        first.Return();
        await one;
        Assert.False(more.IsCompleted);
        Assert.Equal((BytesInFlight.LargeBytes, BytesInFlight.LargeBytes), (greedy.Held, modest.Held));
        second.Return();
        await more;
        (await more).Return();
        Assert.Equal(0, greedy.Held);
    }

    [Fact]
    public async Task A_peer_that_stands_still_is_cut_when_others_starve_and_only_then()
    {
        var clock = new SteppedClock();
        using var bytes = new BytesInFlight(TwoLarge, clock);
        var (still, busy) = (new Peer(), new Peer());
        var held = await bytes.RentAsync(BytesInFlight.LargeBytes, still);
        await bytes.RentAsync(BytesInFlight.LargeBytes, busy);
        for (var i = 0; i < 60; i++)
        {
            await busy.MoveAsync();
            clock.Advance(TimeSpan.FromSeconds(5));
        }

        Assert.False(still.WasAborted); // five minutes of silence are its own affair
        var starving = bytes.RentAsync(1, new Peer()).AsTask();
        for (var s = 0; s < 75 && !still.WasAborted; s += 5)
        {
            await busy.MoveAsync();
            clock.Advance(TimeSpan.FromSeconds(5));
            Assert.True(!still.WasAborted || s >= 15, $"cut after {s + 5} s, before anybody starves");
        }

        Assert.True(still.WasAborted);
        Assert.False(busy.WasAborted);
        held.Return(); // as its handler does once it is cut
        await starving;
    }

    private sealed class SteppedClock : TimeProvider
    {
        private readonly List<Action> ticks = [];
        private long now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ticks.Add(() => callback(state));
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public void Advance(TimeSpan by)
        {
            now += by.Ticks;
            ticks.ForEach(tick => tick());
        }
    }

    private sealed class Peer : Exchange
    {
        private readonly CancellationTokenSource gone = new();
        private readonly Pipe answer = new();

        public bool WasAborted => gone.IsCancellationRequested;

        public override string Method => "POST";

        public override string Path => "/";

        public override string Query => "";

        public override string RemoteAddress => "127.0.0.1";

        public override long? BodyLengthBytes => null;

        public override PipeReader Body => PipeReader.Create(Stream.Null);

        public override CancellationToken Aborted => gone.Token;

        public override bool ResponseStarted => false;

        public override string? Header(string name) => null;

        public override void SetHeader(string name, string value)
        {
        }

        public override PipeWriter Start(int status, string? contentType, long? lengthBytes) => answer.Writer;

        public override void Abort() => gone.Cancel();

        public async Task MoveAsync()
        {
            await WriteBodyAsync(answer.Writer, new byte[1]);
            answer.Reader.AdvanceTo((await answer.Reader.ReadAsync()).Buffer.End);
        }
    }
}
