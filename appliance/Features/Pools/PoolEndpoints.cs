// Pools over the API: PBS's `disks/zfs` (list, one, create) in its own shape, and below `pools` what PBS has not: import, export, replace, scrub and the
// rest. What is shown is what the agent saw last, with the time of that look.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Pools;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Tasks;
using Holdfast.Wire;

namespace Holdfast.Features.Pools;

/// <summary>Endpoints of this slice.</summary>
/// <param name="power">Why writes may not be taken as durable before they are; null = a healthy UPS is there.</param>
public sealed class PoolEndpoints(
    Permissions permissions, PoolWatch watch, PoolTasks work, AgentActs acts, TaskRunner tasks, Func<string?> power)
{
    private const string Zfs = "/nodes/{node}/disks/zfs";
    private const string Pools = "/nodes/{node}/pools";
    private const string On = "/system/disks";
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(4);

    private static readonly Parameter Name = Parameter.Text("name") with { MinLength = 1, MaxLength = 63 };
    private static readonly Parameter Pool = Parameter.Text("pool") with { MinLength = 1, MaxLength = 63 };
    private static readonly Parameter Vdev = Parameter.Text("vdev") with { MinLength = 1, MaxLength = 256 };
    private static readonly Parameter Disk = Parameter.Text("disk") with { MinLength = 1, MaxLength = 256 };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        Seen(Zfs, new(PbsSchema.Node()), List),
        Seen(Zfs + "/{name}", new(PbsSchema.Node(), Name), One),
        Does(Zfs, new(PbsSchema.Node(), Name, Parameter.Text("devices") with { MinLength = 1, MaxLength = 65536 },
            Parameter.Text("raidlevel") with { MaxLength = 16 },
            Devices("special"), Devices("log"), Devices("cache"), Devices("spares"), Parameter.Boolean("add-datastore"),
                Parameter.Integer("ashift") with { Optional = true, Minimum = 12, Maximum = 12 },
            Parameter.Text("compression") with { Optional = true, Choices = ["on", "lz4"] }), CreateAsync),
        Seen(Pools + "/importable", new(PbsSchema.Node()), ImportableAsync),
        Acts("/import", new(PbsSchema.Node(), Pool, Parameter.Boolean("force")), given => new ImportPool(given.Text("pool"), given.Flag("force"))),
        Acts("/{pool}/export", new(PbsSchema.Node(), Pool), given => new ExportPool(given.Text("pool"))),
        Acts("/{pool}/clear", new(PbsSchema.Node(), Pool, Vdev.AsOptional()), given => new ClearPoolErrors(given.Text("pool"), given.OptionalText("vdev"))),
        Acts("/{pool}/online", new(PbsSchema.Node(), Pool, Vdev), given => new SetPoolDiskOnline(given.Text("pool"), given.Text("vdev"), true)),
        Acts("/{pool}/offline", new(PbsSchema.Node(), Pool, Vdev), given => new SetPoolDiskOnline(given.Text("pool"), given.Text("vdev"), false)),
        Acts("/{pool}/attach", new(PbsSchema.Node(), Pool, Vdev, Disk), given =>
            new AttachPoolDisk(given.Text("pool"), given.Text("vdev"), given.Text("disk"))),
        Acts("/{pool}/spare", new(PbsSchema.Node(), Pool, Disk), given => new AddPoolSpare(given.Text("pool"), given.Text("disk"))),
        Acts("/{pool}/trim", new(PbsSchema.Node(), Pool), given => new TrimPool(given.Text("pool"))),
        Acts("/{pool}/scrub/pause", new(PbsSchema.Node(), Pool), given => new ScrubPool(given.Text("pool"), "pause")),
        Acts("/{pool}/scrub/stop", new(PbsSchema.Node(), Pool), given => new ScrubPool(given.Text("pool"), "stop")),
        Acts("/{pool}/quota", new(PbsSchema.Node(), Pool, Name, Parameter.Integer("quota") with { Minimum = 0 }),
            given => new SetDatasetQuota(given.Text("pool") + "/" + given.Text("name"), given.Integer("quota"))),
        Acts("/{pool}/snapshot", new(PbsSchema.Node(), Pool, Name, Parameter.Text("snapshot") with { MaxLength = 63 },
            Parameter.Text("hold") with { Optional = true, MaxLength = 63 }),
            given => new SnapshotDataset($"{given.Text("pool")}/{given.Text("name")}@{given.Text("snapshot")}", given.OptionalText("hold"))),
        Acts("/{pool}/release", new(PbsSchema.Node(), Pool, Name, Parameter.Text("snapshot") with { MaxLength = 63 },
            Parameter.Text("hold") with { Optional = true, MaxLength = 63 }),
            given => new RemoveDatasetSnapshot($"{given.Text("pool")}/{given.Text("name")}@{given.Text("snapshot")}", given.OptionalText("hold"))),
        Does(Pools + "/{pool}/sync", new(PbsSchema.Node(), Pool, Name, Parameter.Text("sync") with { MaxLength = 16 }), SetSyncAsync),
        Does(Pools + "/{pool}/scrub", new(PbsSchema.Node(), Pool), call =>
            Task("zfs-scrub", call, (running, given) => work.ScrubAsync(running, given.Text("pool")))),
        Does(Pools + "/{pool}/replace", new(PbsSchema.Node(), Pool, Vdev, Disk.AsOptional()), call => Task("zfs-replace", call,
            (running, given) => work.ReplaceAsync(running, given.Text("pool"), given.Text("vdev"), given.OptionalText("disk")))),
        Does(Pools + "/{pool}/datastore", new(PbsSchema.Node(), Pool, Name, Parameter.Integer("quota") with { Optional = true, Minimum = 0 }), call =>
            Task("zfs-datastore", call,
            (running, given) => work.CreateDatastoreAsync(running, given.Text("pool"), given.Text("name"), given.Has("quota") ? given.Integer("quota") : 0))),
    ];

    private static Parameter Devices(string name) => Parameter.Text(name) with { Optional = true, MaxLength = 65536 };

    private ApiEndpoint Seen(string path, ParameterSchema schema, Func<ApiCall, ValueTask<ApiResult>> handler) =>
        new("GET", path, schema, handler) { Permit = permissions.Needs(On, Privileges.SysAudit) };

    private ApiEndpoint Does(string path, ParameterSchema schema, Func<ApiCall, ValueTask<ApiResult>> handler) =>
        new("POST", path, schema, handler) { Permit = permissions.Needs(On, Privileges.SysModify) };

    private ApiEndpoint Acts(string verb, ParameterSchema schema, Func<ApiParameters, AgentAct> act) =>
        Does(Pools + verb, schema, call => DoAsync(call, act(call.Parameters)));

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var look = watch.Last;
        return Answer(look, json =>
        {
            json.WriteStartArray();
            foreach (var pool in look.Seen.Pools)
            {
                json.WriteStartObject();
                json.WriteNumber("alloc", pool.AllocatedBytes);
                json.WriteNumber("dedup", 1.0);
                json.WriteNumber("frag", pool.FragmentationPercent ?? 0);
                json.WriteNumber("free", Math.Max(0, pool.SizeBytes - pool.AllocatedBytes));
                json.WriteString("health", pool.State);
                json.WriteString("name", pool.Name);
                json.WriteNumber("size", pool.SizeBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private ValueTask<ApiResult> One(ApiCall call)
    {
        var look = watch.Last;
        var name = call.Parameters.Text("name");
        if (look.Seen.Pools.FirstOrDefault(pool => pool.Name == name) is not { } found)
        {
            return ValueTask.FromResult(ApiResult.Error(look.Problem ?? $"no pool '{name}'"));
        }

        return Answer(look, json => WritePool(json, found, look));
    }

    private static void WritePool(Utf8JsonWriter json, Pool pool, PoolsLook look)
    {
        json.WriteStartObject();
        json.WriteNumber("alloc", pool.AllocatedBytes);
        json.WritePropertyName("datasets");
        DatasetEndpoints.Write(json, look, pool.Name);
        json.WriteStartArray("damaged-files");
        foreach (var file in pool.DamagedFiles)
        {
            json.WriteStringValue(file);
        }

        json.WriteEndArray();
        json.WriteNumber("errors", pool.DamagedCount);
        json.WriteString("guid", pool.Guid);
        json.WriteString("name", pool.Name);
        if (pool.Scan is { } scan)
        {
            json.WriteStartObject("scan");
            json.WriteNumber("ended", scan.EndedAt);
            json.WriteNumber("errors", scan.Errors);
            json.WriteString("function", scan.Function);
            json.WriteBoolean("paused", scan.IsPaused);
            json.WriteNumber("percent", scan.IsRunning ? scan.Percent : 100);
            json.WriteNumber("repaired", scan.RepairedBytes);
            json.WriteNumber("started", scan.StartedAt);
            json.WriteString("state", scan.State);
            json.WriteEndObject();
        }

        json.WriteNumber("seen-at", look.AtS);
        json.WriteNumber("size", pool.SizeBytes);
        json.WriteStartArray("snapshots");
        foreach (var snapshot in look.Seen.Snapshots.Where(one => one.Name.StartsWith(pool.Name + "/", StringComparison.Ordinal)
            || one.Name.StartsWith(pool.Name + "@", StringComparison.Ordinal)))
        {
            json.WriteStartObject();
            json.WriteNumber("creation", snapshot.CreatedAt);
            json.WriteNumber("holds", snapshot.Holds);
            json.WriteString("name", snapshot.Name);
            json.WriteNumber("used", snapshot.UsedBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("state", pool.State);
        json.WriteString("status", pool.MessageId);
        json.WriteStartArray("vdevs");
        foreach (var vdev in pool.Vdevs)
        {
            json.WriteStartObject();
            json.WriteNumber("checksum", vdev.ChecksumErrors);
            json.WriteString("class", vdev.Class);
            json.WriteString("guid", vdev.Guid);
            json.WriteString("name", vdev.Name);
            json.WriteString("parent", vdev.Parent);
            json.WriteString("path", vdev.Path);
            json.WriteNumber("read", vdev.ReadErrors);
            json.WriteString("state", vdev.State);
            json.WriteString("type", vdev.Type);
            json.WriteNumber("write", vdev.WriteErrors);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private ValueTask<ApiResult> ImportableAsync(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        var found = await acts.Agent.AskForAsync<ImportablePools>(new ListImportablePools(), Within).ConfigureAwait(false);
        return ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var pool in found.Pools)
            {
                json.WriteStartObject();
                json.WriteString("guid", pool.Guid);
                json.WriteString("name", pool.Name);
                json.WriteString("state", pool.State);
                json.WriteString("why", pool.Why);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    });

    private async ValueTask<ApiResult> CreateAsync(ApiCall call)
    {
        var given = call.Parameters;
        var layout = given.Text("raidlevel") switch
        {
            "raid10" => "mirror",
            "raidz" => "raidz1",
            "draid" => "draid1",
            var other => other,
        };
        var wish = new CreatePool(given.Text("name"), layout, Names(given.Text("devices")), Names(given.OptionalText("special")),
            Names(given.OptionalText("log")),
            Names(given.OptionalText("cache")), Names(given.OptionalText("spares")));
        var withDatastore = given.Flag("add-datastore");
        return await Task("zfscreate", call, (running, _) => work.CreateAsync(running, wish, withDatastore), wish.Name).ConfigureAwait(false);
    }

    private async ValueTask<ApiResult> SetSyncAsync(ApiCall call)
    {
        var given = call.Parameters;
        if (given.Text("sync") == "disabled" && power() is { } why)
        {
            return ApiResult.Error($"sync=disabled loses what was acknowledged when the power fails, and nothing bridges that here: {why}");
        }

        return await DoAsync(call, new SetDatasetSync(given.Text("pool") + "/" + given.Text("name"), given.Text("sync"))).ConfigureAwait(false);
    }

    private ValueTask<ApiResult> DoAsync(ApiCall call, AgentAct act) => BoxCalls.AnswerAsync(async () =>
    {
        await acts.DoAsync<AgentDone>(act, call.CallerAs<Caller>().Because(AgentNames.Of(act.GetType())), Within).ConfigureAwait(false);
        if (act is ExportPool exported)
        {
            watch.LetGo(exported.Pool);
        }

        await watch.LookAsync(CancellationToken.None).ConfigureAwait(false);
        return ApiResult.Null;
    });

    private async ValueTask<ApiResult> Task(string kind, ApiCall call, Func<RunningTask, ApiParameters, Task> run, string? subject = null)
    {
        var given = call.Parameters;
        var task = await tasks.StartAsync(kind, subject ?? given.Text("pool"), call.CallerAs<Caller>(), running => run(running, given)).ConfigureAwait(false);
        return ApiResult.String(task.Upid.ToString());
    }

    private static IReadOnlyList<string> Names(string? list) =>
        list is null ? [] : [.. list.Split([',', ';', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];

    private static ValueTask<ApiResult> Answer(PoolsLook look, Action<Utf8JsonWriter> write) => ValueTask.FromResult(
        look.AtS == 0 && look.Problem is { } problem ? ApiResult.Error(problem) : ApiResult.Data(write));
}
