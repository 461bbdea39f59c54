// Removal of snapshots, one or a hundred thousand (docs/write-order.md W5): each is leased, its end is decided in the ledger, then it goes from the disk, and
// last its outcome is recorded. Batches overlap: while one leaves the disk the next is being decided. Whatever is cut off goes on at the next start.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Snapshots;

/// <summary>How to forget.</summary>
/// <param name="EvenIfProtected">Protection is no reason to stay.</param>
/// <param name="GroupsAreHeld">The caller has the leases of all their groups. Else none is needed: a backup of the group may run meanwhile.</param>
public sealed record ForgetOptions(bool EvenIfProtected = false, bool GroupsAreHeld = false);

/// <summary>A snapshot that should have gone and stays, and why.</summary>
public sealed record NotForgotten(GroupKey Group, long BackupTime, string Why);

/// <summary>What came of it. What no longer existed is in none of these.</summary>
/// <param name="Protected">Stay because they are protected.</param>
/// <param name="Busy">Stay because somebody reads, writes or changes them.</param>
/// <param name="Failed">Are forgotten, but something of them is left on disk: the next start goes on removing it.</param>
public sealed record ForgetOutcome(
    IReadOnlyList<(GroupKey Group, long BackupTime)> Removed, IReadOnlyList<NotForgotten> Protected, IReadOnlyList<NotForgotten> Busy,
    IReadOnlyList<NotForgotten> Failed);

/// <summary>Forgets snapshots.</summary>
public sealed class ForgetSnapshots(DatastoreRegistry stores, Func<SnapshotsState> snapshots, Leases leases, Recorder recorder)
{
    private const int BatchSnapshots = 5000;
    private const int Threads = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Forgets and removes them in the order given; on return every outcome is known.</summary>
    /// <param name="which">Finished snapshots that the ledger knows, or unfinished ones that only lie on disk.</param>
    /// <param name="say">Told of each that stays, and why.</param>
    /// <param name="cancel">Looked at between batches: what has been decided is also done.</param>
    /// <exception cref="ApiException">The datastore takes no writes.</exception>
    /// <exception cref="LedgerUnavailableException">The ledger went away: the rest stays.</exception>
    /// <exception cref="StorageException">A sync failed and the datastore is closed.</exception>
    public async Task<ForgetOutcome> RunAsync(
        IReadOnlyList<(GroupKey Group, long BackupTime)> which, EventMetadata because, Action<string>? say = null, CancellationToken cancel = default,
        ForgetOptions? options = null)
    {
        var run = new Run(options ?? new ForgetOptions(), because, say ?? (_ => { }));
        var leaving = Task.CompletedTask;
        try
        {
            foreach (var batch in which.Distinct().Chunk(BatchSnapshots))
            {
                cancel.ThrowIfCancellationRequested();
                var held = Take(batch, run);
                Exception? problem = null;
                if (held.Count > 0)
                {
                    problem = await DecideAsync(held, run).ConfigureAwait(false);
                }

                // The disk works on one batch at a time; its failure is this one's as well.
                var before = leaving;
                leaving = Task.Run(() => LeaveAsync(before, held, run), CancellationToken.None);
                if (problem is not null)
                {
                    throw problem;
                }
            }
        }
        finally
        {
            await leaving.ConfigureAwait(false);
        }

        return new ForgetOutcome(run.Removed, run.Protected, run.Busy, run.Failed);
    }

    /// <summary>Leases on those that may go; why the others stay is noted.</summary>
    private List<Held> Take(IReadOnlyList<(GroupKey Group, long BackupTime)> batch, Run run)
    {
        var held = new List<Held>(batch.Count);
        var state = snapshots();
        foreach (var (key, time) in batch)
        {
            var store = stores.FindForWriting(key.Store, out var problem);
            var lease = store is null || store.Doubtful.Contains(key) || IsOpen(state, key, time) ? null : leases.TryOwn(key, time);
            if (lease is null)
            {
                run.Stays(run.Busy, key, time, store is null ? problem : "it is in use");
                continue;
            }

            // From here on nobody else changes this snapshot: what the state says now holds until the lease ends.
            var known = (state = snapshots()).Find(key)?.Snapshots.GetValueOrDefault(time);
            var (ns, name) = (key.Namespace, key.At(time));
            var isUnknown = known is null && !IsLeftover(store!, ns, name);
            var isProtected = !isUnknown && !run.Options.EvenIfProtected && (known is { Content.Protected: true } || store!.Bytes.IsProtected(ns, name));
            if (isUnknown || isProtected)
            {
                lease.Dispose();
                if (isProtected)
                {
                    run.Stays(run.Protected, key, time, "cannot remove protected snapshot");
                }

                continue;
            }

            held.Add(new Held(key, time, store!, new SnapshotRemoval(ns, name, FilesOf(known)), lease));
        }

        return held;
    }

    /// <summary>Commits the decisions of a batch, group by group and all in one go. What was not decided is taken out of <paramref name="held"/>.</summary>
    private async Task<Exception?> DecideAsync(List<Held> held, Run run)
    {
        var appends = held.GroupBy(one => one.Group)
            .SelectMany(group => group.Chunk(LedgerLimits.MaxAppendEvents)).Select(part => DecidePartAsync(part, run)).ToList();
        Exception? problem = null;
        foreach (var append in appends)
        {
            var (part, error) = await append.ConfigureAwait(false);
            if (error is null)
            {
                continue;
            }

            problem ??= error;
            foreach (var one in part)
            {
                // If it was committed after all it is Leaving, and goes at the next start.
                run.Stays(run.Busy, one.Group, one.BackupTime, LedgerAway.Text);
                one.Lease.Dispose();
            }

            held.RemoveAll(one => part.Contains(one));
        }

        return problem;
    }

