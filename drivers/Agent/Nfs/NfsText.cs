// What the kernel and exportfs(8) tell of NFS: /proc/self/mountinfo (proc_pid_mountinfo(5)), /proc/self/mountstats, /var/lib/nfs/etab (exportfs(8)).
// Lines that are something else are passed over.
using System.Globalization;
using System.Text;
using Holdfast.Contracts.Nfs;

namespace Holdfast.Agent.Nfs;

/// <summary>A mounted file system.</summary>
public sealed record MountLine(string Where, string Type, string What);

/// <summary>The readers.</summary>
public static class NfsText
{
    private const int LinesMax = 100_000;

    /// <summary><c>36 35 98:0 /root /where opts tags - type what superopts</c>; blanks in names are octal.</summary>
    public static IReadOnlyList<MountLine> Mounts(string mountinfo)
    {
        var found = new List<MountLine>();
        foreach (var words in mountinfo.Split('\n').Take(LinesMax).Select(line => line.Split(' ')))
        {
            var dash = Array.IndexOf(words, "-");
            if (dash >= 6 && words.Length > dash + 2)
            {
                found.Add(new MountLine(Unescape(words[4]), words[dash + 1], Unescape(words[dash + 2])));
            }
        }

        return found;
    }

    /// <summary><c>/folder[TAB]client(options)</c>.</summary>
    public static IReadOnlyList<ExportSeen> Exports(string etab)
    {
        var found = new List<ExportSeen>();
        foreach (var words in etab.Split('\n').Take(LinesMax).Select(line => line.Split('\t')))
        {
            if (words is [['/', ..] folder, var rest, ..] && rest.IndexOf('(', StringComparison.Ordinal) is > 0 and var open && rest.EndsWith(')'))
            {
                found.Add(new ExportSeen(Unescape(folder), rest[..open], rest[(open + 1)..^1].Split(',').Contains("ro")));
            }
        }

        return found;
    }

    /// <summary>By mount point: age, bytes that went over the wire, timeouts of all operations.</summary>
    public static IReadOnlyDictionary<string, MountTraffic> Traffic(string mountstats)
    {
        var found = new Dictionary<string, MountTraffic>(StringComparer.Ordinal);
        string? where = null;
        var inOperations = false;
        foreach (var line in mountstats.Split('\n').Take(LinesMax))
        {
            if (line.StartsWith("device ", StringComparison.Ordinal))
            {
                inOperations = false;
                where = line.Split(' ') is ["device", _, "mounted", "on", var at, "with", "fstype", ['n', 'f', 's', ..], ..] ? Unescape(at) : null;
                if (where is not null)
                {
                    found[where] = new MountTraffic(0, 0, 0, 0);
                }

                continue;
            }

            if (where is null)
            {
                continue;
            }

            var words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            var now = found[where];
            switch (words)
            {
                case ["age:", var age, ..]:
                    found[where] = now with { AgeS = Number(age) };
                    break;
                case ["bytes:", _, _, _, _, var read, var written, ..]:
                    found[where] = now with { ReadBytes = Number(read), WrittenBytes = Number(written) };
                    break;
                case ["per-op", ..]:
                    inOperations = true;
                    break;
                case [[.., ':'], _, _, var timeouts, ..] when inOperations:
                    found[where] = now with { Timeouts = Number(timeouts) is var more && now.Timeouts > long.MaxValue - more ? long.MaxValue
                        : now.Timeouts + more };
                    break;
            }
        }

        return found;
    }

    /// <summary>What <c>stat -f -c '%S %b %a'</c> says: size of a block, blocks, free ones. Null = something else.</summary>
    public static (long SizeBytes, long AvailableBytes)? Space(string said) => said.Trim().Split(' ') is [var block, var all, var free]
        && Number(block) is > 0 and <= 1 << 30 and var size && Number(all) is >= 0 and var blocks && Number(free) is >= 0 and var left
        && blocks <= long.MaxValue / size && left <= long.MaxValue / size ? (size * blocks, size * left) : null;

    private static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary><c>\040</c> is a blank.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text[(i + 1)..(i + 4)].All(digit => digit is >= '0' and <= '7'))
            {
                plain.Append((char)Convert.ToInt32(text[(i + 1)..(i + 4)], 8));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }
}
