// Everything that the agent can do, put together once. A driver's verbs are added here, a line each.
using Holdfast.Agent.Pam;

namespace Holdfast.Agent;

/// <summary>The verbs of a running agent.</summary>
public static class AllVerbs
{
    public static IReadOnlyList<AgentVerb> Of(AgentArguments arguments) =>
    [
        .. new PamVerbs(new PamPasswords(arguments.PamService, arguments.PamFolder)).Verbs,
    ];
}
