// Alarms over the API. PBS has no such thing: the path is ours, below the node as everything about the box itself.
using Holdfast.Features.Access;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Alarms;

/// <summary>Endpoints of this slice.</summary>
public sealed class AlarmEndpoints(Permissions permissions, Func<AlarmsState> alarms, Recorder recorder)
{
    private const string Path = "/system/status";
    private static readonly Parameter Id = Parameter.Integer("alarm") with { Minimum = 1 };

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes/{node}/alarms", new(PbsSchema.Node()), List),
        new("DELETE", "/nodes/{node}/alarms/{alarm}", new(PbsSchema.Node(), Id), AcknowledgeAsync),
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        if (permissions.Require(call.CallerAs<Caller>(), Path, Privileges.SysAudit) is { } refusal)
        {
            return ValueTask.FromResult<ApiResult>(refusal);
        }

        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var alarm in alarms().Raised.Values)
            {
                json.WriteStartObject();
                var kind = AlarmKinds.Of(alarm.Kind);
                json.WriteString("advice", kind.Advice);
                json.WriteNumber("alarm", alarm.Id);
                json.WriteString("kind", alarm.Kind);
                json.WriteNumber("raised-at", alarm.RaisedAt);
                json.WriteString("severity", kind.Severity == AlarmSeverity.Critical ? "critical" : "warning");
                json.WriteString("subject", alarm.Subject);
                json.WriteString("text", alarm.Text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }));
    }

    private async ValueTask<ApiResult> AcknowledgeAsync(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        if (permissions.Require(caller, Path, Privileges.SysModify) is { } refusal)
        {
            return refusal;
        }

        var id = call.Parameters.Integer("alarm");
        if (!alarms().Raised.ContainsKey(id))
        {
            return ApiResult.Error($"no such alarm '{id}'");
        }

        try
        {
            await recorder.DecideAsync("alarms", ExpectedVersion.Any, [Event.Of(new AlarmAcknowledged(id), caller.Because("DELETE alarms"))])
                .ConfigureAwait(false);
            return ApiResult.Null;
        }
        catch (LedgerUnavailableException)
        {
            return ApiResult.Error(503, LedgerAway.Text);
        }
    }
}
