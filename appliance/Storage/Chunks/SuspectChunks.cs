// Which chunk files may be torn. After a power cut a chunk that nobody synced can lie under its final name with missing
// data; taking it for a duplicate would build the next backup on it. So after an unclean end every chunk written since
// the last sure moment is read once before it is trusted.
namespace Holdfast.Storage;

internal sealed class SuspectChunks
{
    private const int MaxTrusted = 4_000_000;

    private readonly Lock gate = new();
    private readonly HashSet<Digest> trusted = [];
    private long sinceNs;

    /// <param name="sinceNs">Files modified at or after this are suspect; long.MaxValue if none is.</param>
    public SuspectChunks(long sinceNs) => this.sinceNs = sinceNs;

    public bool Any => Volatile.Read(ref sinceNs) != long.MaxValue;

    public long SinceNs => Volatile.Read(ref sinceNs);

    public bool IsSuspect(in Digest digest, long modifyTimeNs)
    {
        if (modifyTimeNs < Volatile.Read(ref sinceNs))
        {
            return false;
        }

        lock (gate)
        {
            return !trusted.Contains(digest);
        }
    }

    /// <summary>The file was written or read back in this run.</summary>
    public void Trust(in Digest digest)
    {
        if (!Any)
        {
            return;
        }

        lock (gate)
        {
            // Beyond the bound chunks are merely read again.
            if (trusted.Count < MaxTrusted)
            {
                trusted.Add(digest);
            }
        }
    }

    /// <summary>All files were checked.</summary>
    public void Clear()
    {
        Volatile.Write(ref sinceNs, long.MaxValue);
        lock (gate)
        {
            trusted.Clear();
            trusted.TrimExcess();
        }
    }
}
