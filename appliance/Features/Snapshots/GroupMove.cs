// Moves a group to another namespace of its datastore (PBS 4.2): both groups and all snapshots leased, one event that says so, then renames. Nothing is copied,
// and at no moment a snapshot is in both places or in none.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>What came of a move.</summary>
public abstract record MoveOutcome
{
    public sealed record Moved : MoveOutcome;

    /// <summary>Somebody works on it: trying again later may succeed.</summary>
    public sealed record Busy(string Why) : MoveOutcome;

    /// <summary>It can't be moved like that.</summary>
    public sealed record Refused(string Why) : MoveOutcome;
}

/// <summary>Moves groups.</summary>
public sealed class GroupMove(GroupCalls calls, Leases leases, Recorder recorder, Reconciliation reconciliation)
{
    /// <summary>PBS's text where the group can't go there; null where it can, as far as the ledger knows now.</summary>
    public string? Refuse(GroupKey key, string targetNs, bool merge)
    {
        if (key.Ns == targetNs)
        {
            return "source and target namespace must be different";
        }

        if (!calls.Datastores.Stores.TryGetValue(key.Store, out var facts) || !facts.HasNamespace(targetNs))
        {
            return $"target namespace '{targetNs}' does not exist";
        }

        if (calls.Snapshots.Find(key) is not { IsEmpty: false })
        {
            return $"group '{key}' does not exist in namespace '{key.Ns}'";
        }

        return calls.Snapshots.Find(key with { Ns = targetNs }) is { IsEmpty: false } && !merge
            ? $"group '{key}' already exists in target namespace '{targetNs}' and merge-group is disabled"
            : null;
    }

    /// <summary>Moves, and says what it does into the task's log.</summary>
    /// <exception cref="StorageException">The disk failed after the decision: the next start finishes the move.</exception>
    /// <exception cref="LedgerUnavailableException">Nothing was moved.</exception>
    public async Task<MoveOutcome> RunAsync(RunningTask task, OpenDatastore store, GroupKey key, string targetNs, bool merge)
    {
        var target = key with { Ns = targetNs };
        List<IDisposable> held = [];
        try
        {
            if (Hold(held, leases.TryGroup(key)) is false)
            {
                return new MoveOutcome.Busy($"unable to acquire lock on backup group '{key}' in '{key.Ns}'");
            }

            if (Refuse(key, targetNs, merge) is { } refusal)
            {
                return new MoveOutcome.Refused(refusal);
            }

            if (Hold(held, leases.TryGroup(target)) is false || store.Doubtful.Contains(key) || store.Doubtful.Contains(target))
            {
                return new MoveOutcome.Busy($"unable to acquire lock on backup group '{key}' in '{targetNs}'");
            }

            if (!await ClearedAsync(store, key).ConfigureAwait(false) || !await ClearedAsync(store, target).ConfigureAwait(false))
            {
                return new MoveOutcome.Busy($"unable to move group '{key}' - what an aborted backup left can't be removed now");
            }

            if (Refuse(key, targetNs, merge) is { } refusedNow)
            {
                return new MoveOutcome.Refused(refusedNow);
            }

            var group = calls.Snapshots.Find(key)!;
            var into = calls.Snapshots.Find(target) is { IsEmpty: false } present ? present : null;
            if (new[] { group, calls.Snapshots.Find(target) }.FirstOrDefault(one => one is { Leaving.Count: > 0 }) is { } leaving)
            {
                // Renamed, a snapshot that is on its way out would come up as nobody's; and one that comes to where another of its time is still to be
                // removed would be removed in its place.
                return new MoveOutcome.Busy($"unable to move group '{key}' - forgotten snapshots of it in '{leaving.Key.Ns}' are still being removed");
            }

            task.Say($"{(into is null ? "moving" : "merging")} group '{key}' from '{key.Ns}' to '{targetNs}'");
            if (into is not null && RefuseMerge(task, group, into) is { } conflict)
            {
                return new MoveOutcome.Refused(conflict);
            }

            foreach (var time in group.Snapshots.Keys.Concat(group.Unfinished.Keys))
            {
                if (!Hold(held, leases.TryOwn(key, time)) || !Hold(held, leases.TryOwn(target, time)))
                {
                    return new MoveOutcome.Busy($"unable to acquire lock on snapshot '{key.SnapshotPath(time)}' in '{key.Ns}'");
                }
            }

            await MoveAsync(task, store, group, target, into is not null).ConfigureAwait(false);
            return new MoveOutcome.Moved();
        }
        finally
        {
            held.ForEach(lease => lease.Dispose());
        }
    }

