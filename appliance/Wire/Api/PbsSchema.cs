// The shapes of PBS identity strings and the parameters made of them (pbs-protocol 1.5), in one place: what a datastore
// name, a namespace or a digest may look like is written here and nowhere else.
using System.Buffers;
using System.Text.RegularExpressions;

namespace Holdfast.Wire;

/// <summary>Character rules, limits and ready-made parameters.</summary>
public static partial class PbsSchema
{
    public const int NamespaceMaxLength = 256;
    public const int NamespaceMaxDepth = 7;
    public const int BlobMaxBytes = 16 * 1024 * 1024;
    public const int BlobOverheadBytes = 44;

    private static readonly SearchValues<char> SafeIdFirst = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    private static readonly SearchValues<char> SafeIdRest = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    /// <summary>`[A-Za-z0-9_][A-Za-z0-9._-]*`.</summary>
    public static bool IsSafeId(ReadOnlySpan<char> text) =>
        text.Length > 0 && SafeIdFirst.Contains(text[0]) && !text.ContainsAnyExcept(SafeIdRest);

    public static bool IsSafeId(string text) => IsSafeId(text.AsSpan());

    /// <summary>No white space, colon, slash or control character; at least one character.</summary>
    public static bool IsUserName(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (char.IsWhiteSpace(c) || char.IsControl(c) || c is ':' or '/')
            {
                return false;
            }
        }

        return text.Length > 0;
    }

    /// <summary>Safe ids joined by `/`, at most 8 by PBS's pattern (the depth limit of 7 is a rule of its own), or
    /// "".</summary>
    public static bool IsNamespace(string text)
    {
        if (text.Length == 0)
        {
            return true;
        }

        string[] parts = text.Split('/');
        return parts.Length <= NamespaceMaxDepth + 1 && Array.TrueForAll(parts, IsSafeId);
    }

    /// <summary>64 hex digits of any case.</summary>
    public static bool IsDigest(string text) =>
        text.Length == 64 && !text.AsSpan().ContainsAnyExcept(HexDigits);

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    public static bool IsUserId(string text) => Wire.UserId.TryParse(text, out _);

    public static bool IsAuthId(string text) => Wire.AuthId.TryParse(text, out _);

    /// <summary>No control character.</summary>
    public static bool IsOneLine(string text) => !text.Any(char.IsControl);

    /// <summary>No control character but newline.</summary>
    public static bool IsManyLines(string text) => !text.Any(c => char.IsControl(c) && c != '\n');

    [GeneratedRegex("^(?:[A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}$", RegexOptions.CultureInvariant)]
    public static partial Regex FingerprintPattern { get; }

    public static Parameter Store(string name = "store") =>
        Parameter.Text(name) with { MinLength = 3, MaxLength = 32, Format = IsSafeId };

    public static Parameter Namespace(string name = "ns") =>
        Parameter.Text(name) with { Optional = true, MaxLength = NamespaceMaxLength, Format = IsNamespace };

    public static Parameter BackupType(string name = "backup-type") =>
        Parameter.Text(name) with { Choices = ["vm", "ct", "host"] };

    public static Parameter BackupId(string name = "backup-id") => Parameter.Text(name) with { Format = IsSafeId };

    /// <summary>Epoch seconds up to the end of the year 9999: later ones have no folder name.</summary>
    public static Parameter BackupTime(string name = "backup-time") =>
        Parameter.Integer(name) with { Minimum = 1, Maximum = 253_402_300_799 };

    public static Parameter FileName(string name = "file-name") => Parameter.Text(name) with { Format = IsSafeId };

    public static Parameter ArchiveName(string name = "archive-name") => FileName(name);

    public static Parameter Digest(string name = "digest") => Parameter.Text(name) with { Format = IsDigest };

    public static Parameter UserId(string name = "userid") =>
        Parameter.Text(name) with { MinLength = 3, MaxLength = 64, Format = IsUserId };

    public static Parameter AuthId(string name = "auth-id") =>
        Parameter.Text(name) with { MinLength = 3, MaxLength = 128, Format = IsAuthId };

    public static Parameter TokenName(string name = "token-name") =>
        Parameter.Text(name) with { MinLength = 1, Format = IsSafeId };

    public static Parameter JobId(string name = "id") =>
        Parameter.Text(name) with { MinLength = 3, MaxLength = 32, Format = IsSafeId };

    public static Parameter Node(string name = "node") => Parameter.Text(name) with { Format = IsSafeId };

    public static Parameter UpidText(string name = "upid") =>
        Parameter.Text(name) with { MinLength = 36, MaxLength = Upid.MaxLength, Format = t => Upid.TryParse(t, out _) };

    public static Parameter Comment(string name = "comment") =>
        Parameter.Text(name) with { Optional = true, MaxLength = 128, Format = IsOneLine };

    public static Parameter Password(string name = "password") =>
        Parameter.Text(name) with { MinLength = 1, MaxLength = 1024, Format = IsOneLine };

    public static Parameter Fingerprint(string name = "fingerprint") =>
        Parameter.Text(name) with { Format = FingerprintPattern.IsMatch };

    /// <summary>Index writer of a session, 1 to 256.</summary>
    public static Parameter Wid() => Parameter.Integer("wid") with { Minimum = 1, Maximum = 256 };

    /// <summary>Uncompressed size of a chunk.</summary>
    public static Parameter ChunkSize() => Parameter.Integer("size") with { Minimum = 1, Maximum = BlobMaxBytes };

    /// <summary>Size of an uploaded blob on the wire, from <paramref name="minimum"/> on.</summary>
    public static Parameter EncodedSize(long minimum) =>
        Parameter.Integer("encoded-size") with { Minimum = minimum, Maximum = BlobMaxBytes + BlobOverheadBytes };
}
