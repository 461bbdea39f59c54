// One verb of the agent: which request it takes, how long it may take, and what does it. A verb answers once, or, for a watch, again and again until its
// peer hangs up.
using System.Runtime.CompilerServices;

namespace Holdfast.Contracts.Agent;

/// <summary>What was asked can't or may not be done. The text goes to whoever asked, and holds nothing secret.</summary>
public sealed class VerbRefusedException(string message) : Exception(message);

/// <summary>One verb.</summary>
public sealed class AgentVerb
{
    private AgentVerb(Type request, TimeSpan? within, bool watches, Func<AgentRequest, CancellationToken, IAsyncEnumerable<AgentAnswer>> answers) =>
        (Request, Within, Watches, Answers) = (request, within, watches, answers);

    /// <summary>Its name on the wire.</summary>
    public string Name => AgentNames.Of(Request);

    /// <summary>The record that asks for it.</summary>
    public Type Request { get; }

    /// <summary>How long it may take; null = the agent's usual limit. A watch has none.</summary>
    public TimeSpan? Within { get; }

    /// <summary>Whether it answers until the peer hangs up.</summary>
    public bool Watches { get; }

    /// <summary>Its answers; refusals are thrown.</summary>
    public Func<AgentRequest, CancellationToken, IAsyncEnumerable<AgentAnswer>> Answers { get; }

    /// <summary>A verb that answers once. <see cref="VerbRefusedException"/> and IOException become a refusal.</summary>
    public static AgentVerb Of<TRequest>(Func<TRequest, CancellationToken, Task<AgentAnswer>> act, TimeSpan? within = null) where TRequest : AgentRequest
    {
        return new(typeof(TRequest), within, false, Answer);

        async IAsyncEnumerable<AgentAnswer> Answer(AgentRequest request, [EnumeratorCancellation] CancellationToken cancel)
        {
            yield return await act((TRequest)request, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>A verb that answers until the peer hangs up.</summary>
    public static AgentVerb Watching<TRequest>(Func<TRequest, CancellationToken, IAsyncEnumerable<AgentAnswer>> watch) where TRequest : AgentRequest =>
        new(typeof(TRequest), null, true, (request, cancel) => watch((TRequest)request, cancel));
}
