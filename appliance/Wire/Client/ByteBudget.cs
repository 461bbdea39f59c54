// Bounds what is in flight, in number and in bytes, first come first served.
namespace Holdfast.Wire;

internal sealed class ByteBudget(int maxCount, long maxBytes)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(long Bytes, TaskCompletionSource Entry)> _waiting = [];
    private int _count;
    private long _bytes;

    /// <summary>Returns once there is room; something larger than the whole budget goes alone.</summary>
    public async Task EnterAsync(long bytes, CancellationToken cancel)
    {
        TaskCompletionSource entry;
        lock (_lock)
        {
            if (_waiting.Count == 0 && Fits(bytes))
            {
                Take(bytes);
                return;
            }

            entry = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.AddLast((bytes, entry));
        }

        await using CancellationTokenRegistration registration = cancel.Register(() => entry.TrySetCanceled(cancel));
        await entry.Task;
    }

    public void Leave(long bytes)
    {
        lock (_lock)
        {
            _count--;
            _bytes -= bytes;
            while (_waiting.First is { } first && (first.Value.Entry.Task.IsCanceled || Fits(first.Value.Bytes)))
            {
                _waiting.RemoveFirst();
                if (first.Value.Entry.TrySetResult())
                {
                    Take(first.Value.Bytes);
                }
            }
        }
    }

    private bool Fits(long bytes) => _count == 0 || (_count < maxCount && _bytes + bytes <= maxBytes);

    private void Take(long bytes)
    {
        _count++;
        _bytes += bytes;
    }
}
