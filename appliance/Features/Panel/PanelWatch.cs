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

    /// <summary>A picture of a test is shown so long, unless the next one comes.</summary>
    public static readonly TimeSpan TestLasts = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan AgainAfter = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);
    private readonly Lock testing = new();
    private (Picture Picture, long SinceTimestamp, int Presses, string? LastPress)? test;
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

    /// <summary>Shows this instead of the truth, for a test; the button does nothing meanwhile but count.</summary>
    /// <returns>Presses since the test began, and the last of them.</returns>
    public (int Count, string? Last) Test(Picture picture)
    {
        lock (testing)
        {
            var (presses, last) = Testing() is { } running ? (running.Presses, running.LastPress) : (0, null);
            test = (picture, recorder.Clock.GetTimestamp(), presses, last);
            return (presses, last);
        }
    }

    /// <summary>Shows the truth again.</summary>
    public void EndTest()
    {
        lock (testing)
        {
            test = null;
        }
    }

    private (Picture Picture, long SinceTimestamp, int Presses, string? LastPress)? Testing() =>
        test is { } running && recorder.Clock.GetElapsedTime(running.SinceTimestamp) < TestLasts ? running : null;

    private bool IsPressOfTest(string press)
    {
        lock (testing)
        {
            if (Testing() is not { } running)
            {
                return false;
            }

            test = running with { Presses = running.Presses + 1, LastPress = press };
            return true;
        }
    }

    /// <summary>Sends the picture if it is another, or if the last was sent a while ago.</summary>
    public async Task ShowAsync(CancellationToken cancel)
    {
        Picture? tested;
        lock (testing)
        {
            tested = Testing()?.Picture;
        }

        var picture = tested ?? PanelView.PictureOf(Now(), page);
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
        if (IsPressOfTest(press))
        {
            return;
        }

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
