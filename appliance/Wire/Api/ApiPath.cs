// PBS's path rules (pbs-protocol 1.2): empty segments vanish (clients do send `//api2/...`), a segment that starts
// with a dot is refused.
namespace Holdfast.Wire;

/// <summary>Splitting of request paths.</summary>
public static class ApiPath
{
    /// <summary>Longest path plus query over HTTP/1, in bytes; beyond it PBS answers 414.</summary>
    public const int MaxLength = 3072;

    /// <summary>Segments still percent-encoded; false for illegal components.</summary>
    public static bool TrySplit(string path, out string[] segments)
    {
        segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return !Array.Exists(segments, s => s[0] == '.');
    }
}
