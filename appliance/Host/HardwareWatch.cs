// Looks after the hardware by itself: the UPS every three seconds, disks and pools every minute (pools also whenever ZFS says that something happened), the
// panel every second, the machine's sensors and NFS every ten, the versions in the slots every minute. Without an agent it looks again now and then whether one
// has come; a look that fails is said and does not end the watch.
using Holdfast.Features.Agent;
using Holdfast.Features.Nfs;
using Holdfast.Features.Panel;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Sensors;
using Holdfast.Features.Updates;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The watch.</summary>
public sealed class HardwareWatch : IAsyncDisposable
{
    /// <summary>Events come in bursts: one look answers all of them.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    private readonly IAgent agent;
    private readonly Parts parts;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim happened = new(0, 1);
    private readonly Task running;
    private string? said;

    public HardwareWatch(IAgent agent, Parts parts, TimeProvider clock, ILogger log)
    {
        (this.agent, this.parts, this.clock, this.log) = (agent, parts, clock, log);
        running = Task.WhenAll(
            Task.Run(() => RepeatAsync("disks and pools", LookAsync, WaitAsync)),
            Task.Run(() => RepeatAsync("pool events", cancel => FollowAsync(() => parts.Pools.FollowAsync(Happened, cancel)), Pause(PoolWatch.Every))),
            Task.Run(() => RepeatAsync("the panel's button", cancel => FollowAsync(() => parts.Panel.FollowAsync(cancel)), Pause(PoolWatch.Every))),
            Task.Run(() => RepeatAsync("the panel", cancel => agent.IsThere ? parts.Panel.ShowAsync(cancel) : Task.CompletedTask, Pause(PanelWatch.Every))),
            Task.Run(() => RepeatAsync("the versions", parts.Updates.WatchAsync, Pause(UpdateWatch.Every))),
            Task.Run(() => RepeatAsync("the sensors", parts.Sensors.LookAsync, Pause(SensorWatch.Every))),
            Task.Run(() => RepeatAsync("NFS", parts.Nfs.LookAsync, Pause(NfsWatch.Every))),
            Task.Run(() => RepeatAsync("the UPS", parts.Power.LookAsync, Pause(PowerWatch.Every))));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        stop.Dispose();
        happened.Dispose();
    }

    private async Task RepeatAsync(string what, Func<CancellationToken, Task> act, Func<Task> pause)
    {
        while (true)
        {
            try
            {
                await act(stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                log.LogError(error, "a look at {What} failed", what);
            }

            try
            {
                await pause().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private Func<Task> Pause(TimeSpan time) => () => Task.Delay(time, clock, stop.Token);

    private async Task LookAsync(CancellationToken cancel)
    {
        if (!agent.IsThere)
        {
            return;
        }

        await parts.Disks.LookAsync(cancel).ConfigureAwait(false);
        var problem = (await parts.Pools.LookAsync(cancel).ConfigureAwait(false)).Problem ?? parts.Disks.Problem;
        if (problem != said)
        {
            said = problem;
            log.LogInformation("hardware: {Problem}", problem ?? "pools and disks are seen");
        }
    }

    private async Task WaitAsync()
    {
        using var due = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var tick = Task.Delay(PoolWatch.Every, clock, due.Token);
        var asked = happened.WaitAsync(due.Token);
        await Task.WhenAny(tick, asked).ConfigureAwait(false);
        stop.Token.ThrowIfCancellationRequested();
        await due.CancelAsync().ConfigureAwait(false);
        if (asked.IsCompletedSuccessfully)
        {
            await Task.Delay(Settle, clock, stop.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Follows a watch of the agent; that there is none, or that it went away, is what the looks say.</summary>
    private async Task FollowAsync(Func<Task> follow)
    {
        try
        {
            if (agent.IsThere)
            {
                await follow().ConfigureAwait(false);
            }
        }
        catch (AgentAwayException)
        {
            return;
        }
    }

    private void Happened()
    {
        try
        {
            happened.Release();
        }
        catch (SemaphoreFullException)
        {
            // A look is due already.
        }
    }
}
