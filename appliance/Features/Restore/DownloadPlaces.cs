// Places for calls that hold chunks in memory for as long as their client reads. There are few, and nobody has all of them: however slowly one caller reads,
// the others get theirs.
namespace Holdfast.Features.Restore;

/// <summary>Bounded places, with a share of them for each caller.</summary>
/// <param name="atOnce">Places in all.</param>
/// <param name="perCaller">Most places that one caller has at a time.</param>
public sealed class DownloadPlaces(int atOnce, int perCaller)
{
    private readonly Lock gate = new();
    private readonly SemaphoreSlim all = new(atOnce);
    private readonly Dictionary<string, Share> shares = new(StringComparer.Ordinal);

    /// <summary>A place; null if there was none in that time, and <paramref name="why"/> says whose they are.</summary>
    /// <param name="caller">User or token.</param>
    public async Task<(IDisposable? Place, string? Why)> TryEnterAsync(string caller, TimeSpan patience, CancellationToken cancel)
    {
        var share = Join(caller);
        var (hasShare, hasPlace) = (false, false);
        try
        {
            hasShare = await share.Turn.WaitAsync(patience, cancel).ConfigureAwait(false);
            hasPlace = hasShare && await all.WaitAsync(patience, cancel).ConfigureAwait(false);
        }
        finally
        {
            if (!hasPlace)
            {
                Leave(caller, share, hasShare);
            }
        }

        return hasPlace ? (new Place(this, caller, share), null)
            : (null, hasShare ? $"too many downloads at once (at most {atOnce})" : $"too many downloads of '{caller}' at once (at most {perCaller})");
    }

    private Share Join(string caller)
    {
        lock (gate)
        {
            if (!shares.TryGetValue(caller, out var share))
            {
                shares.Add(caller, share = new Share(new SemaphoreSlim(perCaller)));
            }

            share.Users++;
            return share;
        }
    }

    private void Leave(string caller, Share share, bool hasShare)
    {
        lock (gate)
        {
            if (hasShare)
            {
                share.Turn.Release();
            }

            if (--share.Users == 0)
            {
                shares.Remove(caller);
            }
        }
    }

    private sealed record Share(SemaphoreSlim Turn)
    {
        /// <summary>Those that have a place or wait for one.</summary>
        public int Users { get; set; }
    }

    private sealed class Place(DownloadPlaces of, string caller, Share share) : IDisposable
    {
        private int isLeft;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isLeft, 1) == 0)
            {
                of.all.Release();
                of.Leave(caller, share, hasShare: true);
            }
        }
    }
}
