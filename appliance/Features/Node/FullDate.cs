// When a datastore will be full if it goes on as it did: a straight line through what was measured (least squares), and where it reaches one. Pure.
namespace Holdfast.Features.Node;

/// <summary>The estimate.</summary>
public static class FullDate
{
    /// <summary>Fewer measured values say nothing.</summary>
    public const int ValuesMin = 7;

    /// <summary>Epoch seconds; 0 = never, as PBS writes it (use does not grow); null = too little is known.</summary>
    /// <param name="history">Use, 0 to 1, at <paramref name="startS"/> and each <paramref name="deltaS"/> later; null where nothing was measured.</param>
    public static long? Estimate(IReadOnlyList<double?> history, long startS, long deltaS)
    {
        var points = history.Select((use, i) => (X: (double)i, Use: use)).Where(point => point.Use is not null)
            .Select(point => (point.X, Y: point.Use!.Value)).ToList();
        if (points.Count < ValuesMin)
        {
            return null;
        }

        var (meanX, meanY) = (points.Average(point => point.X), points.Average(point => point.Y));
        var spread = points.Sum(point => (point.X - meanX) * (point.X - meanX));
        var slope = points.Sum(point => (point.X - meanX) * (point.Y - meanY)) / spread;
        if (slope <= 0)
        {
            return 0;
        }

        var steps = meanX + ((1 - meanY) / slope);
        return steps < long.MaxValue / 2 / deltaS ? startS + (long)Math.Floor(steps * deltaS) : 0;
    }
}
