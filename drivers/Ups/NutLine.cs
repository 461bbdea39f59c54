// Lines of NUT's protocol: words with spaces between, quoted where they hold any, with \" and \\ inside quotes (NUT docs/net-protocol).
using System.Text;

namespace Holdfast.Ups;

/// <summary>Takes lines apart and puts them together.</summary>
public static class NutLine
{
    /// <summary>Longest line that is read.</summary>
    public const int CharsMax = 4096;

    private const int WordsMax = 64;

    /// <summary>The words of a line.</summary>
    /// <exception cref="InvalidDataException">A quote without its end, or more words than a line has.</exception>
    public static IReadOnlyList<string> Words(string line)
    {
        var words = new List<string>();
        for (var i = 0; i < line.Length;)
        {
            if (line[i] == ' ')
            {
                i++;
                continue;
            }

            if (words.Count == WordsMax)
            {
                throw new InvalidDataException("the UPS's server says a line of too many words");
            }

            words.Add(line[i] == '"' ? Quoted(line, ref i) : Plain(line, ref i));
        }

        return words;
    }

    /// <summary>A word as it is sent; quoted where it must be.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && !word.Any(c => c is ' ' or '"' or '\\' or '#' or '=') ? word
            : $"\"{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static string Plain(string line, ref int i)
    {
        var start = i;
        while (i < line.Length && line[i] != ' ')
        {
            i++;
        }

        return line[start..i];
    }

    private static string Quoted(string line, ref int i)
    {
        var text = new StringBuilder();
        for (i++; i < line.Length; i++)
        {
            switch (line[i])
            {
                case '\\' when i + 1 < line.Length:
                    text.Append(line[++i]);
                    break;
                case '"':
                    i++;
                    return text.ToString();
                default:
                    text.Append(line[i]);
                    break;
            }
        }

        throw new InvalidDataException("the UPS's server says a line with a quote that does not end");
    }
}
