// Looks at the box every few seconds: measures, tells when a datastore fills up, keeps the ballast, follows an open change of
// the network.
using Holdfast.Features.Datastores;
using Holdfast.Features.Network;
using Holdfast.Features.Node;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The watch.</summary>
public sealed class Watch : IAsyncDisposable
{
    /// <summary>The ballast is laid down after a minute: who starts and stops again needs none.</summary>
    private const int LooksBeforeBallast = 6;

    private readonly Sampler sampler;
    private readonly SpaceWatch space;
    private readonly Ballast ballast;
    private readonly NetworkWatch network;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly CancellationTokenSource stop = new();
    private readonly Task looking;
    private long lookedAt;

    public Watch(Sampler sampler, SpaceWatch space, Ballast ballast, NetworkWatch network, TimeProvider clock, ILogger log)
    {
        (this.sampler, this.space, this.ballast, this.network, this.clock, this.log) = (sampler, space, ballast, network, clock, log);
        lookedAt = clock.GetTimestamp();
        looking = Task.Run(RunAsync);
    }

    /// <summary>Since the last look ended; a watch that hangs is a process that hangs.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Volatile.Read(ref lookedAt));

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await looking.ConfigureAwait(false);
        sampler.Save();
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Sampler.Every, clock);
        try
        {
            for (var looks = 0; ; looks++)
            {
                await LookAsync(looks).ConfigureAwait(false);
                await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The appliance stops.
        }
    }

    private async Task LookAsync(int looks)
    {
        try
        {
            sampler.Sample();
            await space.CheckAsync().ConfigureAwait(false);
            await network.CheckAsync(stop.Token).ConfigureAwait(false);
            if (looks >= LooksBeforeBallast)
            {
                await ballast.CheckAsync().ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.LogError(error, "a look at the box failed");
        }

        Volatile.Write(ref lookedAt, clock.GetTimestamp());
    }
}
