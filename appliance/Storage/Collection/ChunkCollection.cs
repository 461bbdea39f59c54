// Garbage collection of a datastore: removes the chunks that no index names and no running session relies on. Safe beside backups, restores, prunes and moves
// on any file system, whatever clock or access times say; docs/garbage-collection.md has the argument. Its cost follows what changed since the last one.
namespace Holdfast.Storage;

/// <summary>One collection. Run it once.</summary>
public sealed class ChunkCollection(Datastore store, CollectionOptions options)
{
    private const int FullSlotShare = 7; // of eight slots

    private readonly IndexMarking marking = new(store.Volume, options.Threads);
    private int batches;
    private int shownPercent = -1;
    private bool sawMoves;
    private IDisposable? bases;
    private GarbageBatch foreseen = new(0, 0, 0, 0, 0);

    /// <summary>Marks, sweeps, removes.</summary>
    /// <param name="decide">Told of every batch of garbage before it is removed: it throws, and nothing of it is. A forecast decides nothing.</param>
    /// <exception cref="RefusedException">One runs already.</exception>
    /// <exception cref="StorageException">An index that can't be read, a disk that fails: nothing was removed that could be needed.</exception>
    public async Task<CollectionReport> RunAsync(Func<GarbageBatch, Task> decide, CancellationToken cancel)
    {
        using var turn = store.BeginCollection();
        if (!options.IsForecast)
        {
            store.Chunks.EmptyTrash();
        }

        try
        {
            // The cut. What is relied on from here on is held until the end; what was relied on before is in an index, or held by who relies on it.
            bases = options.HoldBases?.Invoke();
            store.Chunks.Holders.BeginCollection();
            store.Moves.BeginSearch();
            if (options.IsForecast)
            {
                return await FullAsync(IndexFiles.Find(store.Volume, "", cancel), decide, cancel).ConfigureAwait(false);
            }

            var added = store.Chunks.Usage.Cut();
            var last = store.LastCollection;
            store.LastCollection = null;
            var files = IndexFiles.Find(store.Volume, "", cancel);
            var fresh = last is null || added is null || last.TrustedRuns >= options.TrustedRunsMax ? null : last.NewAmong(files);
            if (fresh is not null && await TryGrownAsync(last!, files, fresh, added!, decide, cancel).ConfigureAwait(false) is { } report)
            {
                return report;
            }

            if (sawMoves)
            {
                store.Moves.BeginSearch();
                files = IndexFiles.Find(store.Volume, "", cancel);
            }

            return await FullAsync(files, decide, cancel).ConfigureAwait(false);
        }
        finally
        {
            bases?.Dispose();
            store.Moves.EndSearch();
            store.Chunks.Holders.EndCollection();
        }
    }

    /// <summary>No index has gone: garbage can only be among the chunks that are new. Null if the marks of the new indexes do not fit.</summary>
    private async Task<CollectionReport?> TryGrownAsync(
        LastCollection last, List<IndexFile> files, List<IndexFile> fresh, List<Digest> added, Func<GarbageBatch, Task> decide,
        CancellationToken cancel)
    {
        var entries = fresh.Sum(file => file.SizeBytes / Digest.Size);
        if (SlotsFor(entries) is not { } slots)
        {
            return null;
        }

        var marks = new FingerprintMarks(slots);
        if (fresh.Count > 0)
        {
            Start(1, "mark used chunks");
            if (!await MarkAllAsync(fresh, marks, PrefixRange.All, cancel).ConfigureAwait(false))
            {
                return null;
            }
        }

        foreach (var known in last.Files.Values)
        {
            marking.Know(known);
        }

        WarnOfPlaces(fresh);
        Start(2, fresh.Count + added.Count == 0 ? "nothing has changed" : "sweep unused chunks among the new ones");
        var named = added.Count(digest => marks.Contains(digest));
        var rest = added.Where(digest => !marks.Contains(digest)).ToHashSet();
        if (rest.Count > 0)
        {
            // An older index may name a chunk that was missing when it was last looked at.
            await UnnameAsync(rest, last.Files.Values.Select(known => known.File).ToList(), cancel).ConfigureAwait(false);
        }

        sawMoves |= store.Moves.Take().Count > 0;
        if (sawMoves)
        {
            return null; // Where the old indexes are now is known to a search for all of them only.
        }

        ReleaseBases();
        var removal = new GarbageRemoval(store, options, [.. files]);
        var (garbage, pending, pendingBytes) = Judge(rest);
        foreach (var batch in garbage.Chunk(options.BatchMax))
        {
            await RemoveAsync(removal, [.. batch], decide, cancel).ConfigureAwait(false);
        }

        var kind = fresh.Count + added.Count == 0 ? CollectionKind.Unchanged : CollectionKind.Grown;
        return removal.AddTo(Report(
            kind, new LastCollection(marking.Facts, last.Referenced + named, last.StillBad, last.MissingChunks, last.TrustedRuns + 1), pending, pendingBytes));
    }

