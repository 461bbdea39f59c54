// From the text of a pattern to its parts.
namespace Holdfast.Storage;

public sealed partial class PathPattern
{
    private static readonly (string Name, Func<byte, bool> Contains)[] NamedClasses =
    [
        ("alnum", static b => char.IsAsciiLetterOrDigit((char)b)), ("alpha", static b => char.IsAsciiLetter((char)b)),
        ("blank", static b => b is (byte)' ' or (byte)'\t'), ("cntrl", static b => b is < 32 or 127), ("digit", static b => char.IsAsciiDigit((char)b)),
        ("graph", static b => b is > 32 and < 127), ("lower", static b => char.IsAsciiLetterLower((char)b)), ("print", static b => b is >= 32 and <= 127),
        ("punct", static b => b is > 32 and < 127 && !char.IsAsciiLetterOrDigit((char)b)),
        ("space", static b => b is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or 12), ("upper", static b => char.IsAsciiLetterUpper((char)b)),
        ("xdigit", static b => char.IsAsciiHexDigit((char)b)),
    ];

    private ref struct Compiler(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> text = text;
        private readonly List<byte> literal = [];
        private int at;

        public List<Part> Parts { get; } = [];

        /// <summary>Null, or what is wrong.</summary>
        public string? Run()
        {
            for (; at < text.Length; at++)
            {
                switch (text[at])
                {
                    case (byte)'\\' when at + 1 == text.Length:
                        return "trailing backslash in pattern";
                    case (byte)'\\':
                        literal.Add(text[++at]);
                        break;
                    case (byte)'?':
                        Add(new Part(PartKind.One, []));
                        break;
                    case (byte)'*':
                        Star();
                        break;
                    case (byte)'[':
                        if (Class() is { } fault)
                        {
                            return fault;
                        }

                        break;
                    default:
                        literal.Add(text[at]);
                        break;
                }
            }

            Flush();
            return null;
        }

        private void Add(Part part)
        {
            Flush();
            Parts.Add(part);
        }

        private void Flush()
        {
            if (literal.Count > 0)
            {
                Parts.Add(new Part(PartKind.Literal, [.. literal]));
                literal.Clear();
            }
        }

        /// <summary>Two stars or more count as a double star only where they stand alone between slashes.</summary>
        private void Star()
        {
            var begin = at;
            while (at + 1 < text.Length && text[at + 1] == (byte)'*')
            {
                at++;
            }

            var isAlone = (begin == 0 || text[begin - 1] == (byte)'/') && (at + 1 == text.Length || text[at + 1] == (byte)'/');
            Add(new Part(at > begin && isAlone ? PartKind.DoubleStar : PartKind.Star, []));
        }

        private string? Class()
        {
            var begin = at++;
            var unclosed = $"unclosed character class in pattern, starting at byte {begin}";
            var isNegated = at < text.Length && text[at] == (byte)'^';
            at += isNegated ? 1 : 0;
            if (at == text.Length)
            {
                return unclosed;
            }

            var marks = new byte[256];
            var before = -1;
            for (; at < text.Length && text[at] != (byte)']'; at++)
            {
                var one = text[at];
                if (one == (byte)'[' && at + 1 < text.Length && text[at + 1] == (byte)':')
                {
                    if (!Named(marks))
                    {
                        return $"malformed named character class in pattern, starting at byte {begin}";
                    }

                    before = -1;
                }
                else if (one == (byte)'-' && before >= 0)
                {
                    if (!TryNext(out var last))
                    {
                        return unclosed;
                    }

                    marks.AsSpan(Math.Min(before, last), Math.Abs(last - before) + 1).Fill(1);
                    before = -1;
                }
                else
                {
                    if (one == (byte)'\\' && ++at == text.Length)
                    {
                        return "trailing backslash in pattern";
                    }

                    before = text[at];
                    marks[before] = 1;
                }
            }

            for (var i = 0; isNegated && i < marks.Length; i++)
            {
                marks[i] ^= 1;
            }

            Add(new Part(PartKind.Class, marks));
            return null;
        }

        private bool TryNext(out int last)
        {
            last = 0;
            if (++at < text.Length && text[at] == (byte)'\\')
            {
                at++;
            }

            if (at >= text.Length)
            {
                return false;
            }

            last = text[at];
            return true;
        }

        private bool Named(byte[] marks)
        {
            foreach (var (name, contains) in NamedClasses)
            {
                var rest = text[(at + 2)..];
                if (rest.Length >= name.Length + 2 && rest[name.Length] == (byte)':' && rest[name.Length + 1] == (byte)']'
                    && System.Text.Ascii.Equals(rest[..name.Length], name))
                {
                    for (var i = 0; i < marks.Length; i++)
                    {
                        marks[i] |= contains((byte)i) ? (byte)1 : (byte)0;
                    }

                    at += name.Length + 3;
                    return true;
                }
            }

            return false;
        }
    }
}
