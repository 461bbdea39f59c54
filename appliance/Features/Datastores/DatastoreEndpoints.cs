// Datastores over the API (pbs-protocol.md 4.2): the list that PVE activates a storage by, space and counts.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.GarbageCollection;
using Holdfast.Features.Snapshots;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Endpoints on datastores.</summary>
public sealed class DatastoreEndpoints(
    Permissions permissions, DatastoreRegistry stores, StorageFaults faults, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots,
    Func<GarbageCollectionState> collections)
{
    private const Privileges AnyOfDatastore = Privileges.DatastoreAudit | Privileges.DatastoreBackup;
    private const Privileges Any = AnyOfDatastore | Privileges.DatastoreAllocate | Privileges.DatastoreModify | Privileges.DatastoreRead
        | Privileges.DatastoreVerify | Privileges.DatastorePrune;

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/admin/datastore", ParameterSchema.Empty, List),
        Guarded(new("GET", "/admin/datastore/{store}/status", new(PbsSchema.Store(), Parameter.Boolean("verbose")), Status)),
    ];

    private ApiEndpoint Guarded(ApiEndpoint endpoint) => faults.Guard(endpoint, call => stores.Find(call.Parameters.Text("store"), out _));

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var visible = datastores().Stores.Values
            .Where(store => permissions.State.AnywhereBelow("/datastore/" + store.Name, caller.AuthId, AnyOfDatastore)).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var store in visible)
            {
                json.WriteStartObject();
                json.WriteString("backend-type", "filesystem");
                json.WriteString("comment", store.Comment);
                if (store.Maintenance is { } mode)
                {
                    json.WriteString("maintenance", mode.ToString());
                }
                else if ((stores.AwayOf(store.Name) ?? stores.FindAnyway(store.Name)?.Failure) is { } failure)
                {
                    json.WriteString("maintenance", new MaintenanceMode("offline", failure).ToString());
                }

                json.WriteString("mount-status", "nonremovable");
                json.WriteString("store", store.Name);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Status(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var name = call.Parameters.Text("store");
        var path = "/datastore/" + name;
        var has = permissions.On(path, caller);
        if ((has & (AnyOfDatastore | Privileges.DatastoreRead)) == 0 && !permissions.State.AnywhereBelow(path, caller.AuthId, Any))
        {
            return ValueTask.FromResult(ApiResult.Error(403, "permission check failed"));
        }

        if (stores.Find(name, out var problem) is not { } store)
        {
            return ValueTask.FromResult(ApiResult.Error(problem));
        }

        var space = (has & AnyOfDatastore) != 0 ? store.Space() : default;
        var counts = call.Parameters.Flag("verbose") ? Count(name) : null;
        var showCounts = (has & (Privileges.DatastoreAudit | Privileges.DatastoreRead)) != 0;
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("avail", space.AvailableBytes);
            json.WriteString("backend-type", "filesystem");
            if (counts is not null)
            {
                WriteCounts(json, showCounts ? counts : []);
                GarbageCollectionJson.WriteGcStatus(json, collections().Of(name));
            }

            json.WriteNumber("total", space.TotalBytes);
            json.WriteNumber("used", space.UsedBytes);
            json.WriteEndObject();
        }));
    }

    private Dictionary<string, (int Groups, int Snapshots)> Count(string store)
    {
        var counts = new Dictionary<string, (int Groups, int Snapshots)>();
        foreach (var group in snapshots().InStore(store).Where(group => group.ListedCount > 0))
        {
            var (groups, total) = counts.GetValueOrDefault(group.Key.BackupType);
            counts[group.Key.BackupType] = (groups + 1, total + group.ListedCount);
        }

        return counts;
    }

    private static void WriteCounts(Utf8JsonWriter json, Dictionary<string, (int Groups, int Snapshots)> counts)
    {
        json.WriteStartObject("counts");
        foreach (var type in (string[])["ct", "host", "other", "vm"])
        {
            if (!counts.TryGetValue(type, out var count))
            {
                json.WriteNull(type);
                continue;
            }

            json.WriteStartObject(type);
            json.WriteNumber("groups", count.Groups);
            json.WriteNumber("snapshots", count.Snapshots);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
