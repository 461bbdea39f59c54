// Removes garbage in two steps: every chunk is moved into the trash folder under its own lock, then the store is searched once more for indexes that were not
// there before, and what they name goes back; only then is the rest unlinked. Without space for a second name the first step is left out.
namespace Holdfast.Storage;

/// <summary>Takes batches of garbage away.</summary>
/// <param name="known">Index files whose chunks are marked.</param>
internal sealed class GarbageRemoval(Datastore store, CollectionOptions options, HashSet<IndexFile> known)
{
    private const int Claim = 64;

    private bool isDurable;
    private long removedChunks;
    private long removedBytes;
    private long removedBad;
    private long removedLeftovers;
    private long putBack;

    private enum Step : byte
    {
        None,
        Aside,
        Left,
    }

    public CollectionReport AddTo(CollectionReport report) => report with
    {
        RemovedChunks = removedChunks, RemovedBytes = removedBytes, RemovedBad = removedBad, RemovedLeftovers = removedLeftovers, PutBack = putBack,
    };

    /// <summary>Removes a batch. Cancelled or failed, it puts back what is not removed yet.</summary>
    public async Task RemoveAsync(List<Garbage> batch, CancellationToken cancel)
    {
        if (!isDurable)
        {
            // What was forgotten must stay forgotten over a power cut before its chunks go.
            store.MakeDurable();
            isDurable = true;
        }

        batch.Sort(static (a, b) => a.Inode.CompareTo(b.Inode));
        var steps = new Step[batch.Count];
        try
        {
            if (store.Space().AvailableBytes >= options.SetAsideAboveBytes)
            {
                await SetAsideAsync(batch, steps, cancel).ConfigureAwait(false);
            }
            else
            {
                options.Say("little space is left: garbage is removed without being set aside first");
                for (var i = 0; i < batch.Count; i++)
                {
                    steps[i] = batch[i].FileName is null ? Step.Left : Step.None;
                }
            }

            var wanted = FindWanted(batch, cancel);
            await ForEachAsync(batch.Count, i => Finish(batch[i], ref steps[i], wanted), cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is StorageException or OperationCanceledException)
        {
            PutAllBack(batch, steps);
            throw;
        }

        store.Chunks.RemoveTrashFolder();
    }

    private Task SetAsideAsync(List<Garbage> batch, Step[] steps, CancellationToken cancel)
    {
        var isFull = !TryMakeTrash();
        return ForEachAsync(batch.Count, i =>
        {
            if (batch[i].FileName is not null)
            {
                return;
            }

            if (Volatile.Read(ref isFull))
            {
                steps[i] = Step.Left;
                return;
            }

            try
            {
                if (store.Chunks.TrySetAside(batch[i].Digest, batch[i].SizeBytes))
                {
                    steps[i] = Step.Aside;
                }
            }
            catch (VolumeException fault) when (fault.Error == VolumeError.NoSpace)
            {
                Volatile.Write(ref isFull, true);
                steps[i] = Step.Left;
            }
        }, cancel);
    }

    private bool TryMakeTrash()
    {
        try
        {
            store.Chunks.MakeTrashFolder();
            return true;
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NoSpace)
        {
            return false;
        }
    }

    /// <summary>Chunks of the batch that an index names which was not there when the marks were made.</summary>
    private HashSet<Digest> FindWanted(List<Garbage> batch, CancellationToken cancel)
    {
        var wanted = new HashSet<Digest>();
        var fresh = IndexFiles.Find(store.Volume, "", cancel).FindAll(file => !known.Contains(file));
        if (fresh.Count == 0)
        {
            return wanted;
        }

        var ours = batch.Select(one => one.Digest).ToHashSet();
        var reading = new IndexMarking(store.Volume, 1);
        foreach (var file in fresh)
        {
            reading.Read(file, (entries, entryBytes, digestOffset) =>
            {
                for (var at = digestOffset; at < entries.Length; at += entryBytes)
                {
                    var digest = new Digest(entries.Slice(at, Digest.Size));
                    if (ours.Contains(digest))
                    {
                        wanted.Add(digest);
                    }
                }
            });
        }

        return wanted;
    }

    private void Finish(in Garbage one, ref Step step, HashSet<Digest> wanted)
    {
        if (one.FileName is { } name)
        {
            if (!wanted.Contains(one.Digest) && store.Chunks.TryRemoveBeside(one.Digest, name))
            {
                Interlocked.Increment(ref one.IsBad ? ref removedBad : ref removedLeftovers);
                Interlocked.Add(ref removedBytes, one.SizeBytes);
            }

            return;
        }

        if (wanted.Contains(one.Digest))
        {
            if (step == Step.Aside)
            {
                store.Chunks.PutBack(one.Digest, one.SizeBytes);
                Interlocked.Increment(ref putBack);
            }
        }
        else if (step == Step.Aside)
        {
            store.Chunks.RemoveAside(one.Digest);
            Count(one);
        }
        else if (step == Step.Left && store.Chunks.TryRemove(one.Digest, one.SizeBytes))
        {
            Count(one);
        }

        step = Step.None;
    }

    private void Count(in Garbage one)
    {
        Interlocked.Increment(ref removedChunks);
        Interlocked.Add(ref removedBytes, one.SizeBytes);
    }

    private void PutAllBack(List<Garbage> batch, Step[] steps)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            if (steps[i] != Step.Aside)
            {
                continue;
            }

            try
            {
                store.Chunks.PutBack(batch[i].Digest, batch[i].SizeBytes);
            }
            catch (StorageException)
            {
                continue; // What stays in the trash is put back by the next collection, or the next opening of the store.
            }
        }
    }

    private Task ForEachAsync(int count, Action<int> act, CancellationToken cancel)
    {
        var next = 0;
        return OnThreads.RunAsync(count < Claim * 4 ? 1 : options.Threads, token =>
        {
            for (int first; (first = Interlocked.Add(ref next, Claim) - Claim) < count;)
            {
                token.ThrowIfCancellationRequested();
                for (var i = first; i < Math.Min(first + Claim, count); i++)
                {
                    act(i);
                }
            }
        }, cancel);
    }
}
