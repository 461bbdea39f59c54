// Reads the UPS every few seconds and acts on what that means: events, an ordered stop, its undoing. On battery nothing may rest on a promise that only mains
// keep: datasets whose writes were not made durable are set to be again.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Pools;
using Holdfast.Contracts.Power;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Pools;
using Holdfast.Ledger;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Power;

/// <summary>The watch.</summary>
/// <param name="ups">Null: there is none.</param>
/// <param name="isSought">Nobody said that there is a UPS: as long as none was ever seen, there is none.</param>
public sealed class PowerWatch(
    IUps? ups, bool isSought, Func<PowerState> told, OrderedStop stop, PoolWatch pools, AgentActs acts, PowerPolicy policy, Recorder recorder, ILogger log)
{
    /// <summary>How often the UPS is asked.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(3);

    private const int HealthyChargePercent = 50;
    /// <summary>A machine that can't be switched off is asked again after that, not at every look.</summary>
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(60);

    private long? failedAt;
    private bool isHeardOf;
    private PowerMemory memory = PowerMemory.None;
    private Task stopping = Task.CompletedTask;

    /// <summary>The last answer; null = none yet.</summary>
    public UpsReading? Last { get; private set; }

    /// <summary>Why the UPS can't be asked; null = it can, or there is none.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether there is a UPS at all, as far as anybody said or saw.</summary>
    public bool HasUps => ups is not null && (!isSought || isHeardOf || told().Ups is not null);

    /// <summary>The stop that this watch began last.</summary>
    public Task Stopping => stopping;

    /// <summary>Why the mains can't be relied on to be bridged; null = a healthy UPS does.</summary>
    public string? NotBridged() => (HasUps, told(), Last) switch
    {
        (false, _, _) => "there is no UPS",
        (_, { IsReachable: false }, _) or (_, _, null) => "the UPS does not answer",
        (_, { IsOnBattery: true }, _) => "the UPS runs from its battery",
        (_, { NeedsBattery: true }, _) => "the UPS needs a new battery",
        (_, _, { ChargePercent: < HealthyChargePercent }) => $"the UPS's battery is charged to {Last!.ChargePercent} %",
        _ => null,
    };

    /// <summary>Asks once.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        await TidyAsync().ConfigureAwait(false);
        if (ups is null)
        {
            return;
        }

        UpsReading? reading = null;
        UpsAwayException? away = null;
        try
        {
            reading = Last = await ups.ReadAsync(cancel).ConfigureAwait(false);
            Problem = null;
        }
        catch (UpsAwayException error)
        {
            (away, Problem) = (error, error.Message);
            isHeardOf |= error.Code is not ("UNREACHABLE" or "UNKNOWN-UPS");
        }

        var nowS = recorder.Clock.GetTimestamp() / recorder.Clock.TimestampFrequency;
        var before = told();
        var verdict = PowerDecider.Decide(before, memory, reading, away, policy, nowS, EventMetadata.System);
        if (verdict.Events.Count > 0)
        {
            try
            {
                await recorder.DecideAsync("power", ExpectedVersion.Any, verdict.Events, default, cancel).ConfigureAwait(false);
            }
            catch (LedgerUnavailableException) when (verdict.StopCause is null)
            {
                // Told by the next look: what it is compared with is what was told. A stop does not wait for the ledger.
                return;
            }
            catch (LedgerUnavailableException error)
            {
                log.LogError("power: {Problem}", error.Message);
            }
        }

        memory = verdict.Memory;
        await ActAsync(before, verdict).ConfigureAwait(false);
    }

    /// <summary>What an earlier process, or an earlier configuration, left behind.</summary>
    private async Task TidyAsync()
    {
        if (told() is { StopCause: not null } && stop.Cause is null)
        {
            await DecideAsync(new OrderedStopUndone("the appliance was started anew")).ConfigureAwait(false);
        }

        if (ups is null && told().Ups is { } gone)
        {
            await DecideAsync(new UpsRemoved(gone)).ConfigureAwait(false);
        }
    }

    /// <summary>With the ledger away the next look does it: nothing is queued, it would be queued again and again.</summary>
    private async Task DecideAsync<T>(T data) where T : class, IEventData<T>
    {
        try
        {
            await recorder.DecideAsync("power", ExpectedVersion.Any, [Event.Of(data, EventMetadata.System)]).ConfigureAwait(false);
        }
        catch (LedgerUnavailableException error)
        {
            log.LogInformation("power: {Problem}", error.Message);
        }
    }

    private async Task ActAsync(PowerState before, PowerVerdict verdict)
    {
        if (!before.IsOnBattery && told().IsOnBattery)
        {
            await MakeDurableAsync().ConfigureAwait(false);
        }

        if (verdict.StopCause is { } cause && stop.Cause is null && stopping.IsCompleted
            && (failedAt is not { } failed || recorder.Clock.GetElapsedTime(failed) >= TryAgainAfter))
        {
            stopping = Task.Run(() => StopAsync(cause));
        }
        else if (verdict.UndoesStop && stop.Cause is not (null or "asked" or "button"))
        {
            await stop.UndoAsync("the mains are back").ConfigureAwait(false);
        }
    }

    private async Task StopAsync(string cause)
    {
        try
        {
            await stop.RunAsync("shutdown", cause, EventMetadata.System).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException or LedgerUnavailableException)
        {
            failedAt = recorder.Clock.GetTimestamp();
            log.LogError("the machine can't be switched off, in {Seconds} s it is tried again: {Problem}", TryAgainAfter.TotalSeconds, error.Message);
        }
    }

    /// <summary>Writes that were acknowledged before they were durable were so because the UPS bridges the mains: no longer.</summary>
    private async Task MakeDurableAsync()
    {
        foreach (var dataset in pools.Last.Seen.Datasets.Where(dataset => dataset.Sync == "disabled"))
        {
            try
            {
                await acts.DoAsync<AgentDone>(new SetDatasetSync(dataset.Name, "standard"), EventMetadata.System, TimeSpan.FromSeconds(30))
                    .ConfigureAwait(false);
            }
            catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException or LedgerUnavailableException)
            {
                log.LogError("dataset {Dataset} could not be set to sync=standard on battery: {Problem}", dataset.Name, error.Message);
            }
        }
    }
}
