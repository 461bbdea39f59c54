// Keeps the panel showing what the ledger tells: a new picture when it changes, the same again every twenty seconds, so that a panel without one knows that
// we are silent. Follows the button: short shows the next page, long asks for pairing, held stops the machine in good order.
using Holdfast.Contracts.Panel;
using Holdfast.Features.Agent;
using Holdfast.Features.Audit;
using Holdfast.Features.Events;
using Holdfast.Features.Power;
using Holdfast.Ledger;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Panel;

/// <summary>The watch.</summary>
public sealed class PanelWatch(IAgent agent, Folds folds, OrderedStop stop, Recorder recorder, ILogger log)
{
    /// <summary>How often it is looked whether the picture changed.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AgainAfter = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);
    private Picture? shown;
    private long shownAt;
    private int page;

    /// <summary>What the folds say now.</summary>
    public PanelInputs Now() => new(folds.Alarms.State, folds.Power.State, folds.Pools.State, folds.Disks.State, folds.Tasks.State,
        folds.Sensors.State, recorder.Ledger.Head.Position);

    /// <summary>What they said at an instant: the same folds, stopped there.</summary>
    public async Task<PanelInputs> AtAsync(DateTimeOffset instant, CancellationToken cancel)
    {
        var ledger = recorder.Ledger;
        return new PanelInputs(await folds.Alarms.AsOfAsync(ledger, instant, cancel).ConfigureAwait(false),
            await folds.Power.AsOfAsync(ledger, instant, cancel).ConfigureAwait(false),
            await folds.Pools.AsOfAsync(ledger, instant, cancel).ConfigureAwait(false), await folds.Disks.AsOfAsync(ledger, instant, cancel)
                .ConfigureAwait(false),
            await folds.Tasks.AsOfAsync(ledger, instant, cancel).ConfigureAwait(false),
            await folds.Sensors.AsOfAsync(ledger, instant, cancel).ConfigureAwait(false), 0);
    }

    /// <summary>Sends the picture if it is another, or if the last was sent a while ago.</summary>
    public async Task ShowAsync(CancellationToken cancel)
    {
        var picture = PanelView.PictureOf(Now(), page);
        if (shown is not null && IsSame(shown, picture) && recorder.Clock.GetElapsedTime(shownAt) < AgainAfter)
        {
            return;
        }

        try
        {
            await agent.AskAsync(new ShowPicture(picture), Within, cancel).ConfigureAwait(false);
            (shown, shownAt) = (picture, recorder.Clock.GetTimestamp());
        }
        catch (AgentAwayException)
        {
            shown = null;
        }
    }

    /// <summary>Follows the button until it can't be followed.</summary>
    public async Task FollowAsync(CancellationToken cancel)
    {
        await foreach (var answer in agent.WatchAsync(new WatchButton(), cancel).ConfigureAwait(false))
        {
            if (answer is ButtonPressed pressed)
            {
                await PressedAsync(pressed.Press).ConfigureAwait(false);
            }
        }
    }

    /// <summary>What a press does.</summary>
    public async Task PressedAsync(string press)
    {
        switch (press)
        {
            case "short":
                page = (page + 1) % PanelView.Pages(Now());
                break;
            case "long":
                await recorder.NoteAsync("panel", new PairingWindowRequested("button"), EventMetadata.System).ConfigureAwait(false);
                break;
            case "held":
                try
                {
                    await stop.RunAsync("shutdown", "button", EventMetadata.System).ConfigureAwait(false);
                }
                catch (Exception error) when (error is AgentAwayException or AgentRefusedException or LedgerUnavailableException)
                {
                    log.LogError("the button was held, but the machine can't be switched off: {Problem}", error.Message);
                }

                break;
        }
    }

    private static bool IsSame(Picture a, Picture b) => a.Sounds == b.Sounds && a.Indicators.SequenceEqual(b.Indicators) && a.Lines.SequenceEqual(b.Lines);
}