    /// <summary>Folders that no snapshot and nobody's unfinished work explains are what an aborted backup left behind. They would come up in the new place as
    /// somebody else's, or be in the way there: they go first.</summary>
    /// <returns>False if somebody works on the group, or they are still there.</returns>
    private async Task<bool> ClearedAsync(OpenDatastore store, GroupKey key)
    {
        if (!HasRemains(store, key))
        {
            return true;
        }

        try
        {
            await reconciliation.ReconcileGroupAsync(store, key, othersWork: true).ConfigureAwait(false);
        }
        catch (RefusedException)
        {
            return false;
        }

        return !HasRemains(store, key);
    }

    private bool HasRemains(OpenDatastore store, GroupKey key)
    {
        var known = calls.Snapshots.Find(key);
        return store.Bytes.NamespaceExists(key.Namespace) && store.Bytes.ListSnapshots(key.Namespace, key.Group).Exists(disk => !disk.IsFinished
            && known?.Snapshots.ContainsKey(disk.Name.Time) is not true && known?.Unfinished.ContainsKey(disk.Name.Time) is not true
            && known?.Leaving.Contains(disk.Name.Time) is not true);
    }

    private static bool Hold(List<IDisposable> held, IDisposable? lease)
    {
        if (lease is not null)
        {
            held.Add(lease);
        }

        return lease is not null;
    }

    /// <summary>As in PBS: the same owner, and every snapshot that comes newer than all that are there.</summary>
    private static string? RefuseMerge(RunningTask task, GroupState group, GroupState into)
    {
        var text = $"cannot merge group '{group.Key}' from '{group.Key.Ns}' into '{into.Key.Ns}': ";
        if (group.Owner != into.Owner)
        {
            return text + $"owner mismatch (source: {group.Owner}, target: {into.Owner})";
        }

        var oldest = group.Snapshots.Keys.Concat(group.Unfinished.Keys).Min();
        var newest = into.Snapshots.Keys.Concat(into.Unfinished.Keys).Append(0).Max();
        if (newest < oldest)
        {
            return null;
        }

        task.Say("oldest source snapshot: " + GroupKey.TimeText(oldest));
        task.Say("conflicting target snapshot: " + GroupKey.TimeText(newest));
        return text + "snapshot time mismatch";
    }

    private async Task MoveAsync(RunningTask task, OpenDatastore store, GroupState group, GroupKey target, bool isMerge)
    {
        var key = group.Key;
        if (isMerge && group.Notes is not null && calls.Snapshots.Find(target)?.Notes is { } kept && kept != group.Notes)
        {
            task.Warn($"group notes differ during merge of '{key}' from '{key.Ns}' into '{target.Ns}' - keeping target's notes");
        }

        var moved = new GroupMoved(
            key.Store, key.Ns, key.BackupType, key.BackupId, target.Ns, group.Snapshots.Count + group.Unfinished.Count, isMerge);
        await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, [Event.Of(moved, task.Metadata)], default, CancellationToken.None)
            .ConfigureAwait(false);
        try
        {
            store.Bytes.MoveGroup(key.Namespace, key.Group, target.Namespace, group.Owner);
        }
        catch (StorageException error)
        {
            // Where the folders are is for reconciliation to find out, before anybody writes in either place.
            store.Doubtful.Add(target);
            store.Doubtful.Add(key);
            await calls.Stores.SawAsync(store, error).ConfigureAwait(false);
            throw;
        }

        task.Say($"removing backup group \"{calls.PathOf(key)}\"");
        await recorder.NoteUnlessAwayAsync(target.Stream,
            new GroupSettled(target.Store, target.Ns, target.BackupType, target.BackupId, [], Group: true), task.Metadata).ConfigureAwait(false);
    }
}
