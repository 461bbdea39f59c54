// Reads `zpool status -p -P -v` as versions before 2.3 write it, for people: a block a pool, a tree by indentation. There are no guids in it, a disk is known
// by its path. Lines that it does not know are passed over.
using System.Globalization;
using System.Text.RegularExpressions;
using Holdfast.Contracts.Pools;

namespace Holdfast.Zfs;

/// <summary>The reader.</summary>
public static partial class PoolText
{
    private const int LinesMax = 100_000;

    /// <summary>All pools of the text, without sizes.</summary>
    public static IReadOnlyList<Pool> Status(string text)
    {
        var pools = new List<Pool>();
        Block? block = null;
        foreach (var line in text.Split('\n').Take(LinesMax))
        {
            if (Heading().Match(line) is { Success: true } heading)
            {
                var (name, value) = (heading.Groups[1].Value, heading.Groups[2].Value.Trim());
                if (name == "pool")
                {
                    Close(block, pools);
                    block = new Block(value);
                    continue;
                }

                block?.Head(name, value);
            }
            else
            {
                block?.Line(line);
            }
        }

        Close(block, pools);
        return pools;
    }

    /// <summary>Sizes of a <c>zpool list -H -p -o name,size,allocated,fragmentation,readonly</c>, into the pools.</summary>
    public static IReadOnlyList<Pool> WithList(IReadOnlyList<Pool> pools, string text)
    {
        var rows = text.Split('\n').Select(line => line.Split('\t'))
            .Where(row => row.Length >= 5).GroupBy(row => row[0]).ToDictionary(row => row.Key, row => row.First());
        return [.. pools.Select(pool => rows.TryGetValue(pool.Name, out var row)
            ? pool with
            {
                SizeBytes = Number(row[1]), AllocatedBytes = Number(row[2]), FragmentationPercent = row[3] is "-" or "" ? null : (int)Number(row[3]),
                IsReadOnly = row[4].Trim() == "on",
            }
            : pool)];
    }

    private static void Close(Block? block, List<Pool> pools)
    {
        if (block is not null)
        {
            pools.Add(block.Pool());
        }
    }

