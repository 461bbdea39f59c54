// Looks at the machine's sensors every ten seconds, and tells what changed and lasted.
using Holdfast.Contracts.Sensors;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Sensors;

/// <summary>The watch.</summary>
public sealed class SensorWatch(IAgent agent, Func<SensorsState> told, Recorder recorder)
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(30);
    private SensorMemory memory = SensorMemory.Nothing;
    private volatile SensorsSeen? last;

    /// <summary>The last look; null = there was none, or the last one failed.</summary>
    public SensorsSeen? Last => last;

    /// <summary>One look; called by one at a time.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        if (!agent.IsThere)
        {
            last = null;
            return;
        }

        try
        {
            var seen = await agent.AskForAsync<SensorsSeen>(new ReadSensors(), Within, cancel).ConfigureAwait(false);
            last = seen;
            var clock = recorder.Clock;
            var (events, after) = SensorDecider.Seen(told(), memory, seen, (long)clock.GetElapsedTime(0, clock.GetTimestamp()).TotalSeconds,
                clock.GetUtcNow().ToUnixTimeSeconds(), EventMetadata.System);
            memory = after;
            if (events.Count > 0)
            {
                await recorder.DecideAsync("sensors", ExpectedVersion.Any, events, default, cancel).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException)
        {
            last = null;
        }
        catch (LedgerUnavailableException)
        {
            // What could not be told is found again by the next look.
        }
    }
}
