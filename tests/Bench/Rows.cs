// The figures: rows by name, printed as they come and kept in a file, where a run of some rows leaves the others alone.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Holdfast.Tests.Bench;

/// <summary>Rows of one run.</summary>
/// <param name="only">Prefixes of the rows that are wanted, with commas between them; empty = all.</param>
internal sealed class Rows(string only)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly List<(string Name, double Value, string Unit)> rows = [];

    /// <summary>Is any of these names wanted?</summary>
    public bool Wants(IEnumerable<string> names) => names.Any(Wants);

    /// <summary>Takes a row if it is wanted, and prints it; more than one sample: the median, and the range.</summary>
    public void Add(string name, string unit, params ReadOnlySpan<double> samples)
    {
        if (!Wants(name))
        {
            return;
        }

        var sorted = samples.ToArray();
        Array.Sort(sorted);
        var value = Math.Round(Median(sorted), 3);
        rows.Add((name, value, unit));
        var range = sorted.Length > 1 ? $"  ({Text(sorted[0])} - {Text(sorted[^1])}, {sorted.Length} runs)" : "";
        Console.WriteLine($"{name,-46} {Text(value),12} {unit,-16}{Target(name, value)}{range}");
    }

    /// <summary>Median of sorted samples.</summary>
    public static double Median(ReadOnlySpan<double> sorted) =>
        sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    /// <summary>Puts the rows into the file; those that were not measured now keep their older values.</summary>
    public void Save(string path)
    {
        var merged = new List<JsonNode>();
        if (File.Exists(path) && JsonNode.Parse(File.ReadAllBytes(path))?["rows"] is JsonArray old)
        {
            merged.AddRange(old.Where(o => o is not null && rows.All(row => row.Name != (string?)o["name"]))
                .Select(o => o!.DeepClone()));
        }

        merged.AddRange(rows.Select(row => new JsonObject
        {
            ["name"] = row.Name, ["value"] = row.Value, ["unit"] = row.Unit,
        }));
        merged.Sort((a, b) => string.CompareOrdinal((string?)a["name"], (string?)b["name"]));
        var file = new JsonObject { ["rows"] = new JsonArray([.. merged]) };
        File.WriteAllText(path, file.ToJsonString(Indented) + "\n");
    }

    private static string Target(string name, double value)
    {
        if (!Targets.All.TryGetValue(name, out var target))
        {
            return "";
        }

        var isMet = target.AtLeast ? value >= target.Value : value <= target.Value;
        return $" {(isMet ? "ok    " : "MISSED")} {(target.AtLeast ? ">=" : "<=")} {Text(target.Value)}";
    }

    private static string Text(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private bool Wants(string name) => only.Split(',').Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));
}
