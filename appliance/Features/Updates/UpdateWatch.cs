// Looks at the slots every minute and tells what changed: which version runs, whether it was kept, whether the loader went back. Where the system was not
// installed from the image there is nothing to see, and that is no fault.
using Holdfast.Contracts.Updates;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Updates;

/// <summary>The watch.</summary>
public sealed class UpdateWatch(IAgent agent, Func<UpdateState> told, Recorder recorder)
{
    /// <summary>Ledger stream of versions.</summary>
    public const string Stream = "updates";

    /// <summary>How often the slots are looked at.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(100);
    private readonly SemaphoreSlim turn = new(1);
    private int followers;

    /// <summary>Looks, tells, and returns what was seen.</summary>
    /// <exception cref="AgentAwayException">Nobody to ask.</exception>
    /// <exception cref="AgentRefusedException">Not installed from the image, or its tools fail.</exception>
    public async Task<UpdateFacts> LookAsync(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var facts = await agent.AskForAsync<UpdateFacts>(new ReadUpdate(), Within, cancel).ConfigureAwait(false);
            var events = UpdateDecider.Seen(told(), facts, Volatile.Read(ref followers) > 0, EventMetadata.System);
            if (events.Count > 0)
            {
                await recorder.DecideAsync(Stream, ExpectedVersion.Any, events, default, cancel).ConfigureAwait(false);
            }

            return facts;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The same for the watch: what can't be asked or told now is found by a later look.</summary>
    public async Task WatchAsync(CancellationToken cancel)
    {
        try
        {
            if (agent.IsThere)
            {
                await LookAsync(cancel).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException or LedgerUnavailableException)
        {
            return;
        }
    }

    /// <summary>From now until it is disposed of a task follows an installation, and its end is that task's to tell.</summary>
    public IDisposable Follow() => new Following(this);

    private sealed class Following : IDisposable
    {
        private readonly UpdateWatch watch;

        public Following(UpdateWatch watch)
        {
            this.watch = watch;
            Interlocked.Increment(ref watch.followers);
        }

        public void Dispose() => Interlocked.Decrement(ref watch.followers);
    }
}
