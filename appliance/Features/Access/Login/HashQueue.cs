// Password hashes cost a core for tens of milliseconds each, on purpose. A few run at once and the others wait in line, so that a flood of logins takes no more
// than that from backups; accounts that exist go before names that nobody has.
namespace Holdfast.Features.Access;

/// <summary>The line before the hash.</summary>
/// <param name="atOnceMax">Hashes that run at the same time.</param>
public sealed class HashQueue(int atOnceMax, TimeProvider clock)
{
    /// <summary>Known accounts in line; at 50 ms each and two cores the last is served within PVE's patience.</summary>
    public const int KnownMax = 128;

    /// <summary>Names that nobody has, in line: their hash is only done so that it takes the time.</summary>
    public const int UnknownMax = 8;

    private static readonly TimeSpan KnownWithin = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan UnknownWithin = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly LinkedList<TaskCompletionSource> known = [];
    private readonly LinkedList<TaskCompletionSource> unknown = [];
    private int running;

    /// <summary>Runs a hash when it is its turn; <paramref name="otherwise"/> if its turn does not come in time.</summary>
    public async Task<T> RunAsync<T>(bool isKnown, Func<T> hash, T otherwise)
    {
        if (!await EnterAsync(isKnown ? known : unknown, isKnown ? KnownMax : UnknownMax, isKnown ? KnownWithin : UnknownWithin).ConfigureAwait(false))
        {
            return otherwise;
        }

        try
        {
            return await Task.Run(hash).ConfigureAwait(false);
        }
        finally
        {
            Leave();
        }
    }

    private async Task<bool> EnterAsync(LinkedList<TaskCompletionSource> line, int most, TimeSpan within)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (gate)
        {
            if (running < atOnceMax)
            {
                running++;
                return true;
            }

            if (line.Count >= most)
            {
                return false;
            }

            place = line.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await place.Value.Task.WaitAsync(within, clock).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            lock (gate)
            {
                // It may have been called in this very moment: then the turn is taken.
                if (place.List is null)
                {
                    return true;
                }

                line.Remove(place);
                return false;
            }
        }
    }

    private void Leave()
    {
        lock (gate)
        {
            var line = known.Count > 0 ? known : unknown;
            if (line.First is not { } next)
            {
                running--;
                return;
            }

            line.RemoveFirst();
            next.Value.SetResult();
        }
    }
}
