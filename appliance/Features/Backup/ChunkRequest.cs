// A chunk upload's address taken apart without making a string: most calls of a backup are these. It knows the well-formed ones only; whatever is unusual
// goes the ordinary way, which has PBS's text for everything that can be wrong with it.
using System.Globalization;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>A well-formed chunk upload, within the bounds of <see cref="BackupCalls"/>.</summary>
/// <param name="IsFixed"><c>fixed_chunk</c>, else <c>dynamic_chunk</c>.</param>
/// <param name="SizeBytes">Uncompressed, 1 to 16 MiB.</param>
/// <param name="EncodedBytes">Length of the body, 13 bytes to 16 MiB and a header.</param>
public readonly record struct ChunkRequest(bool IsFixed, int Wid, Digest Digest, int SizeBytes, int EncodedBytes)
{
    private const string FixedPath = "/fixed_chunk";
    private const string DynamicPath = "/dynamic_chunk";
    private const int AllNames = 15;

    /// <summary>False for every other call, and for a chunk upload that is not plain: each parameter once, nothing escaped, nothing out of bounds.</summary>
    public static bool TryParse(Exchange call, out ChunkRequest request)
    {
        request = default;
        var path = call.PathChars;
        var isFixed = path.SequenceEqual(FixedPath);
        return (isFixed || path.SequenceEqual(DynamicPath)) && call.Method == "POST" && TryParse(isFixed, call.QueryChars, out request);
    }

    private static bool TryParse(bool isFixed, ReadOnlySpan<char> query, out ChunkRequest request)
    {
        request = default;
        int seen = 0, wid = 0, size = 0, encoded = 0;
        Digest digest = default;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            if (equals < 0)
            {
                return false;
            }

            var value = pair[(equals + 1)..];
            var bit = pair[..equals] switch
            {
                "wid" when TryNumber(value, 1, 256, out wid) => 1,
                "digest" when Digest.TryParse(value, out digest) => 2,
                "size" when TryNumber(value, 1, PbsSchema.BlobMaxBytes, out size) => 4,
                "encoded-size" when TryNumber(
                    value, BackupCalls.ChunkBytesMin, PbsSchema.BlobMaxBytes + PbsSchema.BlobOverheadBytes, out encoded) => 8,
                _ => 0,
            };
            if (bit == 0 || (seen & bit) != 0)
            {
                return false;
            }

            seen |= bit;
        }

        if (seen != AllNames)
        {
            return false;
        }

        request = new ChunkRequest(isFixed, wid, digest, size, encoded);
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, int minimum, int maximum, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= minimum && value <= maximum;
}
