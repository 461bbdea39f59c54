// Passwords of realm pam, asked of the privileged agent. An agent that is not there, or does not answer in time, is "no agent": nobody is let in and nobody
// is told that a password was wrong.
using Holdfast.Contracts.Agent;
using Holdfast.Features.Access;
using Holdfast.Features.Agent;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The agent as the realm pam sees it.</summary>
public sealed class AgentPam(IAgent agent, ILogger log) : IPamAuthenticator
{
    /// <summary>Clients give up after seven seconds, delays of the login included.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(3.5);

    public bool IsThere => agent.IsThere;

    public async ValueTask<PamAnswer> CheckAsync(string user, string password, CancellationToken cancel)
    {
        try
        {
            switch (await agent.AskAsync(new CheckPamPassword(user, password), Within, cancel).ConfigureAwait(false))
            {
                case PamVerdict verdict:
                    return verdict.IsRight ? PamAnswer.Right : PamAnswer.Wrong;
                case AgentRefusal refusal:
                    log.LogWarning("the agent refused to check a password: {Reason}", refusal.Reason);
                    return PamAnswer.Wrong;
                default:
                    return PamAnswer.NoAgent;
            }
        }
        catch (AgentAwayException away)
        {
            log.LogWarning("a password could not be checked: {Problem}", away.Message);
            return PamAnswer.NoAgent;
        }
    }
}
