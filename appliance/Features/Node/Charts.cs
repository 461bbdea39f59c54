// Time series for charts (pbs-protocol.md 4.2, 4.4): of the node, of a datastore, and every store's use with its history and the day when it will be full.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.GarbageCollection;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Node;

/// <summary>Endpoints <c>…/rrd</c> and <c>/status/datastore-usage</c>.</summary>
public sealed class Charts(
    Permissions permissions, Sampler sampler, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<GarbageCollectionState> collections,
    TimeProvider clock)
{
    private const Privileges AuditOrBackup = Privileges.DatastoreAudit | Privileges.DatastoreBackup;

    private const Privileges AnyOfDatastore = AuditOrBackup | Privileges.DatastoreAllocate | Privileges.DatastoreModify | Privileges.DatastoreRead
        | Privileges.DatastoreVerify | Privileges.DatastorePrune;

    private static readonly Parameter Frame = Parameter.Text("timeframe") with { Choices = [.. TimeFrame.All.Select(frame => frame.Name)] };
    private static readonly Parameter Mode = Parameter.Text("cf") with { Choices = ["MAX", "AVERAGE"] };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes/{node}/rrd", new(PbsSchema.Node(), Mode, Frame), call => Answer(call, sampler.Host))
        {
            Permit = permissions.Needs("/system/status", Privileges.SysAudit),
        },
        new("GET", "/admin/datastore/{store}/rrd", new(PbsSchema.Store(), Mode, Frame), StoreRows)
        {
            Permit = (caller, values) => permissions.Require((Caller)caller!, "/datastore/" + values["store"], AuditOrBackup),
        },
        new("GET", "/status/datastore-usage", ParameterSchema.Empty, Usage),
    ];

    private ValueTask<ApiResult> StoreRows(ApiCall call)
    {
        var name = call.Parameters.Text("store");
        return datastores().Stores.ContainsKey(name)
            ? Answer(call, sampler.Store(name))
            : ValueTask.FromResult(ApiResult.Error($"no such datastore '{name}'"));
    }

    private ValueTask<ApiResult> Answer(ApiCall call, History history)
    {
        var frame = TimeFrame.All.First(frame => frame.Name == call.Parameters.Text("timeframe"));
        var rows = history.Rows(frame, clock.GetUtcNow().ToUnixTimeSeconds(), call.Parameters.Text("cf") == "MAX");
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var (timeS, values) in rows)
            {
                json.WriteStartObject();
                json.WriteNumber("time", timeS);
                foreach (var (name, value) in values)
                {
                    json.WriteNumber(name, value);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> Usage(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var visible = datastores().Stores.Values
            .Select(store => (store.Name, Whole: (permissions.On("/datastore/" + store.Name, caller) & AuditOrBackup) != 0))
            .Where(store => store.Whole || permissions.State.AnywhereBelow("/datastore/" + store.Name, caller.AuthId, AnyOfDatastore)).ToList();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var (name, whole) in visible)
            {
                json.WriteStartObject();
                if (whole)
                {
                    WriteUsage(json, name);
                }
                else
                {
                    json.WriteString("backend-type", "filesystem");
                }

                json.WriteString("mount-status", "nonremovable");
                json.WriteString("store", name);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private void WriteUsage(Utf8JsonWriter json, string name)
    {
        VolumeSpace space = default;
        var problem = "";
        try
        {
            space = stores.Find(name, out problem)?.Space() ?? default;
        }
        catch (StorageException error)
        {
            problem = error.Message;
        }

        json.WriteString("backend-type", "filesystem");
        if (problem.Length > 0)
        {
            json.WriteString("error", problem);
            return;
        }

        json.WriteNumber("avail", space.AvailableBytes);
        json.WriteNumber("total", space.TotalBytes);
        json.WriteNumber("used", space.UsedBytes);
        GarbageCollectionJson.WriteGcStatus(json, collections().Of(name));
        var rows = sampler.Store(name).Rows(TimeFrame.Month, clock.GetUtcNow().ToUnixTimeSeconds(), max: false);
        var use = rows.Select(row => UseOf(row.Values)).ToList();
        if (FullDate.Estimate(use, rows[0].TimeS, TimeFrame.Month.StepS) is { } full)
        {
            json.WriteNumber("estimated-full-date", full);
        }

        json.WriteStartArray("history");
        foreach (var value in use)
        {
            if (value is { } known)
            {
                json.WriteNumberValue(known);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
        json.WriteNumber("history-delta", TimeFrame.Month.StepS);
        json.WriteNumber("history-start", rows[0].TimeS);
    }

    private static double? UseOf(IReadOnlyList<KeyValuePair<string, double>> values)
    {
        var total = values.FirstOrDefault(value => value.Key == "total").Value;
        return total > 0 ? values.FirstOrDefault(value => value.Key == "used").Value / total : null;
    }
}
