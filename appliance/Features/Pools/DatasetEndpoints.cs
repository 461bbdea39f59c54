// File systems of pools over the API: list, make, set, destroy. None is destroyed while a datastore lies on it; the agent looks for itself what else does.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Pools;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Wire;

namespace Holdfast.Features.Pools;

/// <summary>Endpoints of datasets.</summary>
/// <param name="exports">Why a folder is still needed for an export, in words; null = it is not.</param>
public sealed class DatasetEndpoints(Permissions permissions, PoolWatch watch, AgentActs acts, Func<string, string?> exports)
{
    private const string Root = "/nodes/{node}/pools/{pool}/datasets";
    private const string On = "/system/disks";
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(4);
    private static readonly Parameter Pool = Parameter.Text("pool") with { MinLength = 1, MaxLength = 63 };
    private static readonly Parameter Name = Parameter.Text("name") with { MinLength = 1, MaxLength = 63 };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Root, new(PbsSchema.Node(), Pool), ListAsync) { Permit = permissions.Needs(On, Privileges.SysAudit) },
        Does("POST", Root, new(PbsSchema.Node(), Pool, Name, Bytes("quota")), given =>
            new CreatePoolDataset(NameOf(given), given.Has("quota") ? given.Integer("quota") : 0)),
        Does("PUT", Root + "/{name}", new(PbsSchema.Node(), Pool, Name, Bytes("quota"), Bytes("refquota"), Bytes("recordsize"), Word("compression"),
            Word("atime")), given => new SetDatasetProperties(NameOf(given), BytesOf(given, "quota"), BytesOf(given, "refquota"),
                BytesOf(given, "recordsize"), given.OptionalText("compression"), given.OptionalText("atime"))),
        Does("DELETE", Root + "/{name}", new(PbsSchema.Node(), Pool, Name, Parameter.Text("confirm") with { MaxLength = 128 }), given =>
            new DestroyPoolDataset(NameOf(given), given.Text("confirm"))),
    ];

    /// <summary>The file systems of a pool as they were seen last.</summary>
    public static void Write(Utf8JsonWriter json, PoolsLook look, string pool)
    {
        json.WriteStartArray();
        foreach (var dataset in look.Seen.Datasets.Where(dataset => dataset.Name == pool || dataset.Name.StartsWith(pool + "/", StringComparison.Ordinal)))
        {
            json.WriteStartObject();
            json.WriteString("atime", dataset.Atime);
            json.WriteNumber("available", dataset.AvailableBytes);
            json.WriteString("compression", dataset.Compression);
            json.WriteString("mountpoint", dataset.MountPoint);
            json.WriteString("name", dataset.Name);
            json.WriteNumber("quota", dataset.QuotaBytes);
            json.WriteNumber("recordsize", dataset.RecordSizeBytes);
            json.WriteNumber("refquota", dataset.RefQuotaBytes);
            json.WriteString("sync", dataset.Sync);
            json.WriteNumber("used", dataset.UsedBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static Parameter Bytes(string name) => Parameter.Integer(name) with { Optional = true, Minimum = 0 };

    private static Parameter Word(string name) => Parameter.Text(name) with { Optional = true, MaxLength = 16 };

    private static string NameOf(ApiParameters given) => given.Text("pool") + "/" + given.Text("name");

    private static long? BytesOf(ApiParameters given, string name) => given.Has(name) ? given.Integer(name) : null;

    private ApiEndpoint Does(string method, string path, ParameterSchema schema, Func<ApiParameters, AgentAct> act) =>
        new(method, path, schema, call => BoxCalls.AnswerAsync(() => DoAsync(call, act(call.Parameters))))
        {
            Permit = permissions.Needs(On, Privileges.SysModify),
        };

    private ValueTask<ApiResult> ListAsync(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        var pool = call.Parameters.Text("pool");
        var look = await watch.LookAsync(call.Aborted).ConfigureAwait(false);
        return look.Problem is { } problem ? ApiResult.Error(problem)
            : look.Seen.Pools.All(one => one.Name != pool) ? ApiResult.Error($"no pool '{pool}'")
            : ApiResult.Data(json => Write(json, look, pool));
    });

    private async Task<ApiResult> DoAsync(ApiCall call, AgentAct act)
    {
        if (act is DestroyPoolDataset doomed && await NeededAsync(doomed.Dataset, call.Aborted).ConfigureAwait(false) is { } why)
        {
            return ApiResult.Error($"dataset '{doomed.Dataset}' is in use: {why}");
        }

        await acts.DoAsync<AgentDone>(act, call.CallerAs<Caller>().Because(AgentNames.Of(act.GetType())), Within).ConfigureAwait(false);
        await watch.LookAsync(CancellationToken.None).ConfigureAwait(false);
        return ApiResult.Null;
    }

    /// <summary>A datastore is known here although its folder may be empty, or can't be seen by the agent.</summary>
    private async Task<string?> NeededAsync(string name, CancellationToken cancel)
    {
        var look = await watch.LookAsync(cancel).ConfigureAwait(false);
        var folder = look.Seen.Datasets.FirstOrDefault(dataset => dataset.Name == name)?.MountPoint;
        return folder is null ? null
            : watch.StoresIn([folder]) is [var store, ..] ? $"datastore '{store}' lies on it: remove that first"
            : exports(folder);
    }
}
