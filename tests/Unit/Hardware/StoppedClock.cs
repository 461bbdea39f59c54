// A clock that stands until it is told to move, and whose timers never come: whoever is tested is called by the test.
namespace Holdfast.Tests.Unit.Hardware;

internal sealed class StoppedClock : TimeProvider
{
    private long now;

    public void Advance(TimeSpan by) => now += by.Ticks;

    public override long GetTimestamp() => now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => GC.SuppressFinalize(this);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