    private async Task<CollectionReport> FullAsync(List<IndexFile> files, Func<GarbageBatch, Task> decide, CancellationToken cancel)
    {
        WarnOfPlaces(files);
        var prefixes = ExistingPrefixes();
        var estimate = Estimate(prefixes);
        var sweep = new ChunkSweep(store, options, prefixes, ToMeasure(prefixes, estimate));
        var removal = new GarbageRemoval(store, options, [.. files]);
        var (referenced, missing, unnamed) = (0L, 0L, new List<Digest>());
        var ranges = Ranges(estimate);
        for (var i = 0; i < ranges.Count; i++)
        {
            Start(1, ranges.Count == 1 ? "mark used chunks" : $"mark used chunks, part {i + 1} of {ranges.Count}");
            var marks = await MarkAsync(files, ranges[i], estimate, cancel).ConfigureAwait(false);
            if (i == ranges.Count - 1)
            {
                ReleaseBases();
            }

            unnamed.AddRange(options.Watched.Where(digest => ranges[i].Contains(digest.Prefix) && !marks.Contains(digest)));
            Start(2, "sweep unused chunks");
            while (await sweep.FindAsync(marks, ranges[i], cancel).ConfigureAwait(false) is { Count: > 0 } garbage)
            {
                await RemoveAsync(removal, garbage, decide, cancel).ConfigureAwait(false);
            }

            if (marks is FingerprintMarks exact)
            {
                referenced += exact.Count;
                missing += WarnOfMissing(exact, ranges[i], files, cancel);
            }
        }

        var disk = store.Chunks.Usage.Total().Chunks - sweep.PendingChunks;
        var last = new LastCollection(marking.Facts, referenced > 0 ? referenced : disk, sweep.StillBad, missing, 0);
        var report = Report(CollectionKind.Full, last, sweep.PendingChunks, sweep.PendingBytes);
        return options.IsForecast ? Foreseen(report) : removal.AddTo(report) with
        {
            Unneeded = [.. unnamed.Where(digest => !store.Chunks.Holders.IsHeld(digest) && !store.Chunks.TryGetSize(digest, out _))],
        };
    }

    private CollectionReport Foreseen(CollectionReport report) => report with
    {
        RemovedChunks = foreseen.Chunks, RemovedBytes = foreseen.SizeBytes, RemovedBad = foreseen.BadChunks, RemovedLeftovers = foreseen.Leftovers,
    };

    private async Task RemoveAsync(GarbageRemoval removal, List<Garbage> garbage, Func<GarbageBatch, Task> decide, CancellationToken cancel)
    {
        var bad = garbage.Count(one => one.IsBad);
        var leftovers = garbage.Count(one => one.FileName is not null) - bad;
        var batch = new GarbageBatch(++batches, garbage.Count - bad - leftovers, bad, leftovers, garbage.Sum(one => one.SizeBytes));
        if (options.IsForecast)
        {
            foreseen = new(batches, foreseen.Chunks + batch.Chunks, foreseen.BadChunks + bad, foreseen.Leftovers + leftovers,
                foreseen.SizeBytes + batch.SizeBytes);
            return;
        }

        await decide(batch).ConfigureAwait(false);
        await removal.RemoveAsync(garbage, cancel).ConfigureAwait(false);
    }

