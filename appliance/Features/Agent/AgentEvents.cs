// What the agent was asked to change, and what it answered.
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Agent;

/// <summary>The agent is about to be asked for something that changes something. Recorded before it is sent.</summary>
/// <param name="Verb">Its name on the wire.</param>
/// <param name="Request">The request as it is sent; requests that act hold no secrets.</param>
public sealed record AgentAsked(string Verb, JsonElement Request) : IEventData<AgentAsked>
{
    public static string EventType => "AgentAsked/1";
    public static JsonTypeInfo<AgentAsked> Json => EventJson.Default.AgentAsked;
}

/// <summary>How that ended.</summary>
/// <param name="Asked">Position of the <see cref="AgentAsked"/> event.</param>
/// <param name="Verb">As there.</param>
/// <param name="Outcome"><c>done</c>, <c>refused</c> (nothing was changed, or what the reason says), <c>unknown</c> (no answer came: it may have
/// happened).</param>
/// <param name="Why">Reason of a refusal or of a missing answer; null if done.</param>
/// <param name="ElapsedMs">From asking to answer.</param>
public sealed record AgentAnswered(long Asked, string Verb, string Outcome, string? Why, long ElapsedMs) : IEventData<AgentAnswered>
{
    public static string EventType => "AgentAnswered/1";
    public static JsonTypeInfo<AgentAnswered> Json => EventJson.Default.AgentAnswered;
}
