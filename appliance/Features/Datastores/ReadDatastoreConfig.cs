// GET config/datastore: all datastores whose configuration the caller may see, and one of them.
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Datastores;

/// <summary>Shows configurations.</summary>
public sealed class ReadDatastoreConfig(Permissions permissions, Func<DatastoresState> datastores, IDatastoreFolders folders)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", DatastoreConfig.Root, ParameterSchema.Empty, List),
        new("GET", DatastoreConfig.Root + "/{name}", new(DatastoreConfig.Name), One) { Permit = OnStore(permissions, Privileges.DatastoreAudit) },
    ];

    /// <summary>A Permit: any of these privileges on the datastore that the path's <c>{name}</c> says.</summary>
    internal static Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> OnStore(Permissions permissions, Privileges any) =>
        (caller, values) => (permissions.On("/datastore/" + values["name"], (Caller)caller!) & any) != 0
            ? null
            : new ApiResult.Refused(403, Permissions.Refusal);

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var state = datastores();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var store in state.Stores.Values)
            {
                if ((permissions.On("/datastore/" + store.Name, caller) & Privileges.DatastoreAudit) != 0)
                {
                    DatastoreConfig.Write(json, store, folders.Absolute(store.Path));
                }
            }

            json.WriteEndArray();
        }, json => json.WriteString("digest", DatastoreConfig.DigestOf(state))));
    }

    private ValueTask<ApiResult> One(ApiCall call)
    {
        var state = datastores();
        var name = call.Parameters.Text("name");
        return ValueTask.FromResult(state.Stores.TryGetValue(name, out var store)
            ? ApiResult.Data(
                json => DatastoreConfig.Write(json, store, folders.Absolute(store.Path)),
                json => json.WriteString("digest", DatastoreConfig.DigestOf(state)))
            : ApiResult.Error($"no such datastore '{name}'"));
    }
}
