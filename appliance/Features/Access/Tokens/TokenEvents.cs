// Facts about API tokens. Their secrets are shown once and are in no event.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

/// <summary>An API token was issued. What was not given is null.</summary>
public sealed record TokenIssued(string Tokenid, bool? Enable, long? Expire, string? Comment) : IEventData<TokenIssued>
{
    public static string EventType => "TokenIssued/1";
    public static JsonTypeInfo<TokenIssued> Json => EventJson.Default.TokenIssued;
}

/// <summary>A token's settings were changed; these are all of them as they are now.</summary>
public sealed record TokenChanged(string Tokenid, bool? Enable, long? Expire, string? Comment) : IEventData<TokenChanged>
{
    public static string EventType => "TokenChanged/1";
    public static JsonTypeInfo<TokenChanged> Json => EventJson.Default.TokenChanged;
}

/// <summary>A token got a new secret; the old one is worth nothing from here on.</summary>
public sealed record TokenSecretRenewed(string Tokenid) : IEventData<TokenSecretRenewed>
{
    public static string EventType => "TokenSecretRenewed/1";
    public static JsonTypeInfo<TokenSecretRenewed> Json => EventJson.Default.TokenSecretRenewed;
}

/// <summary>An API token ended.</summary>
public sealed record TokenRevoked(string Tokenid) : IEventData<TokenRevoked>
{
    public static string EventType => "TokenRevoked/1";
    public static JsonTypeInfo<TokenRevoked> Json => EventJson.Default.TokenRevoked;
}
