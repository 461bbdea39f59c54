// POST move-namespace: a namespace with all its groups and children to another place of the datastore, as a task (PBS 4.2). Group by group: what can't be moved
// stays, is named at the end, and can be tried again.
using System.Globalization;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>Moves namespaces.</summary>
public sealed class MoveNamespace(NamespaceCalls calls, GroupMove move, TaskRunner tasks)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", GroupCalls.Root + "move-namespace",
            new(PbsSchema.Store(), PbsSchema.Namespace() with { Optional = false }, PbsSchema.Namespace("target-ns") with { Optional = false },
                ListNamespaces.MaxDepth, Parameter.Boolean("delete-source"), Parameter.Boolean("merge-groups")), MoveAsync),
    ];

    private async ValueTask<ApiResult> MoveAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var name = call.Parameters.Text("store");
        var (ns, target) = (GroupCalls.Namespace(call.Parameters.Text("ns")), GroupCalls.Namespace(call.Parameters.Text("target-ns")));
        calls.RequireModify(caller, name, ns);
        calls.RequireModify(caller, name, target);
        var store = calls.Groups.Store(name, writing: true);
        if (Refuse(name, ns, target) is { } refusal)
        {
            return ApiResult.Error(refusal);
        }

        var run = new Run(store, ns, target, (int)call.Parameters.Integer("max-depth", BackupNamespace.MaxDepth),
            call.Parameters.Flag("delete-source", otherwise: true), call.Parameters.Flag("merge-groups", otherwise: true));
        var task = await tasks.StartAsync("move-namespace", $"{name}:{ns}:{target}", caller, running => RunAsync(running, run), name, ns.Text)
            .ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    private string? Refuse(string store, BackupNamespace ns, BackupNamespace target)
    {
        var facts = calls.Facts(store);
        return ns == target ? "source and target namespace must be different"
            : !facts.HasNamespace(ns.Text) ? $"source namespace '{ns}' does not exist"
            : !facts.HasNamespace(target.Parent.Text) ? $"target parent namespace '{target.Parent}' does not exist"
            : target.Text.StartsWith(ns.Text + "/", StringComparison.Ordinal)
                ? $"cannot move namespace '{ns}' into its own subtree (target: '{target}')"
            : null;
    }

    private async Task RunAsync(RunningTask task, Run run)
    {
        if (Refuse(run.Store.Name, run.From, run.To) is { } refusal)
        {
            throw new TaskFailedException(refusal);
        }

        var tree = calls.Tree(run.Store.Name, run.From, run.MaxDepth);
        var below = tree.Max(ns => ns.Depth) - run.From.Depth;
        if (below + run.To.Depth > BackupNamespace.MaxDepth)
        {
            throw new TaskFailedException(string.Create(CultureInfo.InvariantCulture,
                $"namespace depth limit exceeded: source subtree depth ({below}) + target depth ({run.To.Depth}) would exceed max (")
                + $"{BackupNamespace.MaxDepth})");
        }

        task.Say($"moving namespace '{run.From}' -> '{run.To}': {tree.Count} namespace(s)");
        foreach (var target in tree.Select(run.TargetOf).OrderBy(ns => ns.Depth))
        {
            if (!calls.Facts(run.Store.Name).HasNamespace(target.Text))
            {
                await calls.CreateAsync(run.Store, target, task.Metadata).ConfigureAwait(false);
            }
        }

        await MoveGroupsAsync(task, run, tree).ConfigureAwait(false);
        if (run.DeleteSource)
        {
            await RemoveSourcesAsync(task, run, tree).ConfigureAwait(false);
        }

        if (run.Failed.Count + run.Locked.Count > 0)
        {
            throw new TaskFailedException(run.Summary());
        }
    }

    private async Task MoveGroupsAsync(RunningTask task, Run run, List<BackupNamespace> tree)
    {
        var later = new List<GroupKey>();
        foreach (var key in tree.SelectMany(ns => calls.Groups.Snapshots.In(run.Store.Name, ns.Text).Values).Where(group => !group.IsEmpty)
            .Select(group => group.Key).ToList())
        {
            task.ThrowIfAborted();
            if (await MoveOneAsync(task, run, key, "").ConfigureAwait(false) is { } why)
            {
                task.Say($"deferring group '{key}' in '{key.Ns}' - lock conflict, will retry: {why}");
                later.Add(key);
            }
        }

        if (later.Count > 0)
        {
            task.Say($"retrying {later.Count} deferred group(s)...");
        }

        foreach (var key in later)
        {
            task.ThrowIfAborted();
            if (await MoveOneAsync(task, run, key, " on retry").ConfigureAwait(false) is { } why)
            {
                task.Warn($"still locked after retry: group '{key}' in '{key.Ns}': {why}");
                run.Locked.Add(key);
            }
        }
    }

    /// <summary>Why it is busy; null if it was moved, or can't be.</summary>
    private async Task<string?> MoveOneAsync(RunningTask task, Run run, GroupKey key, string when)
    {
        switch (await move.RunAsync(task, run.Store, key, run.TargetOf(key.Namespace).Text, run.Merge).ConfigureAwait(false))
        {
            case MoveOutcome.Busy busy:
                return busy.Why;
            case MoveOutcome.Refused refused:
                task.Warn($"failed to move group '{key}' in '{key.Ns}'{when}: {refused.Why}");
                run.Failed.Add(key);
                return null;
            default:
                run.Moved++;
                task.Say($"moved group {run.Moved} ('{key}' in '{key.Ns}'){when}");
                return null;
        }
    }

    private async Task RemoveSourcesAsync(RunningTask task, Run run, List<BackupNamespace> tree)
    {
        foreach (var ns in tree.OrderByDescending(ns => ns.Depth))
        {
            var isDeeper = calls.Tree(run.Store.Name, ns, 1).Exists(child => child.Depth - run.From.Depth > run.MaxDepth);
            if (!isDeeper && !await calls.RemoveEmptyAsync(run.Store, ns, task.Metadata).ConfigureAwait(false))
            {
                task.Warn($"source namespace '{ns}' was not fully removed (non-empty after move)");
            }
        }
    }

    private sealed record Run(OpenDatastore Store, BackupNamespace From, BackupNamespace To, int MaxDepth, bool DeleteSource, bool Merge)
    {
        public int Moved { get; set; }

        public List<GroupKey> Failed { get; } = [];

        public List<GroupKey> Locked { get; } = [];

        /// <summary>Where a namespace of the moved tree goes.</summary>
        public BackupNamespace TargetOf(BackupNamespace ns) => BackupNamespace.Parse(To.Text + ns.Text[From.Text.Length..]);

        public string Summary()
        {
            var text = $"namespace move partially completed; {Failed.Count + Locked.Count} group(s) could not be moved and remain at source";
            text += Failed.Count == 0 ? "" : $"; {Failed.Count} with a fatal error (investigate before retrying): {Names(Failed)}";
            return text + (Locked.Count == 0 ? ""
                : $"; {Locked.Count} still lock-conflicted (rerun move-namespace or move-group may succeed): {Names(Locked)}");
        }

        private static string Names(List<GroupKey> groups) => string.Join(", ", groups.Select(key => $"'{key}' in '{key.Ns}'"));
    }
}
