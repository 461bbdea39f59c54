// Last versions of the streams in use: bounded to two generations, so that a ledger with millions of streams costs the
// writer a few megabytes and a stream that fell out costs one index look-up.
namespace Holdfast.Ledger;

internal sealed class VersionCache
{
    private const int GenerationStreams = 32_768;

    private Dictionary<string, long> young = new(StringComparer.Ordinal);
    private Dictionary<string, long> old = new(StringComparer.Ordinal);

    public bool TryGet(string stream, out long version)
    {
        if (young.TryGetValue(stream, out version))
        {
            return true;
        }
        if (old.TryGetValue(stream, out version))
        {
            Set(stream, version);
            return true;
        }
        return false;
    }

    public void Set(string stream, long version)
    {
        if (young.Count >= GenerationStreams && !young.ContainsKey(stream))
        {
            old = young;
            young = new Dictionary<string, long>(StringComparer.Ordinal);
        }
        young[stream] = version;
    }

    public void Clear()
    {
        young.Clear();
        old.Clear();
    }
}