    private async Task<(Held[] Part, LedgerUnavailableException? Error)> DecidePartAsync(Held[] part, Run run)
    {
        var key = part[0].Group;
        var events = part.Select(one => Event.Of(
            new SnapshotForgotten(key.Store, key.Ns, key.BackupType, key.BackupId, one.BackupTime), run.Because)).ToList();
        try
        {
            // Each decision rests on its snapshot alone, and that is leased: any version of the group's stream is the expected one.
            await recorder.DecideAsync(key.Stream, ExpectedVersion.Any, events, Patience, CancellationToken.None).ConfigureAwait(false);
            return (part, null);
        }
        catch (LedgerUnavailableException error)
        {
            return (part, error);
        }
    }

    private async Task LeaveAsync(Task before, List<Held> held, Run run)
    {
        try
        {
            await before.ConfigureAwait(false);
            foreach (var ofStore in held.GroupBy(one => one.Store))
            {
                await LeaveStoreAsync(ofStore.Key, [.. ofStore], run).ConfigureAwait(false);
            }
        }
        finally
        {
            held.ForEach(one => one.Lease.Dispose());
        }
    }

    private async Task LeaveStoreAsync(OpenDatastore store, List<Held> held, Run run)
    {
        List<RemovalFault> faults;
        try
        {
            faults = store.Bytes.RemoveSnapshots([.. held.Select(one => one.Removal)], Threads);
        }
        catch (StorageException error)
        {
            await stores.SawAsync(store, error).ConfigureAwait(false);
            throw;
        }

        var failed = faults.ToDictionary<RemovalFault, object, StorageException>(
            fault => fault.Removal, fault => fault.Error, ReferenceEqualityComparer.Instance);
        foreach (var one in held)
        {
            if (failed.TryGetValue(one.Removal, out var error))
            {
                run.Stays(run.Failed, one.Group, one.BackupTime, error.Message);
            }
            else
            {
                run.Removed.Add((one.Group, one.BackupTime));
            }
        }

        await Task.WhenAll(held.Where(one => !failed.ContainsKey(one.Removal)).GroupBy(one => one.Group)
            .Select(group => EndAsync(store, group.Key, [.. group.Select(one => one.BackupTime).Order()], run))).ConfigureAwait(false);
    }

    private async Task EndAsync(OpenDatastore store, GroupKey key, IReadOnlyList<long> times, Run run)
    {
        if (snapshots().Find(key) is null or { IsEmpty: true })
        {
            RemoveEmptyGroup(store, key, run);
        }

        await recorder.NoteAsync(key.Stream, new SnapshotsRemoved(key.Store, key.Ns, key.BackupType, key.BackupId, times), run.Because)
            .ConfigureAwait(false);
    }

    /// <summary>A backup that begins just now has the group's lease, and needs the folder.</summary>
    private void RemoveEmptyGroup(OpenDatastore store, GroupKey key, Run run)
    {
        using var lease = run.Options.GroupsAreHeld ? null : leases.TryGroup(key);
        if (lease is null && !run.Options.GroupsAreHeld)
        {
            return;
        }

        try
        {
            store.Bytes.RemoveGroupIfEmpty(key.Namespace, key.Group);
        }
        catch (StorageException error)
        {
            run.Say($"the empty folder of group '{key}' stays: {error.Message}");
        }
    }

    /// <summary>A backup that runs, or whose end is not recorded.</summary>
    private static bool IsOpen(SnapshotsState state, GroupKey key, long time) =>
        state.Find(key) is { Open.IsEmpty: false } group && group.Open.Any(open => open.BackupTime == time);

    private static bool IsLeftover(OpenDatastore store, BackupNamespace ns, SnapshotName name) =>
        store.Bytes.SnapshotExists(ns, name) && !store.Bytes.OpenSnapshot(ns, name).IsFinished;

    private static List<string> FilesOf(Snapshot? known)
    {
        var names = new List<string>();
        foreach (var file in known?.Content.Files ?? [])
        {
            if (file.Filename != SnapshotJson.ManifestName && SafeId.TryArchiveKind(file.Filename, out _))
            {
                names.Add(file.Filename);
            }
        }

        return names;
    }

    private sealed record Held(GroupKey Group, long BackupTime, OpenDatastore Store, SnapshotRemoval Removal, IDisposable Lease);

    private sealed record Run(ForgetOptions Options, EventMetadata Because, Action<string> Say)
    {
        public List<(GroupKey Group, long BackupTime)> Removed { get; } = [];

        public List<NotForgotten> Protected { get; } = [];

        public List<NotForgotten> Busy { get; } = [];

        public List<NotForgotten> Failed { get; } = [];

        public void Stays(List<NotForgotten> list, GroupKey key, long time, string why)
        {
            lock (list)
            {
                list.Add(new NotForgotten(key, time, why));
            }

            Say($"failed to remove {key.SnapshotPath(time)}: {why}");
        }
    }
}