    private CollectionReport Report(CollectionKind kind, LastCollection last, long pending, long pendingBytes)
    {
        if (!options.IsForecast)
        {
            store.LastCollection = last;
        }

        var (chunks, bytes, measured) = store.Chunks.Usage.Total();
        return new CollectionReport
        {
            Kind = kind,
            IndexFiles = last.Files.Count,
            IndexDataBytes = last.Files.Values.Sum(file => file.DataBytes),
            References = last.Files.Values.Sum(file => file.References),
            ReferencedChunks = last.Referenced,
            DiskChunks = Math.Max(0, chunks - pending),
            DiskBytes = Math.Max(0, bytes - pendingBytes),
            MeasuredChunks = measured,
            IsDiskBytesExact = measured == chunks,
            PendingChunks = pending,
            PendingBytes = pendingBytes,
            StillBad = last.StillBad,
            MissingChunks = last.MissingChunks,
        };
    }

    /// <summary>Marks all that the files name in the range, and what is in folders that were moved meanwhile.</summary>
    private async Task<ChunkMarks> MarkAsync(List<IndexFile> files, PrefixRange range, long estimate, CancellationToken cancel)
    {
        var entries = files.Sum(file => file.SizeBytes / Digest.Size);
        var slots = SlotsFor(Math.Min(entries, estimate + (estimate / 8)));
        while (true)
        {
            ChunkMarks marks = slots is { } count ? new FingerprintMarks(count) : new BloomMarks(options.MarkBytesMax);
            if (await MarkAllAsync(files, marks, range, cancel).ConfigureAwait(false))
            {
                return marks;
            }

            // More chunks are named than are there: twice the room, or the filter that is never full.
            slots = slots is { } before && before * 16L <= options.MarkBytesMax ? before * 2 : null;
        }
    }

    private async Task<bool> MarkAllAsync(List<IndexFile> files, ChunkMarks marks, PrefixRange range, CancellationToken cancel)
    {
        shownPercent = -1;
        for (var part = files; part.Count > 0;)
        {
            if (!await marking.TryMarkAsync(part, marks, range, done => Progress(done, files.Count), cancel).ConfigureAwait(false))
            {
                return false;
            }

            part = [];
            foreach (var folder in store.Moves.Take())
            {
                sawMoves = true;
                part.AddRange(IndexFiles.Find(store.Volume, folder, cancel));
            }

            // Every later part of the marks needs them too; to the marks it is all the same which of the two places a file was read in.
            if (part.Count > 0)
            {
                files.AddRange(part);
            }
        }

        return true;
    }

