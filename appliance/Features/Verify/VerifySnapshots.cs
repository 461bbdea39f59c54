// The verification task: goes over its scope group by group, newest snapshot first, holds each against removal while it is read, records what was found, and
// writes the verify state into the manifest. The lines of the log are PBS's, so that people and scripts find their way.
using System.Globalization;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Verify;

/// <summary>Verifies snapshots.</summary>
public sealed class VerifySnapshots(
    Permissions permissions, DatastoreRegistry stores, Func<SnapshotsState> snapshots, Leases leases, ManifestUpdate manifests, CorruptChunks corrupt,
    Recorder recorder, TimeProvider clock)
{
    /// <summary>PBS's status of a verification that found damage.</summary>
    public const string FailedText = "verification failed - please check the log for details";

    /// <summary>Names of failed snapshots listed at the end of a log.</summary>
    private const int FailuresListedMax = 1000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Settling settling = new(snapshots, leases, recorder);

    /// <summary>Runs it as the work of a task.</summary>
    /// <exception cref="TaskFailedException">Damage was found, or something could not be read.</exception>
    public async Task RunAsync(RunningTask task, VerifyScope scope)
    {
        var store = stores.FindForWriting(scope.Store, out var problem) ?? throw new TaskFailedException(problem);
        var (readThreads, verifyThreads) = (scope.ReadThreads ?? VerifyJob.DefaultThreads, scope.VerifyThreads ?? VerifyJob.DefaultThreads);
        using var job = new VerifyJob(store.Bytes, readThreads, verifyThreads, clock);
        var run = new Run(task, scope, store, job);
        if (scope.Group is { } group && scope.BackupTime is { } time)
        {
            await VerifyOneAsync(run, new Place(group, time)).ConfigureAwait(false);
            await SettleAsync(run, group).ConfigureAwait(false);
        }
        else if (scope.Group is { } only)
        {
            await VerifyGroupAsync(run, only, (done, total) => run.Say($"percentage done: {Percent(done, total)}% ({done}/{total} snapshots)"))
                .ConfigureAwait(false);
        }
        else
        {
            await VerifyAllAsync(run, readThreads, verifyThreads).ConfigureAwait(false);
        }

        End(run);
    }

    private static void End(Run run)
    {
        if (run.Failed.Count > 0)
        {
            run.Say("Failed to verify the following snapshots/groups:");
            foreach (var name in run.Failed.Take(FailuresListedMax))
            {
                run.Say("\t" + name);
            }
        }

        if (run.Unreadable.Count > 0)
        {
            run.Say("Could not read all of the following snapshots, their verify state stays what it was:");
            foreach (var name in run.Unreadable.Take(FailuresListedMax))
            {
                run.Say("\t" + name);
            }
        }

        if (run.Failed.Count > 0)
        {
            throw new TaskFailedException(FailedText);
        }

        if (run.Unreadable.Count > 0)
        {
            throw new TaskFailedException($"verification incomplete - {run.Unreadable.Count} snapshots could not be read: {run.UnreadableWhy}");
        }
    }

    private async Task VerifyAllAsync(Run run, int readThreads, int verifyThreads)
    {
        run.Say($"verify datastore {run.Scope.Store}");
        var groups = GroupsOf(run);
        run.Say($"found {groups.Count} groups");
        run.Say($"using {readThreads} read and {verifyThreads} verify thread(s)");
        for (var i = 0; i < groups.Count; i++)
        {
            var number = i;
            await VerifyGroupAsync(run, groups[i], (done, total) => run.Say(done == total
                ? $"percentage done: {Percent(number + 1, groups.Count)}% ({number + 1}/{groups.Count} groups)"
                : $"percentage done: {Percent(number + ((double)done / total), groups.Count)}% "
                    + $"({number}/{groups.Count} groups, {done}/{total} snapshots in group #{number + 1})")).ConfigureAwait(false);
        }
    }

    /// <summary>The groups of a scope that the caller may verify, in PBS's order.</summary>
    private List<GroupKey> GroupsOf(Run run)
    {
        var groups = new List<GroupKey>();
        var scope = run.Scope;
        var parent = BackupNamespace.Parse(scope.Ns);
        foreach (var ns in run.Store.Bytes.ListNamespaces(parent, scope.MaxDepth ?? BackupNamespace.MaxDepth))
        {
            var has = scope.ByRightsOf is { } caller
                ? permissions.On(GroupKey.DatastorePath(scope.Store, ns.Text), caller) & (Privileges.DatastoreVerify | Privileges.DatastoreBackup)
                : Privileges.DatastoreVerify;
            if (has == 0)
            {
                continue;
            }

            var keys = run.Store.Bytes.ListGroups(ns).Select(group => new GroupKey(scope.Store, ns.Text, group.TypeName, group.Id));
            groups.AddRange((has & Privileges.DatastoreVerify) != 0
                ? keys
                : keys.Where(key => snapshots().Find(key) is { } known && Ownership.Is(known.Owner, scope.ByRightsOf!.AuthId)));
        }

        groups.Sort(GroupOrder.Compare);
        return groups;
    }

    private async Task VerifyGroupAsync(Run run, GroupKey key, Action<int, int> progress)
    {
        var places = PlacesOf(run, key);
        if (places.Count == 0)
        {
            var ns = key.Ns.Length == 0 ? "root namespace" : $"namespace '{key.Ns}'";
            run.Say($"verify datastore '{key.Store}', {ns}, group {key} - unable to list backups: ENOENT: No such file or directory");
            return;
        }

        run.Say($"verify group {key.Store}:{NameOf(key)} ({places.Count} snapshots)");
        for (var i = 0; i < places.Count; i++)
        {
            await VerifyOneAsync(run, places[i]).ConfigureAwait(false);
            progress(i + 1, places.Count);
        }

        await SettleAsync(run, key).ConfigureAwait(false);
    }

    /// <summary>What is on disk, and what the ledger has and the disk lacks; newest first.</summary>
    private List<Place> PlacesOf(Run run, GroupKey key)
    {
        var onDisk = run.Store.Bytes.NamespaceExists(key.Namespace) ? run.Store.Bytes.ListSnapshots(key.Namespace, key.Group) : [];
        var times = onDisk.Select(snapshot => snapshot.Name.Time).ToHashSet();
        times.UnionWith(snapshots().Find(key)?.Snapshots.Values.Where(snapshot => snapshot.Missing).Select(snapshot => snapshot.BackupTime) ?? []);
        return [.. times.OrderDescending().Select(time => new Place(key, time))];
    }

    private async Task VerifyOneAsync(Run run, Place at)
    {
        run.Task.ThrowIfAborted();
        var name = $"{at.Group.Store}:{at}";
        var group = snapshots().Find(at.Group);
        var known = group?.Snapshots.GetValueOrDefault(at.BackupTime);
        if (known is { Missing: true })
        {
            run.Say($"verify {name} - the snapshot is missing on disk");
            run.Failed.Add(at.ToString());
            return;
        }

        if (!run.Store.Bytes.SnapshotExists(at.Group.Namespace, at.Name))
        {
            run.Say($"SKIPPED: verify {name} - snapshot does not exist (anymore).");
            return;
        }

        using var lease = group?.Open.Any(open => open.BackupTime == at.BackupTime) == true ? null : leases.TryShare(at.Group, at.BackupTime);
        if (lease is null)
        {
            run.Say($"SKIPPED: verify {name} - could not acquire snapshot lock: it is being written or removed");
        }
        else if (!run.Store.Bytes.OpenSnapshot(at.Group.Namespace, at.Name).IsFinished)
        {
            run.Say($"verify {name} - manifest load error: unable to load blob '\"{at.Group.Namespace.PathOf(at.Name.ToString())}/"
                + $"{SafeId.ManifestName}\"' - No such file or directory (os error 2)");
            run.Failed.Add(at.ToString());
        }
        else if (known is not null && VerifyFilter.Skips(run.Scope, known, clock.GetUtcNow()))
        {
            run.Say($"SKIPPED: verify {name} (recently verified)");
        }
        else
        {
            run.Say("verify " + name);
            await VerifyHeldAsync(run, at).ConfigureAwait(false);
        }
    }

    private async Task VerifyHeldAsync(Run run, Place at)
    {
        var started = clock.GetTimestamp();
        var (task, store) = (run.Task, at.Group.Store);
        var verdict = await run.Job.VerifyAsync(at.Group.Namespace, at.Name, run.Say, task.AbortToken).ConfigureAwait(false);
        var notCorrupt = verdict.Bad.Count == 0 ? []
            : await corrupt.FoundAsync(run.Store, verdict.Bad, task.Metadata, run.Say, task.AbortToken).ConfigureAwait(false);
        await corrupt.HealedAsync(store, [.. corrupt.Known(store).Keys.Where(run.Job.IsGood)], "verified", task.Metadata).ConfigureAwait(false);
        switch (verdict.Outcome)
        {
            case VerifyOutcome.Failed:
                run.Failed.Add(at.ToString());
                break;
            case VerifyOutcome.Unreadable:
                run.Unreadable.Add(at.ToString());
                run.UnreadableWhy ??= verdict.UnreadableWhy;
                break;
        }

        await RecordAsync(run, at, verdict, (long)clock.GetElapsedTime(started).TotalMilliseconds).ConfigureAwait(false);
        foreach (var digest in notCorrupt)
        {
            run.Job.Forget(digest);
        }

        // After the verdict: what it says of them is out of date already.
        await corrupt.HealedAsync(store, notCorrupt, "verified", task.Metadata).ConfigureAwait(false);
    }

    /// <summary>The verdict into the ledger, then into the manifest (write order W5). A manifest that is damaged is left as it is.</summary>
    private async Task RecordAsync(Run run, Place at, SnapshotVerdict verdict, long durationMs)
    {
        var state = verdict.Outcome switch { VerifyOutcome.Ok => "ok", VerifyOutcome.Failed => "failed", _ => "unreadable" };
        var verified = EventOf(run, at, verdict, state, durationMs);
        var told = false;
        if (verdict.Outcome != VerifyOutcome.Unreadable && verdict.Of(VerifyCheckName.ManifestValid).Failed == 0)
        {
            try
            {
                await manifests.RunAsync(run.Store, at.Group, at.BackupTime, manifest => manifest.VerifyState = new VerifyState(state, run.Upid), size =>
                {
                    told = true;
                    return Event.Of(verified with { ManifestBytes = size }, run.Task.Metadata);
                }, settle: false).ConfigureAwait(false);
                run.Written.Add(at.BackupTime);
            }
            catch (StorageException fault)
            {
                await stores.SawAsync(run.Store, fault).ConfigureAwait(false);
                run.Task.Warn($"the verify state of {at} was not written into its manifest: {fault.Message}");
            }
        }

        if (!told)
        {
            await recorder.DecideAsync(
                at.Group.Stream, ExpectedVersion.Any, [Event.Of(verified, run.Task.Metadata)], Patience, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>The verify states of a group are on disk: a start has nothing to do for them.</summary>
    private async Task SettleAsync(Run run, GroupKey key)
    {
        if (run.Written.Count > 0)
        {
            await settling.TellAsync(key, [.. run.Written], group: false, run.Task.Metadata).ConfigureAwait(false);
            run.Written.Clear();
        }
    }

    private static SnapshotVerified EventOf(Run run, Place at, SnapshotVerdict verdict, string state, long durationMs)
    {
        var key = at.Group;
        return new SnapshotVerified(
            key.Store, key.Ns, key.BackupType, key.BackupId, at.BackupTime, run.Upid, state, Check(VerifyCheckName.Exists),
            Check(VerifyCheckName.Digest), Check(VerifyCheckName.Decodable), Check(VerifyCheckName.IndexConsistent), Check(VerifyCheckName.ManifestValid),
            [.. verdict.Bad.Take(SnapshotVerified.BadChunksMax).Select(chunk => chunk.Digest.ToString())], verdict.Bad.Count,
            verdict.Unreadable, verdict.UnreadableWhy, verdict.ChunksRead, verdict.BytesRead, durationMs, null);

        VerifyCheck Check(VerifyCheckName name)
        {
            var (made, failed) = verdict.Of(name);
            return new VerifyCheck(made, failed);
        }
    }

    private static string Percent(double done, int total) => (100 * done / total).ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary><c>vm/100</c>, <c>ns/a/vm/100</c>.</summary>
    private static string NameOf(GroupKey key) => key.Namespace.PathOf(key.ToString());

    private sealed record Place(GroupKey Group, long BackupTime)
    {
        public SnapshotName Name => Group.At(BackupTime);

        public override string ToString() => NameOf(Group) + "/" + GroupKey.TimeText(BackupTime);
    }

    private sealed record Run(RunningTask Task, VerifyScope Scope, OpenDatastore Store, VerifyJob Job)
    {
        public string Upid { get; } = Task.Upid.ToString();

        public List<string> Failed { get; } = [];

        /// <summary>Backup times of the group at hand whose verify state was written.</summary>
        public List<long> Written { get; } = [];

        public List<string> Unreadable { get; } = [];

        public string? UnreadableWhy { get; set; }

        public void Say(string line) => Task.Say(line);
    }
}
