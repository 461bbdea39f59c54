// Looks at the pools through the agent, every minute and whenever ZFS says that something happened, and records what changed. Chunks that a pool can't read
// any more become known as corrupt, with every snapshot that they hit. Without an agent there is nothing to see, and nothing else suffers.
using System.Collections.Concurrent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Pools;
using Holdfast.Features.Agent;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Pools;

/// <summary>What was seen last.</summary>
/// <param name="AtS">When, epoch seconds; 0 = never.</param>
/// <param name="Problem">Why nothing is known; null = it is.</param>
public sealed record PoolsLook(PoolsSeen Seen, long AtS, string? Problem)
{
    public static readonly PoolsLook Never = new(new([], [], [], null), 0, "the pools have not been looked at yet");
}

/// <summary>The watch.</summary>
public sealed class PoolWatch(
    IAgent agent, Func<PoolsState> told, DatastoreRegistry stores, Func<DatastoresState> datastores, IDatastoreFolders folders, CorruptChunks corrupt,
    Recorder recorder)
{
    /// <summary>How often the pools are looked at if nothing happens.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);

    private const string ChunkFolder = "/.chunks/";
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);
    private readonly SemaphoreSlim turn = new(1);
    private readonly HashSet<string> heldBack = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> letGo = new(StringComparer.Ordinal);
    private volatile PoolsLook last = PoolsLook.Never;

    /// <summary>What was seen last.</summary>
    public PoolsLook Last => agent.IsThere || last != PoolsLook.Never ? last : last with { Problem = NoAgent.UnseenText };

    /// <summary>Names of datastores that lie on a pool.</summary>
    public IReadOnlyList<string> StoresOn(string pool) => StoresIn(MountsOf(last.Seen, pool));

    /// <summary>Names of datastores that lie in one of these folders.</summary>
    public IReadOnlyList<string> StoresIn(IReadOnlyList<string> places) =>
    [
        .. datastores().Stores.Values.Where(store => folders.Absolute(store.Path).TrimEnd('/') is var path
            && places.Any(place => path == place || path.StartsWith(place + "/", StringComparison.Ordinal))).Select(store => store.Name),
    ];

    /// <summary>Was a scrub of this pool seen paused?</summary>
    public bool IsPaused(string pool) => last.Seen.Pools.Any(one => one.Name == pool && one.Scan is { IsRunning: true, IsPaused: true });

    /// <summary>The pool that a disk belongs to, and whether that is resilvering; null = none.</summary>
    public (string Pool, bool IsResilvering)? PoolOf(Disk disk) =>
        last.Seen.Pools.FirstOrDefault(pool => pool.Vdevs.Any(vdev => vdev.IsDisk && IsOn(vdev.Path ?? vdev.Name, disk.Id))) is { } found
            ? (found.Name, found.Scan is { IsRunning: true, Function: "RESILVER" }) : null;

    /// <summary>Does a pool mean this disk? It names one by its link, or by the first partition that it made on it.</summary>
    public static bool IsOn(string part, string disk) => Path.GetFileName(part) is var name && (name == disk || name == disk + "-part1");

    /// <summary>The pool was exported for somebody who asked: that it is gone is no alarm.</summary>
    public void LetGo(string pool) => letGo[pool] = true;

    private static List<string> MountsOf(PoolsSeen seen, string pool) =>
    [
        .. seen.Datasets.Where(dataset => dataset.Name == pool || dataset.Name.StartsWith(pool + "/", StringComparison.Ordinal))
            .Select(dataset => dataset.MountPoint).OfType<string>(),
    ];

    /// <summary>Looks once, and records what changed. With the ledger away nothing is recorded; the next look finds it again.</summary>
    public async Task<PoolsLook> LookAsync(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return last = await SeeAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Follows ZFS's own events until <paramref name="cancel"/>; each asks for a look.</summary>
    public async Task FollowAsync(Action happened, CancellationToken cancel)
    {
        await foreach (var _ in agent.WatchAsync(new WatchPools(), cancel).ConfigureAwait(false))
        {
            happened();
        }
    }

    private async Task<PoolsLook> SeeAsync(CancellationToken cancel)
    {
        var nowS = recorder.Clock.GetUtcNow().ToUnixTimeSeconds();
        PoolsSeen seen;
        try
        {
            seen = await agent.AskForAsync<PoolsSeen>(new ReadPools(), Within, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException)
        {
            return last with { Problem = error.Message };
        }

        if (seen.Problem is { } problem)
        {
            return new PoolsLook(seen, nowS, problem);
        }

        HoldBack(seen);
        try
        {
            await TellAsync(seen, cancel).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException)
        {
            // It is found again when the ledger is back: what is compared with is what was told.
        }

        return new PoolsLook(seen, nowS, null);
    }

    /// <summary>Nobody may begin anything on a pool that has stopped: whoever touches it waits in the kernel, and can't even be ended.</summary>
    private void HoldBack(PoolsSeen seen)
    {
        var waiting = seen.Pools.Where(pool => pool.State == Pool.Suspended).SelectMany(pool => StoresIn(MountsOf(seen, pool.Name)).Select(store =>
            (Store: store, pool.Name))).ToDictionary(one => one.Store, one => one.Name, StringComparer.Ordinal);
        foreach (var (store, pool) in waiting)
        {
            heldBack.Add(store);
            stores.SetAway(store,
                $"pool '{pool}' has stopped, as too many of its disks do not answer; once they do, 'holdfast pool clear {pool}' lets it go on");
        }

        foreach (var back in heldBack.Where(store => !waiting.ContainsKey(store)).ToList())
        {
            heldBack.Remove(back);
            stores.SetAway(back, null);
        }
    }

    private async Task TellAsync(PoolsSeen seen, CancellationToken cancel)
    {
        var before = told();
        foreach (var pool in seen.Pools)
        {
            var known = before.Pools.GetValueOrDefault(pool.Name);
            var chunks = pool.DamagedCount > (known?.DamagedPlaces ?? 0) ? Chunks(pool.DamagedFiles) : [];
            foreach (var (store, found) in chunks)
            {
                await corrupt.NamedAsync(store, found, EventMetadata.System, cancel).ConfigureAwait(false);
            }

            var events = PoolDecider.Decide(known, pool, chunks.Sum(one => one.Found.Count), EventMetadata.System);
            if (events.Count > 0)
            {
                await recorder.DecideAsync("pool:" + pool.Name, ExpectedVersion.Any, events, default, cancel).ConfigureAwait(false);
            }
        }

        foreach (var gone in before.Pools.Values.Where(known => seen.Pools.All(pool => pool.Name != known.Name)))
        {
            await recorder.DecideAsync("pool:" + gone.Name, ExpectedVersion.Any,
                [Event.Of(new PoolGone(gone.Name, gone.Guid, letGo.TryRemove(gone.Name, out _)), EventMetadata.System)], default, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Files of the pool's list that are chunks of open datastores.</summary>
    private List<(OpenDatastore Store, List<BadChunk> Found)> Chunks(IReadOnlyList<string> files)
    {
        var found = new List<(OpenDatastore, List<BadChunk>)>();
        foreach (var store in stores.All())
        {
            if (!datastores().Stores.TryGetValue(store.Name, out var facts))
            {
                continue;
            }

            var folder = folders.Absolute(facts.Path).TrimEnd('/') + ChunkFolder;
            List<BadChunk> chunks =
            [
                .. files.Where(file => file.StartsWith(folder, StringComparison.Ordinal)).Select(file => file[(file.LastIndexOf('/') + 1)..])
                    .Where(name => name.Length == Digest.Size * 2 && Digest.TryParse(name, out _)).Distinct(StringComparer.Ordinal)
                    .Select(name => new BadChunk(Digest.Parse(name), ChunkFault.Unreadable, "its pool can't read it any more")),
            ];
            if (chunks.Count > 0)
            {
                found.Add((store, chunks));
            }
        }

        return found;
    }
}
