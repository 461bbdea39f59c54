// The ordered stop: no new sessions and tasks, maintenance ended at once, running backups and restores a while to come to their end, then what is left is cut
// off with an event, and the machine is told to switch off. From there systemd stops the service (sessions, datastores, ledger, its database) and exports the
// pools. Bounded in every step; undone while it can be, if the mains come back.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Power;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Sessions;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Microsoft.Extensions.Logging;

namespace Holdfast.Features.Power;

/// <summary>How long what may take.</summary>
/// <param name="Drain">Running sessions may go on so long.</param>
/// <param name="HurriedDrain">The same with a battery that is nearly empty.</param>
/// <param name="CutsUps">The UPS is to switch its outlets off after us.</param>
public sealed record StopPolicy(TimeSpan Drain, TimeSpan HurriedDrain, bool CutsUps)
{
    public static readonly StopPolicy Default = new(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(10), true);
}

/// <summary>Stops the machine; one stop at a time.</summary>
public sealed class OrderedStop(SessionGate gate, TaskRunner tasks, AgentActs acts, Recorder recorder, StopPolicy policy, ILogger log)
{
    /// <summary>Ends of what was cut off are waited for so long.</summary>
    private static readonly TimeSpan EndWithin = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AskWithin = TimeSpan.FromSeconds(20);

    private readonly Lock sync = new();
    private CancellationTokenSource? undo;
    private bool isCommitted;

    /// <summary>Why a stop is under way; null = none is.</summary>
    public string? Cause { get; private set; }

    /// <summary>Begins a stop and sees it through. False: one is under way already.</summary>
    /// <param name="action"><c>shutdown</c> or <c>reboot</c>.</param>
    /// <exception cref="AgentAwayException">Nobody is there who could switch the machine off: nothing was begun.</exception>
    public async Task<bool> RunAsync(string action, string cause, EventMetadata because)
    {
        CancellationToken undone;
        lock (sync)
        {
            if (Cause is not null)
            {
                return false;
            }

            if (!acts.Agent.IsThere)
            {
                throw new AgentAwayException("the agent is not there: this process can't switch the machine off");
            }

            (Cause, undo, isCommitted) = (cause, new CancellationTokenSource(), false);
            undone = undo.Token;
        }

        var drain = cause is "battery-low" or "ups-lost-on-battery" or "forced-by-ups" ? policy.HurriedDrain : policy.Drain;
        await recorder.NoteAsync("power", new OrderedStopStarted(action, cause, (int)drain.TotalSeconds), because).ConfigureAwait(false);
        log.LogWarning("ordered stop ({Action}) because of {Cause}: running sessions have {Drain} s", action, cause, drain.TotalSeconds);
        gate.ClosedBecause = tasks.ClosedBecause = $"this appliance is about to be switched off ({cause})";
        try
        {
            foreach (var task in tasks.Running.Where(task => !IsSession(task)))
            {
                task.Abort();
            }

            await DrainAsync(drain, undone).ConfigureAwait(false);
            return await CommitAsync(action, because).ConfigureAwait(false);
        }
        finally
        {
            lock (sync)
            {
                if (!isCommitted)
                {
                    (Cause, gate.ClosedBecause, tasks.ClosedBecause) = (null, null, null);
                }
            }
        }
    }

    /// <summary>Undoes a stop that has not come to the point of no return. False: there is none, or it has.</summary>
    public async Task<bool> UndoAsync(string why)
    {
        lock (sync)
        {
            if (Cause is null || isCommitted || undo!.IsCancellationRequested)
            {
                return false;
            }

            undo.Cancel();
        }

        await recorder.NoteAsync("power", new OrderedStopUndone(why), EventMetadata.System).ConfigureAwait(false);
        log.LogWarning("ordered stop undone: {Why}", why);
        return true;
    }

    private static bool IsSession(RunningTask task) => task.Upid.WorkerType is "backup" or "reader";

    private async Task DrainAsync(TimeSpan within, CancellationToken undone)
    {
        var started = recorder.Clock.GetTimestamp();
        while (tasks.Running.Count > 0 && recorder.Clock.GetElapsedTime(started) < within && !undone.IsCancellationRequested)
        {
            await Task.Delay(Tick, recorder.Clock, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<bool> CommitAsync(string action, EventMetadata because)
    {
        lock (sync)
        {
            if (undo!.IsCancellationRequested)
            {
                return false;
            }

            isCommitted = true;
        }

        var left = tasks.Running;
        foreach (var task in left)
        {
            task.Abort();
        }

        await Task.WhenAny(Task.WhenAll(left.Select(task => task.Ended)), Task.Delay(EndWithin, recorder.Clock)).ConfigureAwait(false);
        await recorder.NoteAsync("power", new OrderedStopCommitted(left.Count(IsSession), left.Count(task => !IsSession(task))), because).ConfigureAwait(false);
        try
        {
            AgentAct act = action == "reboot" ? new Reboot() : new PowerOff(policy.CutsUps && because.Actor == EventMetadata.System.Actor);
            await acts.DoAsync<AgentDone>(act, because, AskWithin).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException or LedgerUnavailableException)
        {
            // It can't be switched off, so it goes on.
            log.LogError("the machine could not be told to {Action}: {Problem}", action, error.Message);
            await recorder.NoteAsync("power", new OrderedStopUndone("the machine could not be switched off: " + error.Message), EventMetadata.System)
                .ConfigureAwait(false);
            lock (sync)
            {
                isCommitted = false;
            }

            throw;
        }
    }
}
