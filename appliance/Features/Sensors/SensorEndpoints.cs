// The machine's sensors over the API, as the last look saw them. Ours: PBS has no such call.
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Sensors;

/// <summary>Endpoints of this slice.</summary>
public sealed class SensorEndpoints(Permissions permissions, SensorWatch watch, Func<SensorsState> told)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes/{node}/sensors", new(PbsSchema.Node()), Show) { Permit = permissions.Needs("/system/status", Privileges.SysAudit) },
    ];

    private ValueTask<ApiResult> Show(ApiCall call)
    {
        if (watch.Last is not { } seen)
        {
            return ValueTask.FromResult(ApiResult.Error(503, "the agent is not there, or has not looked yet: nothing is known of the sensors"));
        }

        var state = told();
        return ValueTask.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var sensor in seen.Temperatures)
            {
                Row("temperature", sensor.Id, sensor.Label, $"{sensor.Celsius:0.#} °C",
                    state.Hot.TryGetValue(sensor.Id, out var hot) ? hot.IsCritical ? "critical" : "high"
                        : sensor.MaxC is null && sensor.CriticalC is null ? "no limit known" : "normal");
            }

            foreach (var module in seen.Memory)
            {
                Row("memory", module.Id, module.Label, $"{module.Corrected} corrected, {module.Uncorrected} uncorrected",
                    module.Uncorrected > 0 ? "uncorrected errors" : module.Corrected > 0 ? "corrected errors" : "normal");
            }

            foreach (var link in seen.Links)
            {
                var speed = !link.HasCarrier ? "no link" : link.SpeedMbps is { } known ? known + " Mbit/s" : "link";
                Row("link", link.Name, link.Name, $"{speed}",
                    state.Links.GetValueOrDefault(link.Name) switch
                    {
                        { IsFlapping: true } => "flapping",
                        { HasCarrier: false } => "lost",
                        null when !link.HasCarrier => "not used",
                        _ => "normal",
                    });
            }

            if (seen.Clock is { } clock)
            {
                Row("clock", "clock", clock.Source ?? "no source", $"{clock.OffsetS * 1000:0.###} ms off",
                    state.IsClockRight switch { true => "normal", false => "not synchronised", null => "not synchronised yet" });
            }

            json.WriteEndArray();

            void Row(string kind, string id, string label, FormattableString value, string status)
            {
                json.WriteStartObject();
                json.WriteString("id", id);
                json.WriteString("kind", kind);
                json.WriteString("label", label);
                json.WriteString("status", status);
                json.WriteString("value", FormattableString.Invariant(value));
                json.WriteEndObject();
            }
        }));
    }
}
