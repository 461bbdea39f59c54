// The bounds of the ledger, in one place, and the one check that every append passes before it is queued.
// What passes here can be encoded, stored and exported without loss; what doesn't is the caller's mistake.
using System.Text;

namespace Holdfast.Ledger;

/// <summary>Bounds that hold for every ledger, export and import.</summary>
public static class LedgerLimits
{
    /// <summary>Longest stream name, in characters.</summary>
    public const int MaxStreamChars = 400;

    /// <summary>Longest event type, in characters.</summary>
    public const int MaxTypeChars = 200;

    /// <summary>Longest of each metadata field, in characters.</summary>
    public const int MaxMetadataChars = 2000;

    /// <summary>Largest data of one event, in bytes.</summary>
    public const int MaxDataBytes = 1 << 20;

    /// <summary>Largest sum of data of one append, in bytes.</summary>
    public const int MaxAppendBytes = 4 << 20;

    /// <summary>Most events of one append.</summary>
    public const int MaxAppendEvents = 1000;

    /// <summary>Largest encoded event record: data, and text of up to three bytes a character.</summary>
    public const int MaxRecordBytes =
        MaxDataBytes + 3 * (MaxStreamChars + MaxTypeChars + 4 * MaxMetadataChars) + 10 * 4 + 3 * 8;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Makes text from outside (a request line, a user name) fit for <see cref="EventMetadata"/>: control
    /// characters and lone surrogates become U+FFFD, and what is too long is cut.</summary>
    public static string Clean(string text)
    {
        var cut = text.Length > MaxMetadataChars ? text[..MaxMetadataChars] : text;
        var builder = new StringBuilder(cut.Length);
        foreach (var rune in cut.EnumerateRunes())
        {
            builder.Append(Rune.IsControl(rune) ? "\uFFFD" : rune.ToString());
        }
        return builder.ToString();
    }

    /// <summary>Checks an append against all bounds.</summary>
    /// <exception cref="ArgumentException">Names the field that is out of bounds.</exception>
    internal static void Check(Append append)
    {
        CheckText(append.Stream, 1, MaxStreamChars, "stream");
        if (append.ExpectedVersion < -1)
        {
            throw new ArgumentException("expected version is below -1");
        }
        if (append.Events.Count is < 1 or > MaxAppendEvents)
        {
            throw new ArgumentException($"an append holds 1 to {MaxAppendEvents} events, not {append.Events.Count}");
        }
        long sum = 0;
        for (var i = 0; i < append.Events.Count; i++)
        {
            var one = append.Events[i];
            CheckText(one.Type, 1, MaxTypeChars, "type");
            CheckText(one.Metadata.Actor, 0, MaxMetadataChars, "actor");
            CheckText(one.Metadata.Source, 0, MaxMetadataChars, "source");
            CheckText(one.Metadata.Cause, 0, MaxMetadataChars, "cause");
            CheckText(one.Metadata.Correlation, 0, MaxMetadataChars, "correlation");
            if (one.Data.Length > MaxDataBytes)
            {
                throw new ArgumentException($"data of {one.Data.Length} bytes is above {MaxDataBytes}");
            }
            sum += one.Data.Length;
        }
        if (sum > MaxAppendBytes)
        {
            throw new ArgumentException($"an append of {sum} bytes is above {MaxAppendBytes}");
        }
    }

    private static void CheckText(string text, int least, int most, string field)
    {
        if (text.Length < least || text.Length > most)
        {
            throw new ArgumentException($"{field} has {text.Length} characters, allowed are {least} to {most}");
        }
        foreach (var c in text)
        {
            if (char.IsControl(c))
            {
                throw new ArgumentException($"{field} has a control character");
            }
            if (char.IsSurrogate(c))
            {
                CheckSurrogates(text, field);
                return;
            }
        }
    }

    private static void CheckSurrogates(string text, string field)
    {
        try
        {
            if (Strict.GetByteCount(text) == 0 || text.Any(char.IsControl))
            {
                throw new ArgumentException($"{field} has a control character");
            }
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"{field} is not valid text", e);
        }
    }
}
