// After an unclean end: the chunks that may never have come to the disk are read back once (write order W2 says why no snapshot should name a torn one). What
// is torn is told first and then removed; if a snapshot names it all the same (a disk that lied), it is a corrupt chunk like any other, with all that follows.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Verify;

/// <summary>Reads suspect chunks back.</summary>
public sealed class TornChunks(Func<SnapshotsState> snapshots, CorruptChunks corrupt, Recorder recorder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Reads back, records, removes. Blocks while it reads: for a thread of its own.</summary>
    /// <param name="say">Takes lines for a log.</param>
    /// <returns>How many were torn.</returns>
    /// <exception cref="LedgerUnavailableException">Nothing was removed; the chunks stay suspect.</exception>
    public async Task<int> CheckAsync(OpenDatastore store, Action<string> say, CancellationToken cancel)
    {
        var torn = store.Bytes.FindTornChunks(cancel);
        List<Digest> loose = [];
        if (torn.Count > 0)
        {
            var uses = IndexSearch.Run(store, snapshots(), torn, out _, cancel);
            var named = torn.Where(digest => uses[digest].Count > 0).ToList();
            await corrupt.ReadAgainAsync(store, named, EventMetadata.System, say, cancel).ConfigureAwait(false);
            loose = [.. torn.Except(named)];
            if (loose.Count > 0)
            {
                var found = new TornChunksFound(
                    store.Name, [.. loose.Take(TornChunksFound.DigestsMax).Select(digest => digest.ToString())], loose.Count);
                await recorder.DecideAsync(CorruptChunks.Stream(store.Name), ExpectedVersion.Any, [Event.Of(found, EventMetadata.System)], Patience, cancel)
                    .ConfigureAwait(false);
            }
        }

        store.Bytes.RemoveTornChunks(loose);
        return torn.Count;
    }
}
