// `--name value` pairs of a command line.
using System.Globalization;

namespace Holdfast.Tests.Bench;

/// <summary>Options by name; an option given twice keeps its last value.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> values = [];

    /// <exception cref="ArgumentException">Something that is not a pair.</exception>
    public Arguments(ReadOnlySpan<string> args)
    {
        for (var i = 0; i < args.Length; i += 2)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == args.Length)
            {
                throw new ArgumentException($"not an option with a value: {args[i]}");
            }

            values[args[i][2..]] = args[i + 1];
        }
    }

    public string Text(string name, string otherwise = "") => values.GetValueOrDefault(name, otherwise);

    public long Number(string name, long otherwise) =>
        values.TryGetValue(name, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
