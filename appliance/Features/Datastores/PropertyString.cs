// PBS's property strings: `key=value,key=value`, the first key may be left out where it has a default, values with commas or quotes stand in double quotes.
using System.Text;

namespace Holdfast.Features.Datastores;

/// <summary>Reading and writing of property strings.</summary>
public static class PropertyString
{
    /// <summary>The pairs in their order. A part without <c>=</c> is the value of <paramref name="defaultKey"/>.</summary>
    public static IEnumerable<(string Key, string Value)> Split(string text, string defaultKey)
    {
        foreach (var part in Parts(text))
        {
            var equals = part.IndexOf('=');
            yield return equals < 0 ? (defaultKey, Unquote(part)) : (part[..equals].Trim(), Unquote(part[(equals + 1)..]));
        }
    }

    /// <summary>The value as it can stand in a property string. Blanks at its ends count, so they need quotes.</summary>
    public static string Quote(string value) =>
        value.AsSpan().IndexOfAny(",\"\\") < 0 && value.AsSpan().Trim().Length == value.Length
            ? value
            : "\"" + value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    private static IEnumerable<string> Parts(string text)
    {
        var part = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && quoted && i + 1 < text.Length)
            {
                part.Append(text[i]).Append(text[++i]);
            }
            else if (text[i] == ',' && !quoted)
            {
                yield return part.ToString().Trim();
                part.Clear();
            }
            else
            {
                quoted ^= text[i] == '"';
                part.Append(text[i]);
            }
        }

        if (part.ToString().Trim() is { Length: > 0 } last)
        {
            yield return last;
        }
    }

    private static string Unquote(string value)
    {
        if (value.Length < 2 || value[0] != '"' || value[^1] != '"')
        {
            return value;
        }

        var plain = new StringBuilder(value.Length);
        for (var i = 1; i < value.Length - 1; i++)
        {
            plain.Append(value[i] == '\\' && i + 2 < value.Length ? value[++i] : value[i]);
        }

        return plain.ToString();
    }
}
