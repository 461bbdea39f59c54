// The datastore option verify-new: a backup that finished is verified right away, as a task of its own in the background. One task per group at a time: what
// finishes meanwhile is verified by the one that runs. A task that can't be started is started later.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Verify;

/// <summary>Verifies new snapshots where the datastore wants it.</summary>
public sealed class VerifyNew(Func<DatastoresState> datastores, TaskRunner tasks, VerifySnapshots verify, ILogger log)
{
    private readonly Lock gate = new();
    private readonly Dictionary<GroupKey, Waiting> waiting = [];

    /// <summary>A backup finished, and its leases are free. Returns at once.</summary>
    public void Finished(GroupKey group, long backupTime, Caller by)
    {
        if (datastores().Stores.GetValueOrDefault(group.Store) is not { VerifyNew: true })
        {
            return;
        }

        lock (gate)
        {
            if (!waiting.TryGetValue(group, out var row))
            {
                waiting.Add(group, row = new Waiting(by));
            }

            row.Times.Enqueue(backupTime);
        }

        TryStart(group);
    }

    /// <summary>After a start: what finished within the last day and was not verified before the appliance stopped. Returns at once.</summary>
    public void Resume(SnapshotsState snapshots, DateTimeOffset now)
    {
        var since = now.AddDays(-1).ToUnixTimeSeconds();
        foreach (var store in datastores().Stores.Values.Where(store => store.VerifyNew))
        {
            foreach (var group in snapshots.InStore(store.Name))
            {
                foreach (var snapshot in group.Snapshots.Values.Where(snapshot => snapshot.ReceivedAt >= since && IsUnverified(snapshot)))
                {
                    Finished(group.Key, snapshot.BackupTime, new Caller(AccessState.Root, ""));
                }
            }
        }
    }

    private static bool IsUnverified(Snapshot snapshot) => !snapshot.Missing && snapshot.LastVerifiedS is null && snapshot.Content.VerifyState is null;

    /// <summary>Starts what could not be started before (the ledger was away, the appliance was about to stop). Returns at once.</summary>
    public void TryAgain()
    {
        List<GroupKey> groups;
        lock (gate)
        {
            groups = [.. waiting.Where(row => !row.Value.IsRunning).Select(row => row.Key)];
        }

        groups.ForEach(TryStart);
    }

    private void TryStart(GroupKey group)
    {
        lock (gate)
        {
            if (waiting.GetValueOrDefault(group) is { IsRunning: false } row)
            {
                row.IsRunning = true;
                _ = StartAsync(group, row);
            }
        }
    }

    private async Task StartAsync(GroupKey group, Waiting row)
    {
        var first = row.Times.Peek();
        try
        {
            await tasks.StartAsync(
                "verify", $"{group.Store}:{group}/{first:X8}", row.By, task => RunAsync(task, group), group.Store, group.Ns).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            // It stays in its row: whatever it was, the snapshot is not to go unverified for ever.
            lock (gate)
            {
                row.IsRunning = false;
                if (row.IsTold)
                {
                    return;
                }

                row.IsTold = true;
            }

            log.LogWarning("{Group} is not verified right after its backup, but later: {Reason}", group.SnapshotPath(first), failure.Message);
        }
    }

    private async Task RunAsync(RunningTask task, GroupKey group)
    {
        task.Say("Automatically verifying newly added snapshot");
        TaskFailedException? failure = null;
        try
        {
            while (Next(group) is { } time)
            {
                try
                {
                    await verify.RunAsync(
                        task, new VerifyScope(group.Store, group.Ns, null, group.BackupType, group.BackupId, time)).ConfigureAwait(false);
                }
                catch (TaskFailedException failed)
                {
                    failure ??= failed; // The others are verified all the same.
                }
            }
        }
        catch
        {
            lock (gate)
            {
                waiting.Remove(group);
            }

            throw;
        }

        if (failure is not null)
        {
            throw failure;
        }
    }

    /// <summary>The next snapshot of the group; when there is none, the group is done.</summary>
    private long? Next(GroupKey group)
    {
        lock (gate)
        {
            if (waiting[group].Times.TryDequeue(out var time))
            {
                return time;
            }

            waiting.Remove(group);
            return null;
        }
    }

    /// <summary>Snapshots of a group that are to be verified.</summary>
    /// <param name="By">Who made the first of them.</param>
    private sealed record Waiting(Caller By)
    {
        public Queue<long> Times { get; } = [];

        public bool IsRunning { get; set; }

        /// <summary>That it has to wait stands in the log.</summary>
        public bool IsTold { get; set; }
    }
}
