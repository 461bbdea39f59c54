// A clock on which waiting takes no time: whoever asks for a timer moves it on, and is called at once. For tests whose calls come one after the other.
namespace Holdfast.Tests.Unit.Features.Access;

internal sealed class VirtualClock(DateTimeOffset start) : TimeProvider
{
    private long elapsedTicks;

    public TimeSpan Elapsed => TimeSpan.FromTicks(Interlocked.Read(ref elapsedTicks));

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => start + Elapsed;

    public override long GetTimestamp() => Interlocked.Read(ref elapsedTicks);

    public void Advance(TimeSpan by) => Interlocked.Add(ref elapsedTicks, by.Ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == Timeout.InfiniteTimeSpan)
        {
            return System.CreateTimer(callback, state, dueTime, period);
        }

        Advance(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
