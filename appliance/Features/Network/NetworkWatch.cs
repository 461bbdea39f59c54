// Follows an open change of the network to its end, also over restarts of service, agent and box, and records the end once.
using Holdfast.Contracts.Network;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Network;

/// <summary>The follower.</summary>
public sealed class NetworkWatch(IAgent agent, Func<NetworkState> state, Recorder recorder)
{
    public const string Stream = "network";
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim turn = new(1);
    private string? ended;

    /// <summary>Looks how the open change stands; nothing if there is none or the agent is away.</summary>
    public async Task CheckAsync(CancellationToken cancel = default)
    {
        if (state().Open is null)
        {
            return;
        }

        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (state().Open is not { } open || open == ended)
            {
                return;
            }

            var facts = await agent.AskForAsync<NetworkFacts>(new ReadNetwork(), Within, cancel).ConfigureAwait(false);
            if (facts.Pending?.Change == open)
            {
                return;
            }

            // An agent that knows nothing of it came up with a restarted box, which had not kept the change.
            _ = facts.Last is not { } last || last.Change != open
                ? await DecideAsync(new NetworkReverted(open, "the box was restarted before anybody confirmed it")).ConfigureAwait(false)
                : last.Outcome == "confirmed" ? await DecideAsync(new NetworkConfirmed(open)).ConfigureAwait(false)
                : await DecideAsync(new NetworkReverted(open, last.Why ?? "for a reason that the agent does not tell")).ConfigureAwait(false);
            ended = open;
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException or LedgerUnavailableException)
        {
            // Later: the next look tells it.
        }
        finally
        {
            turn.Release();
        }
    }

    private Task<AppendOutcome> DecideAsync<T>(T end) where T : class, IEventData<T> =>
        recorder.DecideAsync(Stream, ExpectedVersion.Any, [Event.Of(end, EventMetadata.System)]);
}
