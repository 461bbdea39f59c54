// Whose turn it is to change which datastores there are and how they are configured: one after the other, each deciding on the newest state.
namespace Holdfast.Features.Datastores;

/// <summary>The turn.</summary>
public sealed class ConfigTurn
{
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Waits for it; it ends with what is returned.</summary>
    public async Task<IDisposable> TakeAsync(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        return new Held(turn);
    }

    private sealed class Held(SemaphoreSlim turn) : IDisposable
    {
        private int ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref ended, 1) == 0)
            {
                turn.Release();
            }
        }
    }
}
