// Glob patterns for paths with git's meaning, as PBS's client has them: `*` and `?` stop at slashes, `**` between slashes does not, `[a-z]`, `[^a-z]` and
// `[[:digit:]]` match one byte, a backslash takes the next byte as it is. Bytes, not characters. Written after what the rules do, tested against PBS's answers.
namespace Holdfast.Storage;

/// <summary>A compiled pattern.</summary>
public sealed partial class PathPattern
{
    /// <summary>Longest pattern.</summary>
    public const int MaxBytes = 4096;

    private readonly Part[] parts;

    private PathPattern(Part[] parts) => this.parts = parts;

    private enum Match
    {
        Yes,
        No,

        /// <summary>The text is used up: no longer match of a star in front can help.</summary>
        TextEnded,

        /// <summary>A slash stands in the way of a single star: only a double star in front can help.</summary>
        NeedsDoubleStar,
    }

    private enum PartKind
    {
        Literal,
        One,
        Star,
        DoubleStar,
        Class,
    }

    /// <summary>Compiles a pattern; null and a reason if it is none.</summary>
    public static PathPattern? TryParse(ReadOnlySpan<byte> text, out string? fault)
    {
        text = text.TrimEnd((byte)'/') is { IsEmpty: false } trimmed ? trimmed : text.IsEmpty ? text : "/"u8;
        fault = text.IsEmpty ? "empty pattern" : text.Length > MaxBytes ? "pattern too long" : text.Contains((byte)0) ? "null-byte in pattern" : null;
        if (fault is not null)
        {
            return null;
        }

        var compiler = new Compiler(text);
        fault = compiler.Run();
        return fault is null ? new PathPattern([.. compiler.Parts]) : null;
    }

    /// <summary>Does the whole text match?</summary>
    public bool IsMatch(ReadOnlySpan<byte> text)
    {
        // Patterns and texts are both short; still, many stars over a long text must not take forever.
        var budget = 1 << 20;
        return Run(0, text, false, ref budget) == Match.Yes;
    }

    private Match Run(int index, ReadOnlySpan<byte> text, bool withoutFirstSlash, ref int budget)
    {
        for (; index < parts.Length; index++)
        {
            if (--budget < 0)
            {
                return Match.TextEnded;
            }

            ref readonly var part = ref parts[index];
            if (part.Kind is PartKind.Star or PartKind.DoubleStar)
            {
                return RunStar(index, text, ref budget);
            }

            if (text.IsEmpty)
            {
                return Match.TextEnded;
            }

            if (part.Kind == PartKind.Literal)
            {
                var literal = part.Bytes.AsSpan(withoutFirstSlash ? 1 : 0);
                if (!text.StartsWith(literal))
                {
                    return Match.No;
                }

                text = text[literal.Length..];
            }
            else if (part.Kind == PartKind.One ? text[0] == (byte)'/' : !part.Contains(text[0]))
            {
                return Match.No;
            }
            else
            {
                text = text[1..];
            }

            withoutFirstSlash = false;
        }

        return text.IsEmpty ? Match.Yes : Match.No;
    }

    private Match RunStar(int index, ReadOnlySpan<byte> text, ref int budget)
    {
        var isDouble = parts[index].Kind == PartKind.DoubleStar;
        var isLast = index + 1 == parts.Length;
        if (isLast && (isDouble || !text.Contains((byte)'/')))
        {
            return Match.Yes;
        }

        // `a/**/b` also matches `a/b`: the double star may be nothing, and one of the slashes with it.
        if (isDouble && !isLast && parts[index + 1].StartsWithSlash && (index == 0 || parts[index - 1].EndsWithSlash)
            && Run(index + 1, text, true, ref budget) == Match.Yes)
        {
            return Match.Yes;
        }

        for (; !text.IsEmpty; text = text[1..])
        {
            var result = Run(index + 1, text, false, ref budget);
            if (result is Match.Yes or Match.TextEnded || (!isDouble && result == Match.NeedsDoubleStar))
            {
                return result;
            }

            if (!isDouble && text[0] == (byte)'/')
            {
                return Match.NeedsDoubleStar;
            }
        }

        return Match.TextEnded;
    }

    private readonly record struct Part(PartKind Kind, byte[] Bytes)
    {
        public bool StartsWithSlash => Kind == PartKind.Literal && Bytes[0] == (byte)'/';

        public bool EndsWithSlash => Kind == PartKind.Literal && Bytes[^1] == (byte)'/';

        /// <summary>For a class: 256 marks.</summary>
        public bool Contains(byte one) => Bytes[one] != 0;
    }
}
