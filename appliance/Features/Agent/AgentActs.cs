// Has the agent change something, and records it: asked before it acts, answered after. With the ledger away nothing is asked, because nothing could be told.
using System.Text.Json;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Agent;

/// <summary>Acts of the agent on behalf of the slices.</summary>
public sealed class AgentActs(IAgent agent, Recorder recorder)
{
    /// <summary>Ledger stream of what the agent was asked.</summary>
    public const string Stream = "agent";

    private const int WhyCharsMax = 2000;

    /// <summary>The agent itself, for what only asks.</summary>
    public IAgent Agent => agent;

    /// <summary>Asks for <paramref name="act"/> and returns the answer that fits.</summary>
    /// <exception cref="LedgerUnavailableException">Nothing was asked.</exception>
    /// <exception cref="AgentAwayException">No answer came; the event says <c>unknown</c> if it was sent.</exception>
    /// <exception cref="AgentRefusedException">It refused.</exception>
    public async Task<TAnswer> DoAsync<TAnswer>(AgentAct act, EventMetadata because, TimeSpan within, CancellationToken cancel = default)
        where TAnswer : AgentAnswer
    {
        if (!agent.IsThere)
        {
            throw new AgentAwayException("the agent is not there: the hardware can't be reached");
        }

        var verb = AgentNames.Of(act.GetType());
        var asked = await RecordAsync(Event.Of(new AgentAsked(verb, JsonSerializer.Deserialize(AgentFrame.ToJson(act),
            EventJson.Default.JsonElement)), because)).ConfigureAwait(false);
        var started = recorder.Clock.GetTimestamp();
        try
        {
            var answer = await agent.AskForAsync<TAnswer>(act, within, cancel).ConfigureAwait(false);
            await AnsweredAsync("done", null).ConfigureAwait(false);
            return answer;
        }
        catch (AgentRefusedException refused)
        {
            await AnsweredAsync("refused", refused.Message).ConfigureAwait(false);
            throw;
        }
        catch (Exception error) when (error is AgentAwayException or OperationCanceledException)
        {
            await AnsweredAsync("unknown", error.Message).ConfigureAwait(false);
            throw;
        }

        // A mere fact: with the ledger gone in between it waits in the queue, with its own time.
        Task AnsweredAsync(string outcome, string? why) => recorder.NoteAsync(Stream, new AgentAnswered(asked, verb, outcome,
            why is { Length: > WhyCharsMax } ? why[..WhyCharsMax] : why, (long)recorder.Clock.GetElapsedTime(started).TotalMilliseconds), because);
    }

    private async Task<long> RecordAsync(NewEvent asked) =>
        await recorder.DecideAsync(Stream, ExpectedVersion.Any, [asked]).ConfigureAwait(false) is AppendOutcome.Appended appended
            ? appended.Events[0].Position
            : throw new InvalidOperationException("an append without an expected version can't conflict");
}
