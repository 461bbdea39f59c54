// The same work on a few threads of its own; with one thread on the caller's, which is what simulations want.
using System.Runtime.ExceptionServices;

namespace Holdfast.Storage;

internal static class OnThreads
{
    /// <summary>Runs the work on each thread and waits. The first that fails ends the others.</summary>
    public static async Task RunAsync(int threads, Action<CancellationToken> work, CancellationToken cancel)
    {
        if (threads <= 1)
        {
            work(cancel);
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var token = stop.Token;
        ExceptionDispatchInfo? first = null;
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () => Work(work, stop, token, ref first), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))).ConfigureAwait(false);
        first?.Throw();
    }

    /// <summary>Only the first failure is told: those of the others are its consequence, and would pass a broken disk off as somebody's wish to stop.</summary>
    private static void Work(Action<CancellationToken> work, CancellationTokenSource stop, CancellationToken token, ref ExceptionDispatchInfo? first)
    {
        try
        {
            work(token);
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(error), null);
            stop.Cancel();
        }
    }
}
