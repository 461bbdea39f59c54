// Percent-decoding and -encoding of path segments, cookies, secrets and queries. `+` is never a space except in form
// text, and text that isn't UTF-8 is refused, so that nothing is decoded twice or guessed at.
using System.Globalization;
using System.Text;

namespace Holdfast.Wire;

/// <summary>RFC 3986 percent escapes over UTF-8.</summary>
public static class Percent
{
    private static readonly UTF8Encoding Strict = new(false, true);

    /// <summary>The plain text, or null where the bytes aren't UTF-8. A lone `%` stands for itself.</summary>
    public static string? Decode(string text) => Decode(text, false);

    /// <summary>As <see cref="Decode(string)"/>, and `+` is a space (query and form text).</summary>
    public static string? DecodeForm(string text) => Decode(text, true);

    /// <summary>Escapes every byte but `A-Za-z0-9._-`; safe in paths, queries, cookies and secrets.</summary>
    public static string Encode(string text)
    {
        var result = new StringBuilder(text.Length + 16);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'.' or (byte)'_' or (byte)'-')
            {
                result.Append((char)b);
            }
            else
            {
                result.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
            }
        }

        return result.ToString();
    }

    private static string? Decode(string text, bool plusIsSpace)
    {
        if (!text.Contains('%') && !(plusIsSpace && text.Contains('+')) && Ascii.IsValid(text))
        {
            return text;
        }

        try
        {
            byte[] source = Strict.GetBytes(text);
            int length = 0;
            for (int i = 0; i < source.Length; i++)
            {
                byte b = source[i];
                if (b == '%' && i + 2 < source.Length && Nibble(source[i + 1]) is >= 0 and int high
                    && Nibble(source[i + 2]) is >= 0 and int low)
                {
                    b = (byte)((high << 4) | low);
                    i += 2;
                }
                else if (b == '+' && plusIsSpace)
                {
                    b = (byte)' ';
                }

                source[length++] = b;
            }

            return Strict.GetString(source, 0, length);
        }
        catch (ArgumentException)
        {
            return null; // not UTF-8: the caller refuses it
        }
    }

    private static int Nibble(byte b) => char.IsAsciiHexDigit((char)b) ? Convert.ToInt32(((char)b).ToString(), 16) : -1;
}
