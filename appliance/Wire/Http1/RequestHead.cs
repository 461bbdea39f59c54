// Parses one HTTP/1 request head, strictly: it decides where the body ends and whether the request is an upgrade, so
// what two readers could understand in two ways (bare line feeds, folded lines, two lengths) is refused, not guessed.
using System.Buffers;
using System.Globalization;
using System.Text;

namespace Holdfast.Wire;

/// <summary>What became of an attempt to parse a head.</summary>
public enum HeadParse
{
    /// <summary>More bytes are needed.</summary>
    Partial,
    Complete,
    /// <summary>Not HTTP, ambiguous, or too large: answer 400 (431 for size) and close.</summary>
    Bad,
}

/// <summary>A request head: method, target, headers, and how its body is framed.</summary>
public sealed class RequestHead
{
    private const int MaxHeaders = 128;
    private readonly List<KeyValuePair<string, string>> _headers = [];

    private RequestHead(string method, string target, bool isHttp10)
    {
        Method = method;
        Target = target;
        IsHttp10 = isHttp10;
    }

    public string Method { get; }

    public string Target { get; }

    public bool IsHttp10 { get; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers => _headers;

    /// <summary>Length of the body; 0 without one, -1 if it is chunked.</summary>
    public long BodyLength { get; private set; }

    /// <summary>Bytes of the head as it was sent, the empty line included.</summary>
    public long LengthBytes { get; private set; }

    /// <summary>All values of a header, joined (Cookie by `; `, else `, `); null if absent.</summary>
    public string? Header(string name)
    {
        string? value = null;
        List<string>? more = null; // one header sent 128 times is joined once, not 128 times
        foreach ((string key, string text) in _headers)
        {
            if (!key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (value is null)
            {
                value = text;
            }
            else
            {
                (more ??= [value]).Add(text);
            }
        }

        return more is null ? value
            : string.Join(name.Equals("Cookie", StringComparison.OrdinalIgnoreCase) ? "; " : ", ", more);
    }

    /// <summary>Parses from the start of <paramref name="bytes"/>; never throws. <paramref name="why"/>: for
    /// Bad.</summary>
    public static HeadParse TryParse(ReadOnlySequence<byte> bytes, int maxBytes, out RequestHead? head, out string why)
    {
        head = null;
        why = "";
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> block, "\r\n\r\n"u8))
        {
            why = "request head too large";
            return bytes.Length > maxBytes ? HeadParse.Bad : HeadParse.Partial;
        }

        if (reader.Consumed > maxBytes)
        {
            why = "request head too large";
            return HeadParse.Bad;
        }

        string text = Encoding.Latin1.GetString(block);
        why = Parse(text, out head) ?? "";
        if (why.Length > 0)
        {
            head = null;
            return HeadParse.Bad;
        }

        head!.LengthBytes = reader.Consumed;
        return HeadParse.Complete;
    }

    private static string? Parse(string text, out RequestHead? head)
    {
        head = null;
        string[] lines = text.Split("\r\n");
        foreach (string line in lines)
        {
            if (line.AsSpan().ContainsAny('\r', '\n', '\0'))
            {
                return "bare line end in request head";
            }
        }

        string[] parts = lines[0].Split(' ');
        if (parts.Length != 3 || parts[1].Length == 0 || !IsToken(parts[0])
            || parts[2] is not ("HTTP/1.1" or "HTTP/1.0"))
        {
            return "invalid request line";
        }

        if (lines.Length - 1 > MaxHeaders)
        {
            return "too many headers";
        }

        head = new RequestHead(parts[0], parts[1], parts[2] == "HTTP/1.0");
        for (int i = 1; i < lines.Length; i++)
        {
            int colon = lines[i].IndexOf(':');
            if (colon < 1 || !IsToken(lines[i].AsSpan(0, colon)))
            {
                return "invalid header";
            }

            head._headers.Add(new(lines[i][..colon], Utf8OrLatin1(lines[i][(colon + 1)..].Trim(' ', '\t'))));
        }

        return head.Frame();
    }

    // The Rust client sends a token's name as it is: UTF-8 (and so does Kestrel read it on the other calls).
    private static string Utf8OrLatin1(string latin1)
    {
        if (Ascii.IsValid(latin1))
        {
            return latin1;
        }

        byte[] bytes = Encoding.Latin1.GetBytes(latin1);
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : latin1;
    }

    // RFC 9112 6.3, without its leniencies.
    private string? Frame()
    {
        string? length = null;
        string? coding = null;
        foreach ((string key, string value) in _headers)
        {
            if (key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                if (length is not null)
                {
                    return "more than one Content-Length";
                }

                length = value;
            }
            else if (key.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            {
                if (coding is not null)
                {
                    return "more than one Transfer-Encoding";
                }

                coding = value;
            }
        }

        if (coding is not null)
        {
            BodyLength = -1;
            return length is not null ? "Content-Length with Transfer-Encoding"
                : IsHttp10 || !coding.Equals("chunked", StringComparison.OrdinalIgnoreCase)
                    ? "unsupported Transfer-Encoding"
                    : null;
        }

        if (length is null)
        {
            return null;
        }

        bool good = length.Length is > 0 and <= 18
            && long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            && (BodyLength = bytes) >= 0;
        return good ? null : "invalid Content-Length";
    }

    private static readonly SearchValues<char> TokenChars = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static bool IsToken(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExcept(TokenChars);
}
