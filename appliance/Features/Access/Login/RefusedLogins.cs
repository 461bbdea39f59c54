// Counts refused logins per source, account and minute, so that a flood of tries costs the ledger one event a minute each, within a bound.
// Pure bookkeeping under a lock; who calls Take decides when a minute is over.
namespace Holdfast.Features.Access;

/// <summary>Sums of refused logins that have not been recorded yet.</summary>
public sealed class RefusedLogins
{
    /// <summary>Different (source, account) pairs kept apart in one minute; beyond it they are summed as <c>(others)</c>.</summary>
    public const int PairsPerMinuteMax = 64;

    private const int AccountCharsMax = 64;
    private const string Others = "(others)";

    private readonly Lock gate = new();
    private readonly Dictionary<(string Account, string Source, long Minute), long> counts = [];

    /// <summary>One refused try at this instant (epoch seconds).</summary>
    public void Add(string account, string source, long nowSeconds)
    {
        var minute = nowSeconds - nowSeconds % 60;
        var key = (Cut(account), source, minute);
        lock (gate)
        {
            if (!counts.ContainsKey(key) && counts.Count >= PairsPerMinuteMax)
            {
                key = (Others, Others, minute);
            }

            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
    }

    /// <summary>Takes out what belongs to minutes that are over at this instant; with <paramref name="all"/> also the running one (at stop).</summary>
    public IReadOnlyList<LoginRefused> Take(long nowSeconds, bool all = false)
    {
        var running = nowSeconds - nowSeconds % 60;
        lock (gate)
        {
            var due = counts.Where(pair => all || pair.Key.Minute < running).ToList();
            foreach (var (key, _) in due)
            {
                counts.Remove(key);
            }

            return [.. due.Select(pair => new LoginRefused(pair.Key.Account, pair.Key.Source, pair.Key.Minute, pair.Value))];
        }
    }

    private static string Cut(string account)
    {
        var clean = string.Create(Math.Min(account.Length, AccountCharsMax), account, (span, text) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(text[i]) || char.IsSurrogate(text[i]) ? '?' : text[i];
            }
        });
        return clean;
    }
}
