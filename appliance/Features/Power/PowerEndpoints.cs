// Power over the API: how UPS and mains are (ours), and PBS's `nodes/{node}/status` with command=shutdown|reboot, which is an ordered stop here.
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Wire;

namespace Holdfast.Features.Power;

/// <summary>Endpoints of this slice.</summary>
public sealed class PowerEndpoints(Permissions permissions, PowerWatch watch, Func<PowerState> told, OrderedStop stop)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes/{node}/power", new(PbsSchema.Node()), Show) { Permit = permissions.Needs("/system/status", Privileges.SysAudit) },
        new("POST", "/nodes/{node}/status", new(PbsSchema.Node(), Parameter.Text("command")), Command)
        {
            Permit = permissions.Needs("/system/status", Privileges.SysPowerManagement),
        },
    ];

    private ValueTask<ApiResult> Show(ApiCall call)
    {
        var (state, last) = (told(), watch.Last);
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            if (state.IsReachable && last is not null)
            {
                Number("charge", last.ChargePercent);
                Number("load", last.LoadPercent);
                json.WriteString("model", $"{last.Maker} {last.Model}".Trim());
                Number("runtime", last.RuntimeS);
                json.WriteString("status", string.Join(' ', last.Status.Order(StringComparer.Ordinal)));
            }

            json.WriteString("mains", !watch.HasUps || state.Ups is null ? "unknown" : state.IsOnBattery ? "lost" : state.IsReachable ? "on" : "unknown");
            json.WriteBoolean("needs-battery", state.NeedsBattery);
            if (state.IsOnBattery)
            {
                json.WriteNumber("on-battery-since", state.OnBatterySinceS);
            }

            if (watch is { HasUps: true, Problem: { } problem })
            {
                json.WriteString("problem", problem);
            }

            if (stop.Cause is { } cause)
            {
                json.WriteString("stopping", cause);
            }

            json.WriteString("ups", watch.HasUps ? state.Ups ?? "not seen yet" : "none");
            json.WriteEndObject();

            void Number(string name, int? value)
            {
                if (value is { } known)
                {
                    json.WriteNumber(name, known);
                }
            }
        }));
    }

    private ValueTask<ApiResult> Command(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        var command = call.Parameters.Text("command");
        if (command is not ("reboot" or "shutdown"))
        {
            return ApiResult.Error($"unknown variant `{command}`, expected `reboot` or `shutdown`");
        }

        if (stop.Cause is { } cause)
        {
            return ApiResult.Error($"the appliance is about to be switched off already ({cause})");
        }

        // What can't begin says so; the rest takes its time, and nobody has to wait for it.
        var running = stop.RunAsync(command, "asked", call.CallerAs<Caller>().Because($"POST status {command}"));
        await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(200))).ConfigureAwait(false);
        if (running.IsCompleted)
        {
            await running.ConfigureAwait(false);
        }

        return ApiResult.Null;
    });
}
