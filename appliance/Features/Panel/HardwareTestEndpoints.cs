// The qualification test of a box (hardware/README.md), as far as the appliance has a part in it: a picture that is shown for half a minute instead of the
// true one, presses of the button counted instead of obeyed meanwhile, and the result as an event. Who runs the test asks the person before the box; when it
// vanishes the panel is true again by itself.
using System.Text.Json;
using Holdfast.Contracts.Panel;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Features.Panel;

/// <summary>Endpoints of the test.</summary>
public sealed class HardwareTestEndpoints(Permissions permissions, PanelWatch panel, IAgent agent, Recorder recorder)
{
    private const int StepsCharsMax = 128 * 1024;
    private const int NameCharsMax = 64;
    private const int TextCharsMax = 256;
    private static readonly IReadOnlyList<string> Results = ["passed", "failed", "skipped"];
    private static readonly IReadOnlyList<string> Colors = ["green", "amber", "red", "blue"];

    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("POST", "/nodes/{node}/panel/test", new(PbsSchema.Node(), Optional("light", 16), Optional("color", 8), Optional("pattern", 16),
            Optional("line", Picture.LineCharsMax), Parameter.Boolean("sound"), Parameter.Boolean("end")), ShowAsync)
        {
            Permit = permissions.Needs("/system/status", Privileges.SysModify),
        },
        new("POST", "/nodes/{node}/hardware-test",
            new(PbsSchema.Node(), Parameter.Text("steps") with { MinLength = 2, MaxLength = StepsCharsMax }), RecordAsync)
        {
            Permit = permissions.Needs("/system/status", Privileges.SysModify),
        },
    ];

    private static Parameter Optional(string name, int charsMax) => Parameter.Text(name) with { Optional = true, MaxLength = charsMax };

    /// <summary>Shows one light, a line, a sound, or nothing; answers with the presses since the test began. <c>end</c>: the true picture again.</summary>
    private ValueTask<ApiResult> ShowAsync(ApiCall call) => BoxCalls.AnswerAsync(() =>
    {
        var asked = call.Parameters;
        if (asked.Flag("end"))
        {
            panel.EndTest();
            return Task.FromResult(ApiResult.Null);
        }

        if (!agent.IsThere)
        {
            throw new AgentAwayException("no agent (holdfast-agent) is there: there is no panel to test");
        }

        var (light, color, pattern) = (asked.OptionalText("light"), asked.OptionalText("color") ?? "green", asked.OptionalText("pattern") ?? "solid");
        if (!Colors.Contains(color) || !BlinkPattern.All.ContainsKey(pattern))
        {
            return Task.FromResult(ApiResult.Error(
                $"a colour is {string.Join(", ", Colors)}, a pattern {string.Join(", ", BlinkPattern.All.Keys)}"));
        }

        var presses = panel.Test(new Picture(light is null ? [] : [new Indicator(light, color, pattern, "test")],
            asked.OptionalText("line") is { } line ? [line] : [], asked.Flag("sound")));
        return Task.FromResult(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("presses", presses.Count);
            json.WriteString("last-press", presses.Last ?? "none");
            json.WriteNumber("seconds", (int)PanelWatch.TestLasts.TotalSeconds);
            json.WriteEndObject();
        }));
    });

    private ValueTask<ApiResult> RecordAsync(ApiCall call) => BoxCalls.AnswerAsync(async () =>
    {
        if (StepsOf(call.Parameters.Text("steps")) is not { } steps)
        {
            return ApiResult.Error($"steps are 1 to {HardwareTested.StepsMax} objects with name, result ({string.Join(", ", Results)}) and text");
        }

        var profile = agent.IsThere
            ? (await agent.AskForAsync<PanelSeen>(new ReadPanel(), TimeSpan.FromSeconds(10), call.Aborted).ConfigureAwait(false)).Profile : null;
        var tested = new HardwareTested(profile, steps, Count("passed"), Count("failed"), Count("skipped"));
        await recorder.DecideAsync("hardware", ExpectedVersion.Any, [Event.Of(tested, call.CallerAs<Caller>().Because("POST hardware-test"))], default,
            call.Aborted).ConfigureAwait(false);
        return ApiResult.Null;

        int Count(string result) => steps.Count(step => step.Result == result);
    });

    private static IReadOnlyList<HardwareTestStep>? StepsOf(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, EventJson.Default.IReadOnlyListHardwareTestStep) is { Count: > 0 and <= HardwareTested.StepsMax } steps
                && steps.All(step => step is { Name.Length: > 0 and <= NameCharsMax, Text.Length: <= TextCharsMax } && Results.Contains(step.Result))
                ? steps : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
