// The identifier rule that PBS uses nearly everywhere, and what archive names may look like.
namespace Holdfast.Storage;

/// <summary>Kind of an archive by the extension of its file.</summary>
public enum ArchiveKind
{
    FixedIndex,
    DynamicIndex,
    Blob,
}

/// <summary>Checks of names that become parts of a path (reference 1.5).</summary>
public static class SafeId
{
    /// <summary>Longest name: with the suffix of a temporary file it must fit the 255 bytes of a file name.</summary>
    public const int MaxLength = 240;

    public const string ManifestName = "index.json.blob";

    public const string ClientLogName = "client.log.blob";

    /// <summary>[A-Za-z0-9_][A-Za-z0-9._-]*, at most <see cref="MaxLength"/> characters.</summary>
    public static bool IsLegal(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxLength || text[0] is '.' or '-')
        {
            return false;
        }

        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>True for NAME.fidx, NAME.didx and NAME.blob where NAME is not empty and the whole is a
    /// SAFE_ID.</summary>
    public static bool TryArchiveKind(ReadOnlySpan<char> name, out ArchiveKind kind)
    {
        kind = default;
        if (name.Length < 6 || !IsLegal(name))
        {
            return false;
        }

        switch (name[^5..])
        {
            case ".fidx":
                kind = ArchiveKind.FixedIndex;
                return true;
            case ".didx":
                kind = ArchiveKind.DynamicIndex;
                return true;
            case ".blob":
                kind = ArchiveKind.Blob;
                return true;
            default:
                return false;
        }
    }
}
