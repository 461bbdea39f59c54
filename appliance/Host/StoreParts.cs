// The parts around datastores and the node, put together: who opens, makes, edits and ends datastores, and what goes with one that ends.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Metrics;
using Holdfast.Features.Node;
using Holdfast.Features.Schedules;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Host;

/// <summary>Datastores and node, for <see cref="Parts"/>.</summary>
internal sealed class StoreParts
{
    private readonly Foundations on;

    public StoreParts(Foundations on, Permissions permissions, DatastoreRegistry stores, Reconciliation reconciliation, Leases leases, TaskRunner tasks)
    {
        this.on = on;
        Func<DatastoresState> datastores = () => on.Folds.Datastores.State;
        Func<SnapshotsState> snapshots = () => on.Folds.Snapshots.State;
        var turn = new ConfigTurn();
        Opening = new StoreOpening(on.Settings, on.StoreFolders, on.Clock);
        Removing = new RemoveDatastore(permissions, stores, datastores, on.StoreFolders, tasks, on.Recorder, turn, [AccessBelow, JobsOn]);
        Sampler = new Sampler(on.Node, stores, on.Histories, on.Clock);
        Space = new SpaceWatch(stores, datastores, () => on.Folds.Space.State, on.Recorder);
        var facts = new MetricFacts(
            datastores, snapshots, () => on.Folds.Tasks.State, () => on.Folds.GarbageCollection.State, () => on.Folds.Alarms.State);
        Metrics = new MetricEndpoints(
            permissions, Sampler, new ApplianceMetrics(permissions, facts, stores, Sampler, on.Recorder.Ledger, on.Clock));
        Creating = new CreateDatastore(permissions, stores, datastores, Opening, reconciliation, tasks, on.Recorder, turn,
            folder => on.Folds.Nfs.State.ExportAt(folder));
        Endpoints =
        [
            .. new ReadDatastoreConfig(permissions, datastores, on.StoreFolders).Endpoints,
            .. Creating.Endpoints,
            .. new UpdateDatastore(permissions, stores, datastores, Opening, on.Recorder, turn).Endpoints,
            .. Removing.Endpoints,
            .. new StoreOperations(permissions, stores, datastores, snapshots, reconciliation, leases, tasks).Endpoints,
            .. new NodeStatus(permissions, on.Node, Sampler, datastores, stores, on.Recorder, on.InstanceId).Endpoints,
            .. new Charts(permissions, Sampler, stores, datastores, () => on.Folds.GarbageCollection.State, on.Clock).Endpoints,
            .. Metrics.Endpoints, .. Directories.Endpoints, .. NotHere.Endpoints,
        ];
    }

    public StoreOpening Opening { get; }

    public CreateDatastore Creating { get; }

    public RemoveDatastore Removing { get; }

    public Sampler Sampler { get; }

    public SpaceWatch Space { get; }

    public MetricEndpoints Metrics { get; }

    public IReadOnlyList<ApiEndpoint> Endpoints { get; }

    /// <summary>Entries of the access list.</summary>
    private IEnumerable<(string, NewEvent)> AccessBelow(string store, EventMetadata because)
    {
        var path = "/datastore/" + store;
        return on.Folds.Access.State.Acl.Values.SelectMany(entries => entries)
            .Where(entry => entry.Path == path || entry.Path.StartsWith(path + "/", StringComparison.Ordinal))
            .Select(entry => ("auth:acl", Event.Of(new AccessWithdrawn(entry.Path, entry.AuthId, entry.Role), because)));
    }

    /// <summary>Jobs.</summary>
    private IEnumerable<(string, NewEvent)> JobsOn(string store, EventMetadata because) => on.Folds.Jobs.State.Jobs.Values
        .Where(job => job.Store == store)
        .Select(job => ($"job:{job.Kind}:{job.Id}", Event.Of(new JobRemoved(job.Kind, job.Id), because)));
}
