// A prune: verdicts from the fold, one decision in the ledger, then the removals, then the end. What a stop or a crash cuts off goes on at the next start: the
// decision is durable before the first snapshot goes.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Prune;

/// <summary>What a prune works on.</summary>
/// <param name="MaxDepth">How many levels of namespaces below <paramref name="Ns"/>; null = all.</param>
/// <param name="BackupType">With <paramref name="BackupId"/>: this one group of that very namespace.</param>
/// <param name="Limit">Whose rights limit it: in a namespace where this caller has only Datastore.Prune, groups of other owners are left out. Null = no
/// limit, for what the appliance does by itself.</param>
public sealed record PruneScope(
    string Store, string Ns = "", int? MaxDepth = null, string? BackupType = null, string? BackupId = null, Caller? Limit = null)
{
    /// <summary><c>'main', root namespace</c>, <c>'main', namespace 'a/b'</c>: as PBS's logs say it.</summary>
    public string Place => $"'{Store}', " + (Ns.Length == 0 ? "root namespace" : $"namespace '{Ns}'");
}

/// <summary>Prunes datastores, namespaces and groups.</summary>
public sealed class PruneDatastore(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, Func<PrunesState> prunes,
    ForgetSnapshots forget, Recorder recorder, TimeProvider clock)
{
    private const int PartsPerAppend = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Verdicts on every group in scope, in order of namespace, type and id. Changes nothing.</summary>
    /// <exception cref="ApiException">No such datastore, namespace or group, or it takes no writes; PBS's texts.</exception>
    public IReadOnlyList<GroupPlan> Plan(PruneScope scope, RetentionPolicy policy)
    {
        if (stores.FindForWriting(scope.Store, out var problem) is null)
        {
            throw new ApiException(problem);
        }

        var zone = clock.LocalTimeZone;
        var byReceiveTime = CountsByReceiveTime(scope.Store);
        return [.. GroupsIn(scope).Select(group => new GroupPlan(group.Key, Retention.Decide(Candidates(group, byReceiveTime), policy, zone)))];
    }

    /// <summary>Prunes as a task, and says everything in its log; a dry run only says it.</summary>
    /// <returns>The verdicts.</returns>
    public async Task<IReadOnlyList<GroupPlan>> RunAsync(RunningTask task, PruneScope scope, RetentionPolicy policy, bool dryRun)
    {
        SayHead(task, scope, policy, dryRun);
        var plans = Plan(scope, policy);
        foreach (var plan in plans)
        {
            SayGroup(task, scope, plan, dryRun);
        }

        if (dryRun)
        {
            return plans;
        }

        task.ThrowIfAborted();
        var whole = new PruneDecided(task.Upid.ToString(), 1, true, scope.Store, scope.Ns, policy, clock.LocalTimeZone.Id,
            CountsByReceiveTime(scope.Store), []);
        var parts = PruneDecision.Parts(whole, plans);
        if (parts.Count == 0)
        {
            return plans;
        }

        foreach (var some in parts.Chunk(PartsPerAppend))
        {
            await recorder.DecideAsync(StreamOf(scope.Store), ExpectedVersion.Any, [.. some.Select(part => Event.Of(part, task.Metadata))],
                Patience, CancellationToken.None).ConfigureAwait(false);
        }

        await CarryOutAsync(task, prunes().Open[whole.Decision]).ConfigureAwait(false);
        return plans;
    }

    /// <summary>Goes on with what an earlier process decided and did not finish, as tasks of who had asked for it. After the datastores are open.</summary>
    public async Task ResumeAsync(TaskRunner tasks)
    {
        foreach (var open in prunes().Open.Values)
        {
            if (!open.IsComplete)
            {
                await EndAsync(open, 0, 0, "the appliance stopped before it was decided", EventMetadata.System).ConfigureAwait(false);
                continue;
            }

            if (stores.Find(open.Store, out _) is null)
            {
                continue; // It goes on when its datastore is there again.
            }

            var by = new Caller(AuthId.TryParse(open.Actor, out _) ? open.Actor : "root@pam", open.Source);
            await tasks.StartAsync("prune", open.Store + ":", by, task =>
            {
                task.Say($"going on with what {open.Decision} decided: {open.Doomed.Count} snapshots were to be removed");
                return CarryOutAsync(task, open);
            }, open.Store, "").ConfigureAwait(false);
        }
    }

    /// <summary>Candidates of one group: all that a PBS would find in its folder. What is unfinished counts by its name: nobody has received it.</summary>
    private static IEnumerable<PruneCandidate> Candidates(GroupState group, bool byReceiveTime) =>
    [
        .. group.Snapshots.Values.Where(one => !one.Missing).Select(one => new PruneCandidate(
            one.BackupTime, byReceiveTime ? one.ReceivedAt : one.BackupTime, true, one.Content.Protected)),
        .. group.Unfinished.Values.Select(one => new PruneCandidate(one.BackupTime, one.BackupTime, false, one.Protected)),
        .. group.Open.Where(one => !group.Snapshots.ContainsKey(one.BackupTime)).Select(one => new PruneCandidate(
            one.BackupTime, one.BackupTime, false, false)),
    ];

    private bool CountsByReceiveTime(string store) => datastores().Stores.GetValueOrDefault(store)?.PruneByReceiveTime ?? false;

    private List<GroupState> GroupsIn(PruneScope scope)
    {
        var facts = datastores().Stores.GetValueOrDefault(scope.Store);
        if (facts is null || !facts.HasNamespace(scope.Ns))
        {
            throw new ApiException("ENOENT: No such file or directory");
        }

        var state = snapshots();
        if (scope.BackupType is { } type && scope.BackupId is { } id)
        {
            return state.Find(new GroupKey(scope.Store, scope.Ns, type, id)) is { IsEmpty: false } group
                ? [group]
                : throw new ApiException("ENOENT: No such file or directory");
        }

        var groups = new List<GroupState>();
        var prefix = scope.Ns.Length == 0 ? "" : scope.Ns + "/";
        foreach (var ns in facts.Namespaces.Add("").Where(ns => ns == scope.Ns || ns.StartsWith(prefix, StringComparison.Ordinal)))
        {
            if (DepthOf(ns) - DepthOf(scope.Ns) <= (scope.MaxDepth ?? BackupNamespace.MaxDepth))
            {
                groups.AddRange(state.In(scope.Store, ns).Values.Where(group => MayTouch(scope, group)));
            }
        }

        return groups;
    }

    private bool MayTouch(PruneScope scope, GroupState group)
    {
        if (group.IsEmpty || scope.Limit is not { } caller)
        {
            return !group.IsEmpty;
        }

        var has = permissions.On(group.Key.AclPath, caller);
        return (has & Privileges.DatastoreModify) != 0
            || ((has & Privileges.DatastorePrune) != 0 && Ownership.Is(group.Owner, caller.AuthId));
    }

    private async Task CarryOutAsync(RunningTask task, OpenPrune decision)
    {
        var present = CountOf(decision);
        try
        {
            var outcome = await forget.RunAsync(decision.Doomed, task.Metadata, task.Warn, task.AbortToken).ConfigureAwait(false);
            var kept = outcome.Protected.Count + outcome.Busy.Count + outcome.Failed.Count;
            await EndAsync(decision, outcome.Removed.Count, kept, null, task.Metadata).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!task.WasAborted)
        {
            throw; // The appliance stops: the decision stands, and the next start goes on.
        }
        catch (Exception error) when (error is OperationCanceledException or StorageException or ApiException or LedgerUnavailableException)
        {
            // Somebody is told, by the task's end; nothing of it happens later, behind their back.
            var problem = error switch
            {
                OperationCanceledException => TaskRunner.AbortedText,
                LedgerUnavailableException => LedgerAway.Text,
                _ => error.Message,
            };
            await EndAsync(decision, present - CountOf(decision), CountOf(decision), problem, task.Metadata).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>How many of the doomed are there.</summary>
    private int CountOf(OpenPrune decision)
    {
        var state = snapshots();
        return decision.Doomed.Count(one => state.Find(one.Group) is { } group
            && (group.Snapshots.ContainsKey(one.BackupTime) || group.Unfinished.ContainsKey(one.BackupTime)));
    }

    private Task EndAsync(OpenPrune decision, int removed, int kept, string? problem, EventMetadata because) => recorder.NoteAsync(
        StreamOf(decision.Store), new PruneFinished(decision.Decision, decision.Store, removed, kept, problem), because);

    private static string StreamOf(string store) => "prune:" + store;

    private static void SayHead(RunningTask task, PruneScope scope, RetentionPolicy policy, bool dryRun)
    {
        if (scope.BackupType is not null)
        {
            task.Say(Options(scope, policy));
            task.Say($"Starting prune on datastore {scope.Place} group \"{scope.BackupType}/{scope.BackupId}\"");
            return;
        }

        var depth = scope.MaxDepth is { } levels ? $"to depth {levels}" : "down to full depth";
        task.Say($"Starting datastore prune on datastore {scope.Place}, {depth}");
        if (dryRun)
        {
            task.Say("(dry test run)");
        }

        task.Say(Options(scope, policy));
    }

    private static string Options(PruneScope scope, RetentionPolicy policy)
    {
        if (policy.KeepsEverything)
        {
            return "No prune selection - keeping all files.";
        }

        var place = (scope.Ns.Length == 0 || scope.BackupType is not null ? "" : $"--ns {scope.Ns} ")
            + (scope.MaxDepth is { } depth ? $"--max-depth {depth} " : "");
        return $"retention options: {place}{policy}";
    }

    /// <summary>A line for each snapshot as PBS words it, and the reason, which it does not give.</summary>
    private static void SayGroup(RunningTask task, PruneScope scope, GroupPlan plan, bool dryRun)
    {
        var isGroup = scope.BackupType is not null;
        if (!isGroup)
        {
            task.Say($"Pruning group {plan.Group.Ns}:\"{plan.Group}\"");
        }

        foreach (var verdict in plan.Verdicts)
        {
            var word = verdict.Mark switch
            {
                PruneMark.Protected => "keep protected",
                PruneMark.KeepPartial => "keep partial",
                PruneMark.Keep => "keep",
                _ => "remove",
            };
            var path = plan.Group.SnapshotPath(verdict.BackupTime);
            task.Say(isGroup ? $"{path} {word} ({verdict.Reason})" : $"{(dryRun ? "would " : "")}{word} {path} ({verdict.Reason})");
        }
    }

    private static int DepthOf(string ns) => ns.Length == 0 ? 0 : ns.Count(c => c == '/') + 1;
}
