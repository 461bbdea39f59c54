// Facts about users. Passwords, and hashes of them, are never in them: those lie in the credential file.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

/// <summary>A user came to be. What was not given is null, as PBS leaves it out.</summary>
/// <param name="Enable">Null as good as true.</param>
/// <param name="Expire">Epoch seconds; null or 0 = never.</param>
public sealed record UserCreated(
    string Userid, bool? Enable, long? Expire, string? Comment, string? Firstname = null, string? Lastname = null, string? Email = null)
    : IEventData<UserCreated>
{
    public static string EventType => "UserCreated/1";
    public static JsonTypeInfo<UserCreated> Json => EventJson.Default.UserCreated;
}

/// <summary>A user's settings were changed; these are all of them as they are now.</summary>
public sealed record UserChanged(
    string Userid, bool? Enable, long? Expire, string? Comment, string? Firstname, string? Lastname, string? Email) : IEventData<UserChanged>
{
    public static string EventType => "UserChanged/1";
    public static JsonTypeInfo<UserChanged> Json => EventJson.Default.UserChanged;
}

/// <summary>A user is no more, nor are its second factors. Its lines in the access list stay, as in PBS; its tokens were revoked just before.</summary>
public sealed record UserDeleted(string Userid) : IEventData<UserDeleted>
{
    public static string EventType => "UserDeleted/1";
    public static JsonTypeInfo<UserDeleted> Json => EventJson.Default.UserDeleted;
}

/// <summary>A user's password was set; the password itself lies in the credential file only.</summary>
public sealed record PasswordChanged(string Userid) : IEventData<PasswordChanged>
{
    public static string EventType => "PasswordChanged/1";
    public static JsonTypeInfo<PasswordChanged> Json => EventJson.Default.PasswordChanged;
}
