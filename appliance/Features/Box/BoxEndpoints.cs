// The box as a whole over the API: time zone (PBS's nodes/{node}/time), the servers its clock follows, its journal (PBS's nodes/{node}/journal), and forgetting
// everything.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Network;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Wire;

namespace Holdfast.Features.Box;

/// <summary>Endpoints of this slice.</summary>
public sealed class BoxEndpoints(Permissions permissions, INodeSource node, AgentActs acts, Recorder recorder)
{
    /// <summary>Typed by whoever wants a factory reset.</summary>
    public const string ResetWords = "forget everything";

    private const string Root = "/nodes/{node}";
    private const string OnTime = "/system/time";
    private const int JournalLines = 500;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(1);

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        Of("GET", "/time", permissions.Needs(OnTime, Privileges.SysAudit), _ => Task.FromResult(Time())),
        Of("PUT", "/time", permissions.Needs(OnTime, Privileges.SysModify), SetZoneAsync, Parameter.Text("timezone") with { MinLength = 1, MaxLength = 64 }),
        Of("GET", "/time-servers", permissions.Needs(OnTime, Privileges.SysAudit), ServersAsync),
        Of("PUT", "/time-servers", permissions.Needs(OnTime, Privileges.SysModify), SetServersAsync,
            Parameter.List("server", Parameter.Text("") with { MinLength = 1, MaxLength = 253 }).AsOptional()),
        Of("GET", "/journal", permissions.Needs("/system/log", Privileges.SysAudit), JournalAsync,
            Parameter.Integer("lastentries") with { Optional = true, Minimum = 1, Maximum = ReadJournal.LinesMax }),
        Of("POST", "/factory-reset", Permissions.SuperuserOnly, ResetAsync, Parameter.Text("confirm") with { MaxLength = 64 }),
    ];

    private static ApiEndpoint Of(
        string method, string path, Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?> permit, Func<ApiCall, Task<ApiResult>> handler,
        params Parameter[] more) =>
        new(method, Root + path, new([PbsSchema.Node(), .. more]), call => BoxCalls.AnswerAsync(() => handler(call))) { Permit = permit };

    private ApiResult Time()
    {
        var now = recorder.Clock.GetUtcNow();
        var zone = recorder.Clock.LocalTimeZone;
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("localtime", now.ToUnixTimeSeconds() + (long)zone.GetUtcOffset(now).TotalSeconds);
            json.WriteNumber("time", now.ToUnixTimeSeconds());
            json.WriteString("timezone", node.Identify().TimeZone);
            json.WriteEndObject();
        });
    }

    private async Task<ApiResult> SetZoneAsync(ApiCall call)
    {
        await DoAsync(call, new SetTimeZone(call.Parameters.Text("timezone"))).ConfigureAwait(false);
        TimeZoneInfo.ClearCachedData();
        return ApiResult.Null;
    }

    private async Task<ApiResult> ServersAsync(ApiCall call)
    {
        var servers = await acts.Agent.AskForAsync<TimeServers>(new ReadTimeServers(), Within, call.Aborted).ConfigureAwait(false);
        return Texts(servers.Servers);
    }

    private async Task<ApiResult> SetServersAsync(ApiCall call)
    {
        await DoAsync(call, new SetTimeServers(call.Parameters.Texts("server"))).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private async Task<ApiResult> JournalAsync(ApiCall call)
    {
        var lines = (int)call.Parameters.Integer("lastentries", JournalLines);
        var journal = await acts.Agent.AskForAsync<JournalLines>(new ReadJournal(lines), Within, call.Aborted).ConfigureAwait(false);
        return Texts(journal.Lines);
    }

    private async Task<ApiResult> ResetAsync(ApiCall call)
    {
        if (call.Parameters.Text("confirm") != ResetWords)
        {
            return ApiResult.BadParameter(
                "confirm", $"write '{ResetWords}': accounts, settings, ledger and the datastores on the boot disk go; data pools stay");
        }

        await DoAsync(call, new FactoryReset()).ConfigureAwait(false);
        return ApiResult.Null;
    }

    private Task<AgentDone> DoAsync(ApiCall call, AgentAct act) =>
        acts.DoAsync<AgentDone>(act, call.CallerAs<Caller>().Because($"{call.Exchange.Method} {call.Exchange.Path}"), Within);

    private static ApiResult Texts(IReadOnlyList<string> texts) => ApiResult.Data(json =>
    {
        json.WriteStartArray();
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    });
}
