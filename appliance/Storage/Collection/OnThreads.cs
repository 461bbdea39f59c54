// The same work on a few threads of its own; with one thread on the caller's, which is what simulations want.
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
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () => Work(work, stop, token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))).ConfigureAwait(false);
    }

    private static void Work(Action<CancellationToken> work, CancellationTokenSource stop, CancellationToken token)
    {
        try
        {
            work(token);
        }
        catch
        {
            stop.Cancel();
            throw;
        }
    }
}
