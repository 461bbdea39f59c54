// Looks at the hardware by itself: the UPS every three seconds, disks and pools every minute, pools also whenever ZFS says that something happened. Without
// an agent it looks again now
// and then whether one
// has come; a look that fails is said once and does not end the watch.
using Holdfast.Features.Agent;
using Holdfast.Features.Disks;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The watch.</summary>
public sealed class HardwareWatch : IAsyncDisposable
{
    /// <summary>Events come in bursts: one look answers all of them.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    private readonly IAgent agent;
    private readonly PoolWatch pools;
    private readonly DiskWatch disks;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim happened = new(0, 1);
    private readonly PowerWatch power;
    private readonly Task looking;
    private readonly Task powering;
    private readonly Task following;
    private string? said;

    public HardwareWatch(IAgent agent, PoolWatch pools, DiskWatch disks, PowerWatch power, TimeProvider clock, ILogger log)
    {
        (this.agent, this.pools, this.disks, this.power, this.clock, this.log) = (agent, pools, disks, power, clock, log);
        powering = Task.Run(PowerAsync);
        looking = Task.Run(LookAsync);
        following = Task.Run(FollowAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await looking.ConfigureAwait(false);
        await following.ConfigureAwait(false);
        await powering.ConfigureAwait(false);
        stop.Dispose();
        happened.Dispose();
    }

    private async Task LookAsync()
    {
        try
        {
            while (true)
            {
                if (agent.IsThere)
                {
                    await OnceAsync().ConfigureAwait(false);
                }

                await WaitAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance stops.
        }
    }

    private async Task PowerAsync()
    {
        using var timer = new PeriodicTimer(PowerWatch.Every, clock);
        try
        {
            while (power.HasUps && await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                try
                {
                    await power.LookAsync(stop.Token).ConfigureAwait(false);
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    log.LogError(error, "a look at the UPS failed");
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance stops.
        }
    }

    private async Task OnceAsync()
    {
        try
        {
            await disks.LookAsync(stop.Token).ConfigureAwait(false);
            var look = await pools.LookAsync(stop.Token).ConfigureAwait(false);
            var problem = look.Problem ?? disks.Problem;
            if (problem != said)
            {
                said = problem;
                log.LogInformation("hardware: {Problem}", problem ?? "pools and disks are seen");
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.LogError(error, "a look at the hardware failed");
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

    private async Task FollowAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (agent.IsThere)
                {
                    await pools.FollowAsync(Happened, stop.Token).ConfigureAwait(false);
                }
            }
            catch (AgentAwayException)
            {
                // It comes back, or it does not: the looks say so.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await Task.Delay(PoolWatch.Every, clock, stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
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
