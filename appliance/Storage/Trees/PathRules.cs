// A list of patterns, each to include or to exclude; the last one that matches decides. As PBS's client reads them: a pattern matches a whole path or what is
// left of it behind any slash, `!` turns it round, a slash at the end means folders only. Files named .pxarexclude add rules for the folder that they lie in.
namespace Holdfast.Storage;

/// <summary>One rule.</summary>
/// <param name="Text">As it is written into an archive: without `!`, with a slash at the end for folders only.</param>
/// <param name="IsAnchored">Only a whole path matches.</param>
public sealed record PathRule(PathPattern Pattern, byte[] Text, bool Includes, bool FoldersOnly, bool IsAnchored)
{
    /// <summary>Parses a rule; null and a reason if it is none.</summary>
    /// <param name="includes">What it does without `!`.</param>
    public static PathRule? TryParse(ReadOnlySpan<byte> text, bool includes, out string? fault, bool isAnchored = false)
    {
        if (!text.IsEmpty && text[0] == (byte)'!')
        {
            text = text[1..];
            includes = !includes;
        }

        var pattern = PathPattern.TryParse(text, out fault);
        if (pattern is null)
        {
            return null;
        }

        var trimmed = text.TrimEnd((byte)'/');
        var foldersOnly = trimmed.Length < text.Length;
        byte[] kept = trimmed.IsEmpty ? [(byte)'/'] : foldersOnly ? [.. trimmed, (byte)'/'] : trimmed.ToArray();
        return new PathRule(pattern, kept, includes, foldersOnly, isAnchored);
    }

    /// <summary>Does it speak of this path?</summary>
    /// <param name="path">With a slash in front.</param>
    public bool Matches(ReadOnlySpan<byte> path)
    {
        if (!IsAnchored)
        {
            for (var start = path.Length - 1; start >= 0; start--)
            {
                if (path[start] == (byte)'/' && Pattern.IsMatch(path[(start + 1)..]))
                {
                    return true;
                }
            }
        }

        return Pattern.IsMatch(path);
    }
}

/// <summary>Rules in order.</summary>
public sealed class PathRules
{
    /// <summary>Rules of one .pxarexclude file and all above it.</summary>
    public const int MaxRules = 65536;

    /// <summary>Bytes of one .pxarexclude file.</summary>
    public const int MaxFileBytes = 1024 * 1024;

    private readonly List<PathRule> rules = [];

    public int Count => rules.Count;

    public IReadOnlyList<PathRule> All => rules;

    /// <summary>Adds a rule behind all others.</summary>
    public void Add(PathRule rule) => rules.Add(rule);

    /// <summary>Forgets the rules that came last.</summary>
    public void Truncate(int count) => rules.RemoveRange(count, rules.Count - count);

    /// <summary>True: included, false: excluded, null: no rule says anything.</summary>
    /// <param name="path">With a slash in front.</param>
    /// <param name="isFolder">Asked only if a rule wants to know.</param>
    public bool? Decide(ReadOnlySpan<byte> path, Func<bool> isFolder)
    {
        bool? known = null;
        for (var i = rules.Count - 1; i >= 0; i--)
        {
            var rule = rules[i];
            if (rule.FoldersOnly && !(known ??= isFolder()))
            {
                continue;
            }

            if (rule.Matches(path))
            {
                return rule.Includes;
            }
        }

        return null;
    }

    /// <summary>Adds the rules of a .pxarexclude file.</summary>
    /// <param name="folder">Path of its folder, with a slash in front; empty for the root.</param>
    public void AddFile(ReadOnlySpan<byte> content, ReadOnlySpan<byte> folder, Action<string> problem)
    {
        foreach (var range in content.Split((byte)'\n'))
        {
            var line = content[range].Trim(" \t\r\n\f"u8);
            if (line.IsEmpty || line[0] == (byte)'#')
            {
                continue;
            }

            var includes = line[0] == (byte)'!';
            line = includes ? line[1..] : line;
            var isAnchored = line.StartsWith("/"u8);
            var rule = PathRule.TryParse(Normalized(isAnchored ? [.. folder, .. line] : line), includes, out var fault, isAnchored);
            if (rule is null || rules.Count >= MaxRules)
            {
                problem($"bad pattern in {TreeNode.Show(folder)}/.pxarexclude: {fault ?? "too many patterns"}");
                continue;
            }

            rules.Add(rule);
        }
    }

    /// <summary>The text of the rules as a .pxarexclude file: what .pxarexclude-cli in an archive holds.</summary>
    public byte[] ToFile(int count)
    {
        var text = new List<byte>();
        foreach (var rule in rules.Take(count))
        {
            text.AddRange(rule.Includes ? "!"u8 : ""u8);
            text.AddRange(rule.Text);
            text.Add((byte)'\n');
        }

        return [.. text];
    }

    /// <summary>A path without empty components, `.` and `..`.</summary>
    public static byte[] Normalized(ReadOnlySpan<byte> path)
    {
        var names = new List<byte[]>();
        foreach (var range in path.Split((byte)'/'))
        {
            var name = path[range];
            if (name.SequenceEqual(".."u8))
            {
                names.RemoveRange(Math.Max(0, names.Count - 1), Math.Min(1, names.Count));
            }
            else if (!name.IsEmpty && !name.SequenceEqual("."u8))
            {
                names.Add(name.ToArray());
            }
        }

        var isRooted = path.StartsWith("/"u8);
        var result = new List<byte>();
        foreach (var name in names)
        {
            result.AddRange(isRooted || result.Count > 0 ? "/"u8 : ""u8);
            result.AddRange(name);
        }

        return [.. result, .. (path.EndsWith("/"u8) || (isRooted && names.Count == 0) ? "/"u8 : ""u8)];
    }
}