    /// <summary>Takes from the set what these indexes name.</summary>
    private Task UnnameAsync(HashSet<Digest> rest, List<IndexFile> files, CancellationToken cancel)
    {
        var (next, asked) = (-1, new HashSet<Digest>(rest));
        return OnThreads.RunAsync(Math.Min(options.Threads, files.Count), token =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < files.Count;)
            {
                token.ThrowIfCancellationRequested();
                marking.Read(files[i], (entries, entryBytes, digestOffset) =>
                {
                    for (var at = digestOffset; at < entries.Length; at += entryBytes)
                    {
                        var digest = new Digest(entries.Slice(at, Digest.Size));
                        if (asked.Contains(digest))
                        {
                            lock (rest)
                            {
                                rest.Remove(digest);
                            }
                        }
                    }
                });
            }
        }, cancel);
    }

    private (List<Garbage> Garbage, long Pending, long PendingBytes) Judge(HashSet<Digest> rest)
    {
        var (garbage, pending, pendingBytes) = (new List<Garbage>(), 0L, 0L);
        foreach (var digest in rest)
        {
            if (!store.Chunks.TryGetSize(digest, out var size))
            {
                continue;
            }

            if (store.Chunks.Holders.IsHeld(digest))
            {
                pending++;
                pendingBytes += size;
                store.Chunks.Usage.Remember(digest);
            }
            else
            {
                garbage.Add(new Garbage(digest, size, 0, null));
            }
        }

        return (garbage, pending, pendingBytes);
    }

    private long WarnOfMissing(FingerprintMarks marks, PrefixRange range, List<IndexFile> files, CancellationToken cancel)
    {
        const int namedMax = 100;
        if (marks.CountUnseen() == 0)
        {
            return 0;
        }

        var missing = new HashSet<Digest>();
        foreach (var file in files)
        {
            cancel.ThrowIfCancellationRequested();
            marking.Read(file, (entries, entryBytes, digestOffset) =>
            {
                for (var at = digestOffset; at < entries.Length; at += entryBytes)
                {
                    var digest = new Digest(entries.Slice(at, Digest.Size));
                    if (range.Contains(digest.Prefix) && marks.IsUnseen(digest) == true && missing.Count < ChunkUsage.NewChunksMax
                        && !store.Chunks.TryGetSize(digest, out _) && missing.Add(digest) && missing.Count <= namedMax)
                    {
                        options.Warn($"unable to access non-existent chunk {digest}, required by {file.Path}");
                    }
                }
            });
        }

        return missing.Count;
    }

    private void WarnOfPlaces(List<IndexFile> files)
    {
        foreach (var file in files.Where(file => !file.IsInPlace).Take(100))
        {
            options.Warn($"index file in an unexpected place, what it names is kept: {file.Path}");
        }
    }

    private int[] ExistingPrefixes()
    {
        var exists = new bool[65536];
        store.Volume.ForEachName(ChunkStore.Folder, (name, kind) =>
        {
            Span<byte> bytes = stackalloc byte[2];
            if (kind == EntryKind.Folder && name.Length == 4 && !name.ContainsAnyInRange((byte)'A', (byte)'F')
                && Convert.FromHexString(name, bytes, out _, out _) == System.Buffers.OperationStatus.Done)
            {
                exists[(bytes[0] << 8) | bytes[1]] = true;
            }
        });
        var prefixes = new List<int>();
        for (var prefix = 0; prefix < exists.Length; prefix++)
        {
            if (exists[prefix])
            {
                prefixes.Add(prefix);
            }
        }

        return [.. prefixes];
    }

    /// <summary>About how many chunks there are: from the names in some folders, spread evenly.</summary>
    private long Estimate(int[] prefixes)
    {
        const int sample = 64;
        var (step, looked, names) = (Math.Max(1, prefixes.Length / sample), 0, 0L);
        for (var i = 0; i < prefixes.Length; i += step, looked++)
        {
            store.Volume.ForEachName(ChunkStore.FolderOf(prefixes[i]), (_, _) => names++);
        }

        return looked == 0 ? 0 : (names * prefixes.Length / looked) + 1;
    }

    /// <summary>The folders whose chunks are measured in this run: all of a small store; of a large one some of those not known yet.</summary>
    private bool[] ToMeasure(int[] prefixes, long estimate)
    {
        var unknown = prefixes.Where(store.Chunks.Usage.IsUnmeasured).ToList();
        var folders = (long)options.MeasureMax * prefixes.Length / Math.Max(1, estimate);
        var chosen = unknown.Take((int)Math.Min(int.MaxValue, folders)).ToHashSet();
        return [.. prefixes.Select(chosen.Contains)];
    }

    /// <summary>One range if the marks of all chunks fit, at eight bits each; else as many as needed.</summary>
    private List<PrefixRange> Ranges(long estimate)
    {
        var parts = (int)Math.Clamp((estimate * ChunkMarks.BitsPerChunkMin / 8 / options.MarkBytesMax) + 1, 1, 65536);
        return [.. Enumerable.Range(0, parts).Select(i => new PrefixRange((int)(65536L * i / parts), (int)(65536L * (i + 1) / parts)))];
    }

    /// <summary>A table with room for so many chunks, null if that needs too much memory.</summary>
    private int? SlotsFor(long chunks)
    {
        var slots = (long)FingerprintMarks.SlotsMin;
        while (slots * FullSlotShare / 8 <= chunks)
        {
            slots *= 2;
        }

        return slots * 8 <= options.MarkBytesMax && slots <= 1 << 30 ? (int)slots : null;
    }

    private void ReleaseBases()
    {
        store.Moves.EndSearch();
        bases?.Dispose();
        bases = null;
    }

    private void Start(int phase, string what) => options.Say($"Start GC phase{phase} ({what})");

    private void Progress(int done, int of)
    {
        var percent = done * 100 / of;
        if (percent > Volatile.Read(ref shownPercent) && Interlocked.Exchange(ref shownPercent, percent) < percent)
        {
            options.Say($"marked {percent}% ({done} of {of} index files)");
        }
    }
}
