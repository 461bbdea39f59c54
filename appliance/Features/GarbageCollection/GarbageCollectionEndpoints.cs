// Garbage collection over the API (pbs-protocol.md 4.2): start one, its status, and the list over all datastores.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.GarbageCollection;

/// <summary>Endpoints of garbage collection.</summary>
/// <param name="writeSchedule">Adds <c>schedule</c> and <c>next-run</c> of a datastore.</param>
public sealed class GarbageCollectionEndpoints(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<GarbageCollectionState> state, CollectGarbage collect,
    TaskRunner tasks, Action<Utf8JsonWriter, string> writeSchedule)
{
    /// <summary>PBS lets a second caller wait this long for the first collection to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", "/admin/datastore/{store}/gc", new(PbsSchema.Store(), Parameter.Boolean("dry-run")), StartAsync),
        new("GET", "/admin/datastore/{store}/gc", new(PbsSchema.Store()), Status),
        new("GET", "/admin/gc", new(PbsSchema.Store().AsOptional()), List),
    ];

    private async ValueTask<ApiResult> StartAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var name = call.Parameters.Text("store");
        if (permissions.Require(caller, "/datastore/" + name, Privileges.DatastoreModify) is { } refusal)
        {
            return refusal;
        }

        if (stores.FindForWriting(name, out var problem) is null)
        {
            return ApiResult.Error(problem);
        }

        if (await collect.TryTurnAsync(name, Patience).ConfigureAwait(false) is not { } turn)
        {
            return ApiResult.Error(CollectGarbage.AlreadyRunning);
        }

        try
        {
            // Of our own: only say what it would remove.
            var isForecast = call.Parameters.Flag("dry-run");
            var task = await tasks.StartAsync("garbage_collection", name, caller, async running =>
            {
                using (turn)
                {
                    await (isForecast ? collect.ForecastInTurnAsync(running, name) : collect.RunInTurnAsync(running, name)).ConfigureAwait(false);
                }
            }, name).ConfigureAwait(false);
            return ApiResult.String(task.Upid.ToString());
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    private ValueTask<ApiResult> Status(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var name = call.Parameters.Text("store");
        if (permissions.Require(caller, "/datastore/" + name, Privileges.DatastoreAudit) is { } refusal)
        {
            return ValueTask.FromResult<ApiResult>(refusal);
        }

        return ValueTask.FromResult(stores.Find(name, out var problem) is null
            ? ApiResult.Error(problem)
            : ApiResult.Data(json => Write(json, name)));
    }

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var only = call.Parameters.OptionalText("store");
        var shown = datastores().Stores.Keys
            .Where(name => (only is null || only == name) && (permissions.On("/datastore/" + name, caller) & Privileges.DatastoreAudit) != 0).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            shown.ForEach(name => Write(json, name));
            json.WriteEndArray();
        }));
    }

    private void Write(Utf8JsonWriter json, string name)
    {
        var last = state().Of(name);
        json.WriteStartObject();
        GarbageCollectionJson.WriteFields(json, last.StatusUpid, last.Status);
        if (last.LastEndTimeS is { } endTimeS)
        {
            json.WriteNumber("duration", last.LastDurationMs / 1000);
            json.WriteNumber("last-run-endtime", endTimeS);
            json.WriteString("last-run-state", last.LastState);
        }

        writeSchedule(json, name);
        json.WriteString("store", name);
        json.WriteEndObject();
    }
}
