// Text that Prometheus and OpenMetrics scrapers both read: only gauges, each family once with its help, samples in order, values and labels escaped as the
// format asks. It ends with `# EOF`, which is the end for one and a comment for the other.
using System.Globalization;
using System.Text;

namespace Holdfast.Features.Metrics;

/// <summary>A text under construction.</summary>
public sealed class Exposition
{
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    public const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly SortedDictionary<string, (string Help, StringBuilder Samples)> families = new(StringComparer.Ordinal);

    /// <summary>Adds a sample.</summary>
    /// <param name="labels">Names and values; names are ours, values may be anything.</param>
    public void Gauge(string family, string help, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        if (!families.TryGetValue(family, out var known))
        {
            families[family] = known = (help, new StringBuilder());
        }

        known.Samples.Append(family);
        for (var i = 0; i < labels.Length; i++)
        {
            known.Samples.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"").Append(Escape(labels[i].Value)).Append('"');
        }

        known.Samples.Append(labels.Length > 0 ? "} " : " ").Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, (help, samples)) in families)
        {
            text.Append("# HELP ").Append(name).Append(' ').Append(Escape(help)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(" gauge\n").Append(samples);
        }

        return text.Append("# EOF\n").ToString();
    }

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
