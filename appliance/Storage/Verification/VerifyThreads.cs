// The threads of one verification: of their own, so that logins and sessions never wait for a thread that reads a disk. A batch of numbered items is shared
// out among them, each item taken by whoever is free, in order.
using System.Collections.Concurrent;

namespace Holdfast.Storage;

/// <summary>Runs batches, one at a time. Dispose it only while none runs.</summary>
internal sealed class VerifyThreads : IDisposable
{
    private readonly BlockingCollection<Batch> queue = [];
    private readonly int count;

    public VerifyThreads(int count)
    {
        this.count = count;
        for (var i = 0; i < count; i++)
        {
            new Thread(Work) { IsBackground = true, Name = "verify" }.Start();
        }
    }

    /// <summary>Calls the work for 0..items-1 and completes when all calls have returned. The first exception is thrown here, after it no further
    /// item is begun.</summary>
    public async Task RunAsync(int items, Action<int> work, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var threads = Math.Min(items, count);
        if (threads == 0)
        {
            return;
        }

        var batch = new Batch(items, threads, work, cancel);
        for (var i = 0; i < threads; i++)
        {
            queue.Add(batch, CancellationToken.None);
        }

        await batch.Ended.ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
    }

    public void Dispose() => queue.CompleteAdding();

    private void Work()
    {
        foreach (var batch in queue.GetConsumingEnumerable())
        {
            batch.Run();
        }
    }

    private sealed class Batch(int items, int threads, Action<int> work, CancellationToken cancel)
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Exception? failure;
        private int next = -1;
        private int running = threads;

        public Task Ended => ended.Task;

        public void Run()
        {
            try
            {
                while (!cancel.IsCancellationRequested && Volatile.Read(ref failure) is null && Interlocked.Increment(ref next) is var item && item < items)
                {
                    work(item);
                }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null); // The caller gets it.
            }

            if (Interlocked.Decrement(ref running) > 0)
            {
                return;
            }

            if (failure is { } first)
            {
                ended.SetException(first);
            }
            else
            {
                ended.SetResult();
            }
        }
    }
}
