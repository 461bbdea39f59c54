// The privileged agent as slices see it: a typed request and its typed answer.
using Holdfast.Contracts.Agent;

namespace Holdfast.Features.Agent;

/// <summary>No agent is there, it does not answer in time, or it does not know the verb.</summary>
public sealed class AgentAwayException(string message) : Exception(message);

/// <summary>The agent did not do it; the text says why and is fit for the caller.</summary>
public sealed class AgentRefusedException(string message) : Exception(message);

/// <summary>Asks the agent.</summary>
public interface IAgent
{
    /// <summary>Whether an agent listens at all. Cheap; says nothing about its health.</summary>
    bool IsThere { get; }

    /// <summary>One request, one answer. A refusal is an answer like any other: <see cref="AgentRefusal"/>.</summary>
    /// <exception cref="AgentAwayException">Nothing fit to be an answer came within <paramref name="within"/>.</exception>
    Task<AgentAnswer> AskAsync(AgentRequest request, TimeSpan within, CancellationToken cancel = default);

    /// <summary>Answers of a watch, until it ends or <paramref name="cancel"/>.</summary>
    /// <exception cref="AgentAwayException">The agent went away.</exception>
    IAsyncEnumerable<AgentAnswer> WatchAsync(AgentRequest request, CancellationToken cancel);
}

/// <summary>How most answers are taken.</summary>
public static class AgentAsking
{
    /// <summary>The one answer that fits the question.</summary>
    /// <exception cref="AgentAwayException">No agent, or an answer of another kind.</exception>
    /// <exception cref="AgentRefusedException">It refused, with its reason.</exception>
    public static async Task<TAnswer> AskForAsync<TAnswer>(
        this IAgent agent, AgentRequest request, TimeSpan within, CancellationToken cancel = default) where TAnswer : AgentAnswer =>
        await agent.AskAsync(request, within, cancel).ConfigureAwait(false) switch
        {
            TAnswer answer => answer,
            AgentRefusal refusal => throw new AgentRefusedException(refusal.Reason),
            var other => throw new AgentAwayException($"the agent answered '{AgentNames.Of(request.GetType())}' with a {other.GetType().Name}"),
        };
}

/// <summary>Where there is no agent: hardware is unknown, and nothing else suffers.</summary>
public sealed class NoAgent : IAgent
{
    /// <summary>What people are told who want to see hardware there.</summary>
    public const string UnseenText = "no agent (holdfast-agent) is there: pools and disks can't be seen";

    public bool IsThere => false;

    public Task<AgentAnswer> AskAsync(AgentRequest request, TimeSpan within, CancellationToken cancel = default) =>
        Task.FromException<AgentAnswer>(new AgentAwayException("this appliance has no agent"));

    public IAsyncEnumerable<AgentAnswer> WatchAsync(AgentRequest request, CancellationToken cancel) =>
        throw new AgentAwayException("this appliance has no agent");
}
