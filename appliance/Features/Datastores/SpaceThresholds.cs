// At which percentages of use somebody is told that a datastore fills up, and when that is over: a threshold once crossed counts until use has fallen clearly
// below it, so that use around it does not tell the same story again and again. Pure.
using System.Globalization;

namespace Holdfast.Features.Datastores;

/// <summary>Ascending percentages.</summary>
public static class SpaceThresholds
{
    /// <summary>Where nothing was configured.</summary>
    public static readonly IReadOnlyList<int> Default = [75, 85, 90];

    /// <summary>Use must fall this many points below a threshold before it can be crossed again.</summary>
    public const int HysteresisPoints = 2;

    private const int CountMax = 10;

    /// <summary>The thresholds behind <c>75,85,90</c>; null for a text that is none.</summary>
    public static IReadOnlyList<int>? Parse(string text)
    {
        var found = new SortedSet<int>();
        foreach (var part in text.Split(','))
        {
            if (!int.TryParse(part.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var percent) || percent is < 1 or > 99)
            {
                return null;
            }

            found.Add(percent);
        }

        return found.Count is > 0 and <= CountMax ? [.. found] : null;
    }

    /// <summary>Why a text is none, or null.</summary>
    public static string? Refuse(string text) => Parse(text) is null ? $"expected up to {CountMax} percentages from 1 to 99, as in '75,85,90'" : null;

    /// <summary>The highest threshold that counts now; 0 = none.</summary>
    /// <param name="before">The one that counted until now.</param>
    /// <param name="usedPercent">Use, 0 to 100.</param>
    public static int Level(IReadOnlyList<int> thresholds, int before, double usedPercent)
    {
        var reached = thresholds.LastOrDefault(threshold => usedPercent >= threshold);
        if (reached >= before)
        {
            return reached;
        }

        // Falling: what was crossed still counts while use is within the hysteresis below it.
        return thresholds.LastOrDefault(threshold => threshold <= before && usedPercent > threshold - HysteresisPoints);
    }
}
