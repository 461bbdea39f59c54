// The agent's verbs on the panel: show a picture, say what panel there is, follow the button.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Panel;

namespace Holdfast.Panel;

/// <summary>Verbs of the panel; disposed of, it is dark: nobody keeps it true any more.</summary>
/// <param name="runner">Null: this machine has no panel.</param>
/// <param name="problems">Why the profile is not in use.</param>
public sealed class PanelVerbs(PanelRunner? runner, IPanelHardware hardware, IReadOnlyList<string> problems) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => runner?.DisposeAsync() ?? ValueTask.CompletedTask;

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ShowPicture>((asked, _) => Task.FromResult(Show(asked.Picture))),
        AgentVerb.Of<ReadPanel>((_, _) => Task.FromResult<AgentAnswer>(new PanelSeen(runner?.Profile.Name,
            [.. runner?.Profile.Lights.SelectMany(light => light.Value.Select(color => $"{light.Key}.{color.Key}: {color.Value}")) ?? []],
            [.. problems, .. runner?.Problems ?? []]))),
        AgentVerb.Watching<WatchButton>((_, cancel) => PressesAsync(cancel)),
    ];

    private AgentAnswer Show(Picture picture)
    {
        if (picture.Indicators.Count > Picture.IndicatorsMax || picture.Lines.Count > Picture.LinesMax || picture.Lines
            .Any(line => line.Length > Picture.LineCharsMax))
        {
            throw new VerbRefusedException("a picture of too many lights or lines");
        }

        runner?.Show(picture);
        return new AgentDone();
    }

    private async IAsyncEnumerable<AgentAnswer> PressesAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        if (runner?.Profile.Button is not { } button)
        {
            await Task.Delay(Timeout.Infinite, cancel).ConfigureAwait(false);
            yield break;
        }

        long? pressedMs = null;
        await foreach (var (atMs, isPressed) in runner.FollowAsync(again => hardware.Presses(button, again), cancel).ConfigureAwait(false))
        {
            if (isPressed)
            {
                pressedMs = atMs;
            }
            else if (pressedMs is { } since)
            {
                pressedMs = null;
                if (ButtonPresses.Of(since, atMs) is { } press)
                {
                    yield return new ButtonPressed(press);
                }
            }
        }
    }
}
