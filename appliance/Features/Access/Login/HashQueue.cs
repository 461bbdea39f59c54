// Password hashes cost a core for tens of milliseconds each, on purpose. A few run at once and the others wait in line, so that a flood of logins takes no more
// than that from backups; accounts that exist go before names that nobody has, and each source of an account has its turn before another has its second.
// Whose turn does not come in time is told that it was not looked at, never that it is wrong.
namespace Holdfast.Features.Access;

/// <summary>The line before the hash.</summary>
/// <param name="atOnceMax">Hashes that run at the same time.</param>
public sealed class HashQueue(int atOnceMax, TimeProvider clock)
{
    /// <summary>Known accounts' tries in line; at 50 ms each and two cores the last is served within PVE's patience.</summary>
    public const int KnownMax = 128;

    /// <summary>Names that nobody has, in line: their hash is only done so that it takes the time.</summary>
    public const int UnknownMax = 8;

    /// <summary>Longest wait for a turn.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Line known = new();
    private readonly Line unknown = new();
    private int running;

    /// <summary>Runs a hash when it is its turn.</summary>
    /// <param name="who">Whose turn it is to be: an account at its source.</param>
    /// <returns>What it says; null if its turn did not come in time.</returns>
    public async Task<bool?> RunAsync(string who, bool isKnown, Func<bool> hash)
    {
        var entered = isKnown ? EnterAsync(known, who, KnownMax) : EnterAsync(unknown, "", UnknownMax);
        if (!await entered.ConfigureAwait(false))
        {
            return null;
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

    private async Task<bool> EnterAsync(Line line, string who, int most)
    {
        Place place;
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

            place = line.Add(who);
        }

        try
        {
            await place.Called.Task.WaitAsync(Within, clock).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            lock (gate)
            {
                // It may have been called in this very moment: then the turn is taken.
                return !line.Remove(place);
            }
        }
    }

    private void Leave()
    {
        lock (gate)
        {
            if ((known.Next() ?? unknown.Next()) is { } next)
            {
                next.Called.SetResult();
                return;
            }

            running--;
        }
    }

    private sealed record Place(string Who)
    {
        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Places by whose they are, these in the order of their next turn.</summary>
    private sealed class Line
    {
        private readonly LinkedList<(string Who, LinkedList<Place> Places)> turns = [];
        private readonly Dictionary<string, LinkedListNode<(string Who, LinkedList<Place> Places)>> byWho = new(StringComparer.Ordinal);

        public int Count { get; private set; }

        public Place Add(string who)
        {
            if (!byWho.TryGetValue(who, out var turn))
            {
                byWho[who] = turn = turns.AddLast((who, []));
            }

            var place = new Place(who);
            turn.Value.Places.AddLast(place);
            Count++;
            return place;
        }

        /// <summary>Takes out whose turn it is, or null; whoever has more goes to the end.</summary>
        public Place? Next()
        {
            if (turns.First is not { } turn)
            {
                return null;
            }

            var place = turn.Value.Places.First!.Value;
            turn.Value.Places.RemoveFirst();
            turns.Remove(turn);
            if (turn.Value.Places.Count > 0)
            {
                turns.AddLast(turn);
            }

            Settle(turn);
            return place;
        }

        /// <summary>Takes a place out; false if it is no longer there.</summary>
        public bool Remove(Place place)
        {
            if (!byWho.TryGetValue(place.Who, out var turn) || !Take(turn.Value.Places, place))
            {
                return false;
            }

            if (turn.Value.Places.Count == 0)
            {
                turns.Remove(turn);
            }

            Settle(turn);
            return true;
        }

        // By identity: two of one are alike.
        private static bool Take(LinkedList<Place> places, Place place)
        {
            for (var node = places.First; node is not null; node = node.Next)
            {
                if (ReferenceEquals(node.Value, place))
                {
                    places.Remove(node);
                    return true;
                }
            }

            return false;
        }

        private void Settle(LinkedListNode<(string Who, LinkedList<Place> Places)> turn)
        {
            Count--;
            if (turn.Value.Places.Count == 0)
            {
                byWho.Remove(turn.Value.Who);
            }
        }
    }
}
