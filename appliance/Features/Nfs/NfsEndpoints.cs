// NFS over the API: exports and mounts, listed with how they are, made, removed. Ours: PBS has no such calls.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Pools;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Nfs;

/// <summary>Endpoints of this slice.</summary>
public sealed class NfsEndpoints(Permissions permissions, NfsWatch watch, PoolWatch pools, Func<NfsState> told)
{
    private const string Exports = "/nodes/{node}/nfs/exports";
    private const string Mounts = "/nodes/{node}/nfs/mounts";
    private const string On = "/system/disks";

    private static readonly Parameter Name = Parameter.Text("name") with { MinLength = 1, MaxLength = 63 };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Exports, new(PbsSchema.Node()), ListExports) { Permit = permissions.Needs(On, Privileges.SysAudit) },
        Does("POST", Exports, ExportAsync, Name, Parameter.List("clients", Parameter.Text("") with { MaxLength = 64 }), Parameter.Boolean("read-only"),
            Parameter.Text("squash") with { Optional = true, Choices = NfsExport.Squashes }),
        Does("DELETE", Exports + "/{name}", UnexportAsync, Name),
        new("GET", Mounts, new(PbsSchema.Node()), ListMounts) { Permit = permissions.Needs(On, Privileges.SysAudit) },
        Does("POST", Mounts, MountAsync, Name, Parameter.Text("server") with { MinLength = 1, MaxLength = 253 },
            Parameter.Text("remote") with { MinLength = 1, MaxLength = 512 }, Parameter.Boolean("read-only"),
            Parameter.Text("version") with { Optional = true, Choices = NfsMount.Versions }),
        Does("DELETE", Mounts + "/{name}", UnmountAsync, Name, Parameter.Boolean("lazy")),
    ];

    private ApiEndpoint Does(string method, string path, Func<ApiCall, Task<ApiResult>> handler, params Parameter[] parameters) =>
        new(method, path, new([PbsSchema.Node(), .. parameters]), call => BoxCalls.AnswerAsync(() => handler(call)))
        {
            Permit = permissions.Needs(On, Privileges.SysModify),
        };

    private static EventMetadata Because<T>(ApiCall call) where T : AgentAct => call.CallerAs<Caller>().Because(AgentNames.Of(typeof(T)));

    private ValueTask<ApiResult> ListExports(ApiCall call)
    {
        var (known, seen) = (told(), watch.Last);
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var export in known.Exports.Values)
            {
                json.WriteStartObject();
                Strings(json, "clients", export.Clients);
                json.WriteString("folder", export.Folder);
                json.WriteString("name", export.Name);
                json.WriteBoolean("read-only", export.IsReadOnly);
                json.WriteString("squash", export.Squash);
                json.WriteString("state", seen is null ? "not looked at" : !seen.IsServing ? "server does not run"
                    : seen.Exports.Any(one => one.Folder == export.Folder) ? "exported" : "not exported");
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private ValueTask<ApiResult> ListMounts(ApiCall call)
    {
        var (known, seen) = (told(), watch.Last);
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var one in known.Mounts.Values)
            {
                Write(json, one.Mount, seen?.Mounts.FirstOrDefault(look => look.Name == one.Mount.Name));
            }

            json.WriteEndArray();
        }));
    }

    private void Write(Utf8JsonWriter json, NfsMount mount, MountSeen? look)
    {
        json.WriteStartObject();
        json.WriteNumber("avail", look?.AvailableBytes ?? 0);
        Strings(json, "datastores", watch.StoresOn(mount));
        json.WriteString("folder", mount.Where);
        json.WriteString("name", mount.Name);
        json.WriteBoolean("read-only", mount.IsReadOnly);
        json.WriteString("remote", mount.What);
        json.WriteString("state", look?.State ?? "not looked at");
        json.WriteNumber("timeouts", look?.Traffic?.Timeouts ?? 0);
        json.WriteNumber("total", look?.SizeBytes ?? 0);
        json.WriteString("version", mount.Version);
        json.WriteString("why", look?.Why);
        json.WriteEndObject();
    }

    private async Task<ApiResult> ExportAsync(ApiCall call)
    {
        var (given, known) = (call.Parameters, told());
        var export = new NfsExport(given.Text("name"), given.Texts("clients"), given.Flag("read-only"), given.OptionalText("squash") ?? "all");
        if (export.Problem() is { } problem)
        {
            return ApiResult.Error(problem);
        }

        if (known.Exports.ContainsKey(export.Name))
        {
            return ApiResult.BadParameter("name", $"'{export.Name}' is exported already");
        }

        var look = await pools.LookAsync(call.Aborted).ConfigureAwait(false);
        if (look.Problem is { } unseen)
        {
            return ApiResult.Error(unseen);
        }

        if (!look.Seen.Datasets.Any(dataset => dataset.MountPoint == export.Folder && dataset.IsMounted))
        {
            return ApiResult.Error($"no dataset is mounted at {export.Folder}: 'holdfast pool dataset create' makes one");
        }

        if (pools.StoresIn([export.Folder]) is [var store, ..])
        {
            return ApiResult.Error($"datastore '{store}' lies in {export.Folder}: whoever mounts it could change backups past the ledger");
        }

        var because = Because<SetNfsExports>(call);
        await watch.ChangeAsync(new SetNfsExports([.. known.Exports.Values, export], export.Name),
            Event.Of(new NfsExportCreated(export.Name, export.Clients, export.IsReadOnly, export.Squash), because), because, call.Aborted)
            .ConfigureAwait(false);
        return ApiResult.String(export.Folder);
    }

    private async Task<ApiResult> UnexportAsync(ApiCall call)
    {
        var (name, known) = (call.Parameters.Text("name"), told());
        if (!known.Exports.ContainsKey(name))
        {
            return ApiResult.Error($"no export '{name}'");
        }

        var because = Because<SetNfsExports>(call);
        await watch.ChangeAsync(new SetNfsExports([.. known.Exports.Remove(name).Values]), Event.Of(new NfsExportRemoved(name), because), because, call.Aborted)
            .ConfigureAwait(false);
        return ApiResult.Null;
    }

    private async Task<ApiResult> MountAsync(ApiCall call)
    {
        var (given, known) = (call.Parameters, told());
        var mount = new NfsMount(given.Text("name"), given.Text("server"), given.Text("remote"), given.OptionalText("version") ?? NfsMount.Versions[0],
            given.Flag("read-only"));
        if (mount.Problem() is { } problem)
        {
            return ApiResult.Error(problem);
        }

        if (known.Mounts.ContainsKey(mount.Name) || known.Mounts.Count >= NfsMount.Most)
        {
            return ApiResult.BadParameter("name", known.Mounts.ContainsKey(mount.Name) ? $"there is a mount '{mount.Name}' already"
                : $"at most {NfsMount.Most} mounts");
        }

        var because = Because<MountNfs>(call);
        await watch.ChangeAsync(new MountNfs(mount), Event.Of(
            new NfsMountCreated(mount.Name, mount.Server, mount.Remote, mount.Version, mount.IsReadOnly), because), because, call.Aborted)
            .ConfigureAwait(false);
        return ApiResult.String(mount.Where);
    }

    private async Task<ApiResult> UnmountAsync(ApiCall call)
    {
        var (name, isLazy) = (call.Parameters.Text("name"), call.Parameters.Flag("lazy"));
        if (!told().Mounts.TryGetValue(name, out var known))
        {
            return ApiResult.Error($"no mount '{name}'");
        }

        if (!isLazy && watch.StoresOn(known.Mount) is [var store, ..])
        {
            return ApiResult.Error($"datastore '{store}' lies on it: remove that first, or unmount lazily and leave it without its data");
        }

        var because = Because<UnmountNfs>(call);
        await watch.ChangeAsync(new UnmountNfs(name, isLazy), Event.Of(new NfsMountRemoved(name, isLazy), because), because, call.Aborted)
            .ConfigureAwait(false);
        return ApiResult.Null;
    }

    private static void Strings(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
