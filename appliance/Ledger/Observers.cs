// The list of those who want to see every committed event, in order, before the appender gets its answer.
namespace Holdfast.Ledger;

internal sealed class Observers(Action<string> log)
{
    private readonly Lock gate = new();
    private volatile Action<RecordedEvent>[] all = [];

    public IDisposable Add(Action<RecordedEvent> observer)
    {
        lock (gate)
        {
            all = [.. all, observer];
        }
        return new Membership(this, observer);
    }

    /// <summary>Calls every observer for every event. One that throws broke its promise: it is taken off the list and
    /// logged, because an event that is durable can't be taken back and the others must still see it.</summary>
    public void Notify(IReadOnlyList<RecordedEvent> events)
    {
        foreach (var observer in all)
        {
            try
            {
                for (var i = 0; i < events.Count; i++)
                {
                    observer(events[i]);
                }
            }
            catch (Exception e)
            {
                log($"ledger: an observer threw and was removed: {e}");
                Remove(observer);
            }
        }
    }

    private void Remove(Action<RecordedEvent> observer)
    {
        lock (gate)
        {
            var list = all.ToList();
            list.Remove(observer);
            all = [.. list];
        }
    }

    private sealed class Membership(Observers owner, Action<RecordedEvent> observer) : IDisposable
    {
        private int isGone;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isGone, 1) == 0)
            {
                owner.Remove(observer);
            }
        }
    }
}
