// The panel over the API: what it shows now or showed at an instant, and the facts each light rests on.
using Holdfast.Contracts.Panel;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Wire;

namespace Holdfast.Features.Panel;

/// <summary>Endpoints of this slice.</summary>
public sealed class PanelEndpoints(Permissions permissions, PanelWatch panel, IAgent agent)
{
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", "/nodes/{node}/panel", new(PbsSchema.Node(), Parameter.Integer("at") with { Optional = true, Minimum = 0, Maximum = 253_402_300_799 }),
            ShowAsync)
        {
            Permit = permissions.Needs("/system/status", Privileges.SysAudit),
        },
        new("GET", "/nodes/{node}/panel/hardware", new(PbsSchema.Node()), HardwareAsync) { Permit = permissions.Needs("/system/status", Privileges.SysAudit) },
    ];

    private ValueTask<ApiResult> HardwareAsync(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        var seen = await agent.AskForAsync<PanelSeen>(new ReadPanel(), TimeSpan.FromSeconds(10), call.Aborted).ConfigureAwait(false);
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteString("outputs", string.Join(", ", seen.Outputs));
            json.WriteString("problems", string.Join("; ", seen.Problems));
            json.WriteString("profile", seen.Profile ?? "none");
            json.WriteEndObject();
        });
    });

    private async ValueTask<ApiResult> ShowAsync(ApiCall call)
    {
        var inputs = call.Parameters.OptionalInteger("at") is { } at
            ? await panel.AtAsync(DateTimeOffset.FromUnixTimeSeconds(at), call.Aborted).ConfigureAwait(false) : panel.Now();
        var lights = PanelView.Of(inputs);
        var picture = PanelView.PictureOf(inputs, 0);
        return ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteBoolean("buzzer", picture.Sounds);
            json.WriteStartArray("indicators");
            foreach (var light in lights)
            {
                json.WriteStartObject();
                json.WriteString("color", light.Indicator.Color);
                json.WriteString("name", light.Indicator.Name);
                json.WriteString("pattern", light.Indicator.Pattern);
                json.WriteString("text", light.Indicator.Text);
                json.WriteStartArray("why");
                foreach (var fact in light.Why)
                {
                    json.WriteStartObject();
                    if (fact.Position is { } position)
                    {
                        json.WriteNumber("event", position);
                    }

                    json.WriteString("text", fact.Text);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("lines");
            picture.Lines.ToList().ForEach(json.WriteStringValue);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }
}
