// What became of changes of the network. That the agent was asked is recorded on its own (AgentAsked, with the whole plan).
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Contracts.Network;
using Holdfast.Features.Events;

namespace Holdfast.Features.Network;

/// <summary>A plan is in use, for a while.</summary>
/// <param name="Change">Name that the agent gave it.</param>
/// <param name="ConfirmWithinS">Taken back after so many seconds unless somebody confirms it.</param>
public sealed record NetworkApplied(string Change, NetworkPlan Plan, int ConfirmWithinS) : IEventData<NetworkApplied>
{
    public static string EventType => "NetworkApplied/1";
    public static JsonTypeInfo<NetworkApplied> Json => EventJson.Default.NetworkApplied;
}

/// <summary>Somebody said that it is good: it stays.</summary>
public sealed record NetworkConfirmed(string Change) : IEventData<NetworkConfirmed>
{
    public static string EventType => "NetworkConfirmed/1";
    public static JsonTypeInfo<NetworkConfirmed> Json => EventJson.Default.NetworkConfirmed;
}

/// <summary>The network is as it was before the change.</summary>
/// <param name="Why">For people.</param>
public sealed record NetworkReverted(string Change, string Why) : IEventData<NetworkReverted>
{
    public static string EventType => "NetworkReverted/1";
    public static JsonTypeInfo<NetworkReverted> Json => EventJson.Default.NetworkReverted;
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NetworkState))]
internal sealed partial class NetworkJson : JsonSerializerContext;
