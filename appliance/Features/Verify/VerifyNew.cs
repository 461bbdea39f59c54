// The datastore option verify-new: a backup that finished is verified right away, as a task of its own in the background. One task per group at a time: what
// finishes meanwhile is verified by the one that runs.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Wire;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Verify;

/// <summary>Verifies new snapshots where the datastore wants it.</summary>
public sealed class VerifyNew(Func<DatastoresState> datastores, TaskRunner tasks, VerifySnapshots verify, ILogger log)
{
    private readonly Lock gate = new();
    private readonly Dictionary<GroupKey, Queue<long>> waiting = [];

    /// <summary>A backup finished, and its leases are free. Returns at once.</summary>
    public void Finished(GroupKey group, long backupTime, Caller by)
    {
        if (datastores().Stores.GetValueOrDefault(group.Store) is not { VerifyNew: true })
        {
            return;
        }

        lock (gate)
        {
            if (waiting.TryGetValue(group, out var queue))
            {
                queue.Enqueue(backupTime);
                return;
            }

            waiting.Add(group, new Queue<long>([backupTime]));
        }

        _ = StartAsync(group, backupTime, by);
    }

    private async Task StartAsync(GroupKey group, long backupTime, Caller by)
    {
        try
        {
            await tasks.StartAsync(
                "verify", $"{group.Store}:{group}/{backupTime:X8}", by, task => RunAsync(task, group), group.Store, group.Ns).ConfigureAwait(false);
        }
        catch (ApiException refusal)
        {
            log.LogWarning("{Group} is not verified after its backup: {Reason}", group.SnapshotPath(backupTime), refusal.Message);
            lock (gate)
            {
                waiting.Remove(group);
            }
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
            if (waiting[group].TryDequeue(out var time))
            {
                return time;
            }

            waiting.Remove(group);
            return null;
        }
    }
}
