// What follows when a chunk was found corrupt or missing, by a verification or by a restore: the ledger is told first, with every snapshot that it hits; then a
// corrupt one is set aside, so that the next upload of the same data heals it. Cut off in between, the chunk keeps its name and stays known as bad: uploads
// do not trust it, and the next one who reads it sets it aside.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Verify;

/// <summary>Records bad chunks and those that are good again.</summary>
public sealed class CorruptChunks(Func<SnapshotsState> snapshots, Func<BadChunksState> known, Recorder recorder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim turn = new(1);

    /// <summary>The stream of a datastore's bad chunks.</summary>
    public static string Stream(string store) => "chunks:" + store;

    /// <summary>Those of a datastore now.</summary>
    public IReadOnlyDictionary<Digest, KnownBadChunk> Known(string store) => known().In(store);

    /// <summary>Is the chunk known to be bad? Asked for every chunk that is uploaded: nearly always one look at an empty table.</summary>
    public bool IsBad(string store, in Digest digest) => known() is { Stores.IsEmpty: false } state && state.In(store).ContainsKey(digest);

    /// <summary>Records chunks that were found bad (each once, however often it is found) and sets the corrupt ones aside.</summary>
    /// <param name="say">Takes lines for a log.</param>
    /// <returns>Those that turned out not to be corrupt any more.</returns>
    /// <exception cref="LedgerUnavailableException">Not recorded, so nothing was set aside.</exception>
    public async Task<IReadOnlyList<Digest>> FoundAsync(
        OpenDatastore store, IReadOnlyCollection<BadChunk> found, EventMetadata because, Action<string> say, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var before = Known(store.Name);
            var fresh = found.Where(chunk => !before.ContainsKey(chunk.Digest)).ToList();
            if (fresh.Count > 0)
            {
                await RecordAsync(store, fresh, because, cancel).ConfigureAwait(false);
            }

            return SetAside(store, found.Where(chunk => chunk.Fault != ChunkFault.Missing), say);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Records chunks that their file system names as lost. They keep their names: nothing is built on them any more, an upload of the same data
    /// replaces
    /// them, and a verification that can read them after all says so.</summary>
    /// <exception cref="LedgerUnavailableException">Not recorded.</exception>
    public async Task NamedAsync(OpenDatastore store, IReadOnlyCollection<BadChunk> named, EventMetadata because, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var before = Known(store.Name);
            var fresh = named.Where(chunk => !before.ContainsKey(chunk.Digest)).ToList();
            if (fresh.Count > 0)
            {
                await RecordAsync(store, fresh, because, cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Looks at chunks that a restore could not use, and records those that are bad; the others met something that passed. With the ledger away
    /// that is left to the next one who reads them.</summary>
    public async Task LookAgainAsync(OpenDatastore store, IReadOnlyCollection<Digest> suspects, EventMetadata because, Action<string> say)
    {
        try
        {
            await ReadAgainAsync(store, suspects, because, say, CancellationToken.None).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            say($"bad chunks were not recorded: {LedgerAway.Text}");
        }
    }

    /// <summary>Looks at chunks, and records those that are bad.</summary>
    /// <exception cref="LedgerUnavailableException">They are not recorded.</exception>
    public async Task ReadAgainAsync(
        OpenDatastore store, IReadOnlyCollection<Digest> suspects, EventMetadata because, Action<string> say, CancellationToken cancel)
    {
        List<BadChunk> found =
        [
            .. from digest in suspects
               let verdict = store.Bytes.Chunks.Verify(digest)
               where verdict.IsCorrupt || verdict.Fault == ChunkFault.Missing
               select new BadChunk(digest, verdict.Fault, verdict.Why!),
        ];
        if (found.Count > 0)
        {
            await FoundAsync(store, found, because, say, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Records that bad chunks are good again. Their bytes are durable, or were never lost.</summary>
    /// <param name="how"><c>uploaded</c> or <c>verified</c>.</param>
    public async Task HealedAsync(string store, IEnumerable<Digest> digests, string how, EventMetadata because)
    {
        foreach (var digest in digests)
        {
            if (known().In(store).TryGetValue(digest, out var chunk))
            {
                await recorder.NoteAsync(
                    Stream(store), new ChunkHealed(store, digest.ToString(), how, chunk.Snapshots, chunk.SnapshotCount), because).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Records that nobody needs these bad chunks any more.</summary>
    /// <param name="upid">The collection that found so.</param>
    public async Task ForgottenAsync(string store, string upid, IReadOnlyCollection<Digest> digests, EventMetadata because)
    {
        var still = Known(store);
        foreach (var part in digests.Where(still.ContainsKey).Order().Chunk(BadChunksForgotten.DigestsMax))
        {
            await recorder.NoteAsync(
                Stream(store), new BadChunksForgotten(store, upid, [.. part.Select(digest => digest.ToString())]), because).ConfigureAwait(false);
        }
    }

    private async Task RecordAsync(OpenDatastore store, List<BadChunk> fresh, EventMetadata because, CancellationToken cancel)
    {
        // A large store has gigabytes of indexes: not on a thread that others wait for.
        var (uses, unread) = await Task.Factory.StartNew(
            () =>
            {
                var result = IndexSearch.Run(store, snapshots(), [.. fresh.Select(chunk => chunk.Digest)], out var notRead, cancel);
                return (result, notRead);
            },
            cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        foreach (var part in EventBatches.Cut(fresh.Select(chunk => EventOf(store.Name, chunk, uses[chunk.Digest], unread, because))))
        {
            await recorder.DecideAsync(Stream(store.Name), ExpectedVersion.Any, part, Patience, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static NewEvent EventOf(string store, BadChunk chunk, ChunkUse use, long unread, EventMetadata because) =>
        chunk.Fault == ChunkFault.Missing
            ? Event.Of(new ChunkFoundMissing(store, chunk.Digest.ToString(), use.Named, use.Count, unread), because)
            : Event.Of(new ChunkFoundCorrupt(store, chunk.Digest.ToString(), chunk.Why, use.Named, use.Count, unread), because);

    private static List<Digest> SetAside(OpenDatastore store, IEnumerable<BadChunk> corrupt, Action<string> say)
    {
        var notCorrupt = new List<Digest>();
        foreach (var chunk in corrupt)
        {
            try
            {
                if (store.Bytes.Chunks.SetAside(chunk.Digest) is { } name)
                {
                    say($"corrupt chunk renamed to {name}");
                }
                else if (store.Bytes.Chunks.Verify(chunk.Digest).Fault == ChunkFault.None)
                {
                    notCorrupt.Add(chunk.Digest);
                }
            }
            catch (VolumeException fault)
            {
                // It stays known as bad, so nothing is built on it.
                say($"could not rename corrupt chunk {chunk.Digest}: {fault.Message}");
            }
        }

        return notCorrupt;
    }
}
