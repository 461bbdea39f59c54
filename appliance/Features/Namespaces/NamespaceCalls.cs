// What the calls on namespaces share: rights on the parent, making and removing one.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Namespaces;

/// <summary>Entrance to calls on namespaces.</summary>
public sealed class NamespaceCalls(GroupCalls calls, Leases leases, Recorder recorder)
{
    public const string Path = GroupCalls.Root + "namespace";

    public GroupCalls Groups => calls;

    /// <summary>May the caller make, remove or move this namespace? That is a right on its parent.</summary>
    /// <exception cref="ApiException">No, or it is the root.</exception>
    public void RequireModify(Caller caller, string store, BackupNamespace ns)
    {
        if (ns.IsRoot)
        {
            throw new ApiException("Cannot create/delete root namespace!");
        }

        if (calls.Permissions.Require(caller, GroupKey.DatastorePath(store, ns.Parent.Text), Privileges.DatastoreModify) is { } refusal)
        {
            throw new ApiException(refusal.Status, refusal.Text);
        }
    }

    public DatastoreFacts Facts(string store) =>
        calls.Datastores.Stores.GetValueOrDefault(store) ?? throw new ApiException($"no such datastore '{store}'");

    /// <summary>The namespace and all below it, down to so many levels; parents first. Empty if the ledger does not know it.</summary>
    public List<BackupNamespace> Tree(string store, BackupNamespace top, int maxDepth = BackupNamespace.MaxDepth)
    {
        var facts = Facts(store);
        var prefix = top.IsRoot ? "" : top.Text + "/";
        return [
            .. facts.Namespaces.Add("").Where(ns => ns == top.Text || ns.StartsWith(prefix, StringComparison.Ordinal))
                .Select(BackupNamespace.Parse).Where(ns => ns.Depth - top.Depth <= maxDepth && facts.HasNamespace(top.Text)),
        ];
    }

    /// <summary>Makes a namespace whose parent is there. The folder first: one without event is adopted at the next start, an event without folder would
    /// refuse backups.</summary>
    /// <exception cref="LedgerUnavailableException">The folder is there, the event is not.</exception>
    public async Task CreateAsync(OpenDatastore store, BackupNamespace ns, EventMetadata because)
    {
        store.Bytes.CreateNamespace(ns);
        await recorder.DecideAsync("datastore:" + store.Name, ExpectedVersion.Any,
            [Event.Of(new NamespaceCreated(store.Name, ns.Text, Discovered: false), because)], default, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Removes a namespace that holds neither group nor namespace; false if it does.</summary>
    /// <exception cref="LedgerUnavailableException">Nothing was removed.</exception>
    public async Task<bool> RemoveEmptyAsync(OpenDatastore store, BackupNamespace ns, EventMetadata because)
    {
        if (ns.IsRoot || Tree(store.Name, ns, 1).Count > 1 || calls.Snapshots.In(store.Name, ns.Text).Values.Any(group => !group.IsEmpty))
        {
            return false;
        }

        var stream = "datastore:" + store.Name;
        await recorder.DecideAsync(stream, ExpectedVersion.Any,
            [Event.Of(new NamespaceRemoved(store.Name, ns.Text, Discovered: false), because)], default, CancellationToken.None).ConfigureAwait(false);
        if (!store.Bytes.NamespaceExists(ns))
        {
            return true;
        }

        RemoveEmptyGroups(store, ns);
        if (store.Bytes.RemoveNamespace(ns))
        {
            return true;
        }

        // A backup came in between, or something lies there that nobody knows of: it stays.
        await recorder.DecideAsync(stream, ExpectedVersion.Any,
            [Event.Of(new NamespaceCreated(store.Name, ns.Text, Discovered: true), because)], default, CancellationToken.None).ConfigureAwait(false);
        return false;
    }

    /// <summary>Folders of groups that have no snapshot any more: a PBS keeps them.</summary>
    private void RemoveEmptyGroups(OpenDatastore store, BackupNamespace ns)
    {
        foreach (var group in store.Bytes.ListGroups(ns))
        {
            using var lease = leases.TryGroup(new GroupKey(store.Name, ns.Text, group.TypeName, group.Id));
            if (lease is not null)
            {
                store.Bytes.RemoveGroupIfEmpty(ns, group);
            }
        }
    }
}
