// Facts about who may do what. Secrets, and hashes of secrets, are never in them: those lie in the credential file.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

/// <summary>A user came to be. <paramref name="Expire"/> in epoch seconds, 0 = never.</summary>
public sealed record UserCreated(string Userid, bool Enable, long Expire, string? Comment) : IEventData<UserCreated>
{
    public static string EventType => "UserCreated/1";
    public static JsonTypeInfo<UserCreated> Json => EventJson.Default.UserCreated;
}

/// <summary>A user's password was set; the password itself lies in the credential file only.</summary>
public sealed record PasswordChanged(string Userid) : IEventData<PasswordChanged>
{
    public static string EventType => "PasswordChanged/1";
    public static JsonTypeInfo<PasswordChanged> Json => EventJson.Default.PasswordChanged;
}

/// <summary>An API token was issued; its secret was shown once and is in no event.</summary>
public sealed record TokenIssued(string Tokenid, bool Enable, long Expire, string? Comment) : IEventData<TokenIssued>
{
    public static string EventType => "TokenIssued/1";
    public static JsonTypeInfo<TokenIssued> Json => EventJson.Default.TokenIssued;
}

/// <summary>An API token ended.</summary>
public sealed record TokenRevoked(string Tokenid) : IEventData<TokenRevoked>
{
    public static string EventType => "TokenRevoked/1";
    public static JsonTypeInfo<TokenRevoked> Json => EventJson.Default.TokenRevoked;
}

/// <summary>A role was given to a user or token on a path.</summary>
public sealed record AccessGranted(string Path, string AuthId, string Role, bool Propagate) : IEventData<AccessGranted>
{
    public static string EventType => "AccessGranted/1";
    public static JsonTypeInfo<AccessGranted> Json => EventJson.Default.AccessGranted;
}

/// <summary>A role was taken from a user or token on a path.</summary>
public sealed record AccessWithdrawn(string Path, string AuthId, string Role) : IEventData<AccessWithdrawn>
{
    public static string EventType => "AccessWithdrawn/1";
    public static JsonTypeInfo<AccessWithdrawn> Json => EventJson.Default.AccessWithdrawn;
}

/// <summary>Somebody logged in with a password (a renewal of a ticket is no login).</summary>
public sealed record LoginSucceeded(string Userid) : IEventData<LoginSucceeded>
{
    public static string EventType => "LoginSucceeded/1";
    public static JsonTypeInfo<LoginSucceeded> Json => EventJson.Default.LoginSucceeded;
}

/// <summary>Refused logins, summed up per source, account and minute, so that a flood can't fill the ledger.</summary>
/// <param name="Account">What was tried, cut to 64 characters; accounts beyond the bound of a minute are summed as <c>(others)</c>.</param>
/// <param name="MinuteStart">Epoch seconds, start of the minute.</param>
/// <param name="Count">Tries in that minute.</param>
public sealed record LoginRefused(string Account, string Source, long MinuteStart, long Count) : IEventData<LoginRefused>
{
    public static string EventType => "LoginRefused/1";
    public static JsonTypeInfo<LoginRefused> Json => EventJson.Default.LoginRefused;
}
