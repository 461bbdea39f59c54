// At most five tries a second for each pair of source and account, so that nobody can guess faster than that, and nobody's wrong tries stand in the way of
// somebody else's right ones: pairs know nothing of each other. Pure bookkeeping: the caller says what time it is and does the waiting.
namespace Holdfast.Features.Access;

/// <summary>When the next try of a pair may be looked at, and when its refusal may be told. Bounded in memory. Thread-safe.</summary>
public sealed class LoginBackoff
{
    /// <summary>Tries of one pair that are looked at in any second, and refusals that are told.</summary>
    public const int TriesPerSecond = 5;

    /// <summary>Pairs kept at once (a few MiB).</summary>
    public const int PairsMax = 16_384;

    /// <summary>Names that nobody has, kept at once for one source; further ones are refused unseen, as late as the others.</summary>
    public const int NamesPerSourceMax = 256;

    /// <summary>A try that would wait longer than this is refused unseen: the answer must be there before clients give up.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>PBS tells a refusal after three seconds, and never earlier.</summary>
    public static readonly TimeSpan RefusalAfter = TimeSpan.FromSeconds(3);

    /// <summary>However many refusals are due, none is held longer.</summary>
    private static readonly TimeSpan RefusalWithin = TimeSpan.FromSeconds(20);

    private readonly Lock gate = new();
    private readonly Dictionary<(string Source, string Account), Pair> pairs = [];
    private readonly Dictionary<string, int> perSource = new(StringComparer.Ordinal);
    private TimeSpan sweptAt = TimeSpan.MinValue;

    /// <summary>Pairs that are kept now.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return pairs.Count;
            }
        }
    }

    /// <summary>Takes a place for a try.</summary>
    /// <param name="exists">Is there such an account? Only then does it get a place however many names its source has tried.</param>
    /// <param name="now">Of a clock that only runs forward.</param>
    /// <returns>The instant at which it may be looked at (now or later); null: not at all.</returns>
    public TimeSpan? Enter(string source, string account, bool exists, TimeSpan now)
    {
        lock (gate)
        {
            if (Find(source, account, exists, now) is not { } pair)
            {
                // No room to keep count. A name that exists is looked at all the same: right credentials are not refused for others' tries.
                return exists ? now : null;
            }

            pair.Forget(now - Second);
            var at = pair.Places.Count < TriesPerSecond ? now : Later(now, pair.Places[^TriesPerSecond] + Second);
            if (at - now > WaitMax)
            {
                return null;
            }

            pair.Places.Add(at);
            return at;
        }
    }

    /// <summary>The try was right: its place counts for nothing.</summary>
    public void Succeeded(string source, string account, TimeSpan at)
    {
        lock (gate)
        {
            if (pairs.TryGetValue((source, account), out var pair))
            {
                pair.Places.Remove(at);
            }
        }
    }

    /// <summary>The instant at which the refusal of a try may be told: three seconds after it came, and five a second.</summary>
    public TimeSpan RefusalAt(string source, string account, TimeSpan cameAt)
    {
        lock (gate)
        {
            if (!pairs.TryGetValue((source, account), out var pair))
            {
                return cameAt + RefusalAfter;
            }

            var at = Later(cameAt + RefusalAfter, pair.LastRefusal + Second / TriesPerSecond);
            pair.LastRefusal = at = at - cameAt > RefusalWithin ? cameAt + RefusalWithin : at;
            return at;
        }
    }

    private Pair? Find(string source, string account, bool exists, TimeSpan now)
    {
        if (pairs.TryGetValue((source, account), out var pair))
        {
            return pair;
        }

        if (pairs.Count >= PairsMax || perSource.GetValueOrDefault(source) >= NamesPerSourceMax)
        {
            Sweep(now);
        }

        if (pairs.Count >= PairsMax || (!exists && perSource.GetValueOrDefault(source) >= NamesPerSourceMax))
        {
            return null;
        }

        perSource[source] = perSource.GetValueOrDefault(source) + 1;
        return pairs[(source, account)] = new Pair();
    }

    // A pair without a try in the last second and without a refusal still to be told is as good as none. Once a second at most: a full table is walked.
    private void Sweep(TimeSpan now)
    {
        if (sweptAt != TimeSpan.MinValue && now - sweptAt < Second)
        {
            return;
        }

        sweptAt = now;
        perSource.Clear();
        foreach (var (key, pair) in pairs.ToList())
        {
            pair.Forget(now - Second);
            if (pair.Places.Count == 0 && pair.LastRefusal <= now)
            {
                pairs.Remove(key);
            }
            else
            {
                perSource[key.Source] = perSource.GetValueOrDefault(key.Source) + 1;
            }
        }
    }

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private sealed class Pair
    {
        /// <summary>Instants of its tries, ascending; no more than those of a second and of the wait.</summary>
        public List<TimeSpan> Places { get; } = [];

        public TimeSpan LastRefusal { get; set; } = TimeSpan.FromDays(-1);

        /// <summary>Drops what is so old that it limits nothing any more.</summary>
        public void Forget(TimeSpan until) => Places.RemoveAll(at => at <= until);
    }
}