    private static long Number(string text) => long.TryParse(text.TrimEnd('%', 's'), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : 0;

    /// <summary>1.50G or 1536 to bytes.</summary>
    private static long Bytes(string text)
    {
        if (Amount().Match(text) is not { Success: true } amount)
        {
            return 0;
        }

        var unit = "BKMGTPE".IndexOf(amount.Groups[2].Value is { Length: > 0 } letter ? letter[0] : 'B', StringComparison.Ordinal);
        return (long)(double.Parse(amount.Groups[1].Value, CultureInfo.InvariantCulture) * Math.Pow(1024, Math.Max(0, unit)));
    }

    [GeneratedRegex(@"^ {0,6}(pool|state|status|action|see|scan|config|errors|remove|checkpoint|dedup):(.*)$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"^([0-9]+(?:\.[0-9]+)?)([BKMGTPE]?)")]
    private static partial Regex Amount();

    [GeneratedRegex(@"ZFS-[0-9A-Z]{4}-[0-9A-Z]{2}")]
    private static partial Regex MessageId();

    [GeneratedRegex(@"(?:scrub repaired|resilvered) (\S+) in .* with (\d+) errors on (.+)$")]
    private static partial Regex Ended();

    [GeneratedRegex(@"(scrub|resilver) (in progress|paused) since (.+)$")]
    private static partial Regex Running();

    [GeneratedRegex(@"(\S+) (?:resilvered|repaired), ([0-9.]+)% done")]
    private static partial Regex Progress();

    [GeneratedRegex(@"(?:scanned.* / ([0-9.]+[BKMGTPE]?) issued)|([0-9.]+[BKMGTPE]?) total")]
    private static partial Regex Total();

    /// <summary>What is being read of one pool.</summary>
    private sealed class Block(string name)
    {
        private readonly List<Vdev> vdevs = [];
        private readonly List<(int Indent, string Name)> above = [];
        private readonly List<string> damaged = [];
        private string state = "UNKNOWN";
        private string? messageId;
        private string clazz = "normal";
        private string heading = "";
        private PoolScan? scan;

        public void Head(string what, string value)
        {
            heading = what;
            switch (what)
            {
                case "state":
                    state = value;
                    break;
                case "see":
                    messageId = MessageId().Match(value) is { Success: true } id ? id.Value : messageId;
                    break;
                case "scan":
                    Scan(value);
                    break;
            }
        }

        public void Line(string line)
        {
            switch (heading)
            {
                case "config":
                    Part(line);
                    break;
                case "scan":
                    Scan(line.Trim());
                    break;
                case "errors" when line.Trim() is { Length: > 0 } file
                    && (file[0] == '/' || file.Contains(":<", StringComparison.Ordinal) || file.Contains(":/", StringComparison.Ordinal)):
                    damaged.Add(file);
                    break;
            }
        }

        public Pool Pool() => new(name, "", state, messageId, scan, vdevs, 0, 0, null, false, [.. damaged.Take(Contracts.Pools.Pool.DamagedFilesMax)],
            damaged.Count);

        private void Part(string line)
        {
            var body = line.TrimStart('\t');
            var text = body.TrimStart(' ');
            var indent = body.Length - text.Length;
            var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words[0] == "NAME")
            {
                return;
            }

            if (indent == 0)
            {
                above.Clear();
                clazz = words[0] switch
                {
                    "special" => "special",
                    "dedup" => "dedup",
                    "logs" => "log",
                    "cache" => "cache",
                    "spares" => "spare",
                    _ => "normal",
                };
                return;
            }

            above.RemoveAll(one => one.Indent >= indent);
            var isDisk = words[0].StartsWith('/') || words.Contains("was") || !GroupName().IsMatch(words[0]);
            var was = Array.IndexOf(words, "was");
            var counts = words.Length > 4 && words.Skip(2).Take(3).All(word => word.All(char.IsAsciiDigit));
            vdevs.Add(new Vdev(words[0], "", isDisk ? "disk" : words[0].Split('-')[0].TrimEnd('1', '2', '3'), clazz, words.Length > 1 ? words[1] : "UNKNOWN",
                was > 0 && was + 1 < words.Length ? words[was + 1] : words[0].StartsWith('/') ? words[0] : null, above.Count > 0 ? above[^1].Name : null,
                counts ? Number(words[2]) : 0, counts ? Number(words[3]) : 0, counts ? Number(words[4]) : 0, 0));
            above.Add((indent, words[0]));
        }

        private void Scan(string text)
        {
            if (Running().Match(text) is { Success: true } running)
            {
                scan = new PoolScan(running.Groups[1].Value.ToUpperInvariant(), "SCANNING", Time(running.Groups[3].Value), 0,
                    running.Groups[2].Value == "paused", 0, 0, 0, 0);
            }
            else if (Ended().Match(text) is { Success: true } ended)
            {
                scan = new PoolScan(text.StartsWith("scrub", StringComparison.Ordinal) ? "SCRUB" : "RESILVER", "FINISHED", 0, Time(ended.Groups[3].Value),
                    false, 0, 0,
                    Bytes(ended.Groups[1].Value), Number(ended.Groups[2].Value));
            }
            else if (text.StartsWith("scrub canceled", StringComparison.Ordinal))
            {
                scan = new PoolScan("SCRUB", "CANCELED", 0, Time(text.Split(" on ")[^1]), false, 0, 0, 0, 0);
            }
            else if (scan is { IsRunning: true } && Total().Match(text) is { Success: true } total)
            {
                scan = scan with { ToDoBytes = Bytes(total.Groups[1].Value + total.Groups[2].Value) };
            }
            else if (scan is { IsRunning: true } && Progress().Match(text) is { Success: true } progress)
            {
                scan = scan with
                {
                    RepairedBytes = Bytes(progress.Groups[1].Value),
                    DoneBytes = (long)Math.Ceiling(scan.ToDoBytes * double.Parse(progress.Groups[2].Value, CultureInfo.InvariantCulture) / 100),
                };
            }
        }

        /// <summary>ctime(3), which says nothing of a time zone: the machine's own, which is UTC on this appliance.</summary>
        private static long Time(string text) =>
            DateTime.TryParseExact(string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries)), "ddd MMM d HH:mm:ss yyyy",
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? new DateTimeOffset(time).ToUnixTimeSeconds() : 0;
    }

    [GeneratedRegex(@"^(mirror|raidz[123]?|draid[123]?(:.*)?|spare|replacing|indirect|special|logs)-?\d*")]
    private static partial Regex GroupName();
}
