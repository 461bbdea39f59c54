// What takes its time with pools, as tasks that people can follow: making one (with a datastore in it), replacing a disk until the pool is whole again, a
// scrub to its end. An aborted task stops waiting; what ZFS was told to do goes on, and the log says so.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Pools;
using Holdfast.Features.Agent;
using Holdfast.Features.Datastores;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;

namespace Holdfast.Features.Pools;

/// <summary>The work of those tasks.</summary>
/// <param name="createStore">Makes a datastore of a name in a folder, as part of a task.</param>
/// <param name="careFor">Makes the jobs that a new pool gets; says which.</param>
public sealed class PoolTasks(
    AgentActs acts, PoolWatch watch, Func<RunningTask, string, string, Task> createStore, Func<string, EventMetadata, Task<IReadOnlyList<string>>> careFor,
    TimeProvider clock)
{
    /// <summary>Where datasets of datastores are mounted (drivers/Zfs, <c>PoolPlaces</c>).</summary>
    public const string MountRoot = "/mnt/datastore/";

    /// <summary>So long in all a scrub is paused for backups; a box that always backs up is scrubbed all the same.</summary>
    public static readonly TimeSpan PausedMax = TimeSpan.FromHours(12);

    private static readonly TimeSpan Within = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);

    /// <summary>Makes a pool, and a datastore of the same name in it if that is wanted.</summary>
    public async Task CreateAsync(RunningTask task, CreatePool wish, bool withDatastore)
    {
        task.Say($"making pool '{wish.Name}': {wish.Layout} of {wish.Disks.Count} disks ({string.Join(", ", wish.Disks)})");
        await DoAsync(task, wish).ConfigureAwait(false);
        if ((await watch.LookAsync(task.AbortToken).ConfigureAwait(false)).Seen.Pools.FirstOrDefault(pool => pool.Name == wish.Name) is { } made)
        {
            task.Say($"pool '{made.Name}' is {made.State}, {made.SizeBytes >> 30} GiB");
        }

        foreach (var job in await careFor(wish.Name, task.Metadata).ConfigureAwait(false))
        {
            task.Say($"made {job}");
        }

        if (withDatastore)
        {
            await CreateDatastoreAsync(task, wish.Name, wish.Name, 0).ConfigureAwait(false);
        }
    }

    /// <summary>Makes a dataset for a datastore, and the datastore in it.</summary>
    public async Task CreateDatastoreAsync(RunningTask task, string pool, string store, long quotaBytes)
    {
        await DoAsync(task, new CreatePoolDataset($"{pool}/{store}", quotaBytes)).ConfigureAwait(false);
        task.Say($"dataset '{pool}/{store}' is mounted at {MountRoot}{store}");
        await createStore(task, store, MountRoot + store).ConfigureAwait(false);
    }

    /// <summary>Replaces a disk: lights its place, tells ZFS, follows the resilver to its end, and says whether the pool is whole.</summary>
    public async Task ReplaceAsync(RunningTask task, string pool, string vdev, string? disk)
    {
        var before = Find((await LookAsync(task).ConfigureAwait(false)).Seen, pool);
        var old = before.Vdevs.FirstOrDefault(one => one.IsDisk && (one.Guid == vdev || one.Name == vdev || one.Path == vdev))
            ?? throw new TaskFailedException($"no disk '{vdev}' in pool '{pool}'");
        task.Say($"replacing {old.Path ?? old.Name} ({old.State}) of pool '{pool}' by {disk ?? "the disk that is in its place now"}");
        await LightAsync(task, disk, "locate").ConfigureAwait(false);
        try
        {
            await DoAsync(task, new ReplacePoolDisk(pool, old.Guid.Length > 0 ? old.Guid : old.Name, disk)).ConfigureAwait(false);
            await FollowAsync(task, pool, "RESILVER", before.Scan?.EndedAt ?? 0).ConfigureAwait(false);
        }
        finally
        {
            await LightAsync(task, disk, "off").ConfigureAwait(false);
        }

        var after = Find((await LookAsync(task).ConfigureAwait(false)).Seen, pool);
        if (after.Vdevs.Any(one => one.IsDisk && one.Guid == old.Guid && one.Guid.Length > 0 && one.Parent is not null
            && one.Parent.StartsWith("replacing", StringComparison.Ordinal)))
        {
            throw new TaskFailedException($"the resilver ended, but {old.Name} is still part of the pool: its replacement did not get all the data");
        }

        task.Say($"pool '{pool}' is {after.State}");
        if (after.State != "ONLINE")
        {
            var ill = after.Vdevs.Where(one => one.IsDisk && !one.IsWell).Select(one => $"{one.Name} is {one.State}");
            task.Warn($"pool '{pool}' is not whole: {string.Join(", ", ill)}");
        }
    }

    /// <summary>Starts a scrub (or goes on with a paused one) and follows it to its end. A resilver, which reads everything too, is waited for.</summary>
    /// <param name="yields">Whether it is to be paused now; null = never. After <see cref="PausedMax"/> in all it is not any more.</param>
    public async Task ScrubAsync(RunningTask task, string pool, Func<bool>? yields = null)
    {
        var before = Find((await LookAsync(task).ConfigureAwait(false)).Seen, pool);
        if (before.Scan is { IsRunning: true, Function: "RESILVER" })
        {
            task.Say($"pool '{pool}' is resilvering: it is scrubbed when that is done");
            while (before.Scan is { IsRunning: true, Function: "RESILVER" })
            {
                await Task.Delay(Between, clock, task.AbortToken).ConfigureAwait(false);
                before = Find((await LookAsync(task).ConfigureAwait(false)).Seen, pool);
            }
        }

        if (before.Scan is not { IsRunning: true, IsPaused: false })
        {
            await DoAsync(task, new ScrubPool(pool, "start")).ConfigureAwait(false);
        }

        var paused = yields is null ? null : new Pauses(yields);
        Pool ended;
        try
        {
            ended = await FollowAsync(task, pool, "SCRUB", before.Scan?.EndedAt ?? 0, paused).ConfigureAwait(false);
        }
        catch when (paused is { IsOurs: true })
        {
            await ResumeAsync(task, pool).ConfigureAwait(false);
            throw;
        }

        if (ended.Scan is { State: "CANCELED" })
        {
            throw new TaskFailedException("the scrub was stopped");
        }

        task.Say($"scrub repaired {ended.Scan?.RepairedBytes ?? 0} bytes, {ended.Scan?.Errors ?? 0} errors");
        if (ended.Scan is { Errors: > 0 } scan)
        {
            task.Warn($"{scan.Errors} blocks could not be mended: see the alarms for what they hit");
        }
    }

    private async Task<Pool> FollowAsync(RunningTask task, string pool, string function, long endedBefore, Pauses? paused = null)
    {
        for (var shown = -1; ;)
        {
            var now = Find((await LookAsync(task).ConfigureAwait(false)).Seen, pool);
            if (now.Scan is { IsRunning: true } scan)
            {
                if (paused is not null)
                {
                    await YieldAsync(task, pool, scan, paused.Yields() && paused.Total < PausedMax, paused).ConfigureAwait(false);
                }

                if (scan.Percent > shown)
                {
                    shown = scan.Percent;
                    task.Say($"{scan.Function.ToLowerInvariant()}{(scan.IsPaused ? " (paused)" : "")}: {scan.Percent} %");
                }
            }
            else if (now.Scan is { } ended && ended.Function == function && ended.EndedAt > endedBefore)
            {
                return now;
            }

            try
            {
                await Task.Delay(Between, clock, task.AbortToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                task.Say($"no longer followed: the {function.ToLowerInvariant()} goes on by itself");
                throw;
            }
        }
    }

    private async Task YieldAsync(RunningTask task, string pool, PoolScan scan, bool waits, Pauses paused)
    {
        paused.Total += paused.IsOurs ? clock.GetElapsedTime(paused.LookedAt) : TimeSpan.Zero;
        paused.LookedAt = clock.GetTimestamp();
        if (waits && !scan.IsPaused)
        {
            await DoAsync(task, new ScrubPool(pool, "pause")).ConfigureAwait(false);
            paused.IsOurs = true;
            task.Say("paused: backups run, or are usual at this hour");
        }
        else if (!waits && scan.IsPaused && paused.IsOurs)
        {
            await DoAsync(task, new ScrubPool(pool, "start")).ConfigureAwait(false);
            paused.IsOurs = false;
            task.Say("going on");
        }
    }

    /// <summary>Nobody would end a pause of a task that is no more.</summary>
    private async Task ResumeAsync(RunningTask task, string pool)
    {
        try
        {
            await acts.DoAsync<AgentDone>(new ScrubPool(pool, "start"), task.Metadata, TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException or LedgerUnavailableException)
        {
            task.Say($"the scrub stays paused: {error.Message}; 'holdfast pool scrub {pool}' goes on with it");
        }
    }

    /// <summary>What this task did about pausing; a pause that somebody else made is his to end.</summary>
    private sealed class Pauses(Func<bool> yields)
    {
        public Func<bool> Yields => yields;

        public bool IsOurs { get; set; }

        public TimeSpan Total { get; set; }

        public long LookedAt { get; set; }
    }

    private async Task<PoolsLook> LookAsync(RunningTask task)
    {
        var look = await watch.LookAsync(task.AbortToken).ConfigureAwait(false);
        return look.Problem is null ? look : throw new TaskFailedException(look.Problem);
    }

    private static Pool Find(PoolsSeen seen, string name) =>
        seen.Pools.FirstOrDefault(pool => pool.Name == name) ?? throw new TaskFailedException($"no pool '{name}'");

    private async Task DoAsync(RunningTask task, AgentAct act)
    {
        try
        {
            await acts.DoAsync<AgentDone>(act, task.Metadata, Within, task.AbortToken).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException)
        {
            throw new TaskFailedException(error.Message);
        }
    }

    /// <summary>Lights are a help, not a condition.</summary>
    private async Task LightAsync(RunningTask task, string? disk, string light)
    {
        if (disk is null)
        {
            return;
        }

        try
        {
            await acts.DoAsync<AgentDone>(new LightDisk(disk, light), task.Metadata, TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException or Ledger.LedgerUnavailableException)
        {
            if (light == "locate")
            {
                task.Say($"its place is not lit: {error.Message}");
            }
        }
    }
}
