// Measured values of one thing (the node, a datastore) over time: a set of named rings, and the file form that keeps them over restarts.
using System.Text;

namespace Holdfast.Features.Node;

/// <summary>Everything measured about one thing. Thread-safe.</summary>
public sealed class History
{
    /// <summary>Longest file that is looked at.</summary>
    public const int FileBytesMax = 4 << 20;

    private const int SeriesMax = 32;
    private const int NameBytesMax = 64;
    private static readonly byte[] Magic = "holdfast history 1\n"u8.ToArray();
    private static readonly (int StepS, int Slots)[] Resolutions = [(60, 1440), (1800, 1440), (21_600, 1460), (604_800, 530)];

    private readonly Lock gate = new();
    private readonly SortedDictionary<string, Ring[]> series = new(StringComparer.Ordinal);

    /// <summary>Takes measured values.</summary>
    public void Add(long timeS, IEnumerable<KeyValuePair<string, double>> values)
    {
        lock (gate)
        {
            foreach (var (name, value) in values)
            {
                if (!series.TryGetValue(name, out var rings))
                {
                    if (series.Count == SeriesMax)
                    {
                        continue;
                    }

                    series[name] = rings = NewRings();
                }

                foreach (var ring in rings)
                {
                    ring.Add(timeS, value);
                }
            }
        }
    }

    /// <summary>Rows of a time frame, oldest first: the start of each step, and what was measured in it.</summary>
    public IReadOnlyList<(long TimeS, IReadOnlyList<KeyValuePair<string, double>> Values)> Rows(TimeFrame frame, long nowS, bool max)
    {
        var rows = new List<(long, IReadOnlyList<KeyValuePair<string, double>>)>();
        lock (gate)
        {
            var last = nowS / frame.StepS * frame.StepS;
            for (var at = last - frame.LengthS + frame.StepS; at <= last; at += frame.StepS)
            {
                var values = new List<KeyValuePair<string, double>>();
                foreach (var (name, rings) in series)
                {
                    if (rings.First(ring => ring.StepS == frame.StepS).At(at, max) is { } value)
                    {
                        values.Add(new(name, value));
                    }
                }

                rows.Add((at, values));
            }
        }

        return rows;
    }

    /// <summary>As a file.</summary>
    public byte[] ToFile()
    {
        using var output = new MemoryStream();
        using var writer = new BinaryWriter(output);
        lock (gate)
        {
            writer.Write(Magic);
            writer.Write((byte)series.Count);
            foreach (var (name, rings) in series)
            {
                var text = Encoding.ASCII.GetBytes(name);
                writer.Write((byte)text.Length);
                writer.Write(text);
                foreach (var ring in rings)
                {
                    ring.Write(writer);
                }
            }
        }

        writer.Flush();
        return output.ToArray();
    }

    /// <summary>What a file holds; null if it is none of ours, or not whole.</summary>
    public static History? Parse(byte[] file)
    {
        if (file.Length > FileBytesMax || !file.AsSpan().StartsWith(Magic))
        {
            return null;
        }

        var history = new History();
        try
        {
            using var reader = new BinaryReader(new MemoryStream(file, Magic.Length, file.Length - Magic.Length, writable: false));
            int count = reader.ReadByte();
            for (var i = 0; i < count; i++)
            {
                int length = reader.ReadByte();
                var name = reader.ReadBytes(length);
                var isName = length is > 0 and <= NameBytesMax && name.Length == length && name.All(b => b is > 32 and < 127);
                if (count > SeriesMax || !isName)
                {
                    return null;
                }

                var rings = NewRings();
                foreach (var ring in rings)
                {
                    ring.Take(reader);
                }

                history.series[Encoding.ASCII.GetString(name)] = rings;
            }

            return history;
        }
        catch (Exception error) when (error is EndOfStreamException or InvalidDataException)
        {
            return null;
        }
    }

    private static Ring[] NewRings() => [.. Resolutions.Select(resolution => new Ring(resolution.StepS, resolution.Slots))];
}

/// <summary>PBS's time frames of its charts.</summary>
public sealed record TimeFrame(string Name, long LengthS, int StepS)
{
    public static readonly IReadOnlyList<TimeFrame> All =
    [
        new("hour", 3600, 60), new("day", 86_400, 60), new("week", 7 * 86_400, 1800), new("month", 30 * 86_400, 1800),
        new("year", 365 * 86_400, 21_600), new("decade", 3652 * 86_400L / 604_800 * 604_800, 604_800),
    ];

    public static readonly TimeFrame Month = All[3];
}
