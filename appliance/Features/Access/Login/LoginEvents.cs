// Facts about coming in. What was typed is in none of them.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

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
