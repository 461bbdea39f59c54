// Facts about second factors. Secrets and recovery keys, and hashes of them, are never in them: those lie in the credential file.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

/// <summary>A user got a second factor.</summary>
/// <param name="Type"><c>totp</c> or <c>recovery</c>.</param>
/// <param name="Created">Epoch seconds.</param>
public sealed record TfaEntryAdded(string Userid, string Id, string Type, string? Description, long Created) : IEventData<TfaEntryAdded>
{
    public static string EventType => "TfaEntryAdded/1";
    public static JsonTypeInfo<TfaEntryAdded> Json => EventJson.Default.TfaEntryAdded;
}

/// <summary>A second factor was described anew, enabled or disabled; this is how it is now.</summary>
public sealed record TfaEntryChanged(string Userid, string Id, string? Description, bool Enable) : IEventData<TfaEntryChanged>
{
    public static string EventType => "TfaEntryChanged/1";
    public static JsonTypeInfo<TfaEntryChanged> Json => EventJson.Default.TfaEntryChanged;
}

/// <summary>A second factor is no more.</summary>
public sealed record TfaEntryRemoved(string Userid, string Id) : IEventData<TfaEntryRemoved>
{
    public static string EventType => "TfaEntryRemoved/1";
    public static JsonTypeInfo<TfaEntryRemoved> Json => EventJson.Default.TfaEntryRemoved;
}

/// <summary>A recovery key was spent; it opens nothing any more.</summary>
/// <param name="Index">Which of the ten, from 0.</param>
public sealed record RecoveryKeyUsed(string Userid, int Index) : IEventData<RecoveryKeyUsed>
{
    public static string EventType => "RecoveryKeyUsed/1";
    public static JsonTypeInfo<RecoveryKeyUsed> Json => EventJson.Default.RecoveryKeyUsed;
}

/// <summary>Too many wrong codes in a row: TOTP codes of the user count for nothing until a recovery key or an admin opens them again.</summary>
public sealed record TotpLocked(string Userid, int Failures) : IEventData<TotpLocked>
{
    public static string EventType => "TotpLocked/1";
    public static JsonTypeInfo<TotpLocked> Json => EventJson.Default.TotpLocked;
}

/// <summary>Far too many wrong second factors in a row: none of the user's counts until then.</summary>
/// <param name="Until">Epoch seconds.</param>
public sealed record SecondFactorsLocked(string Userid, int Failures, long Until) : IEventData<SecondFactorsLocked>
{
    public static string EventType => "SecondFactorsLocked/1";
    public static JsonTypeInfo<SecondFactorsLocked> Json => EventJson.Default.SecondFactorsLocked;
}

/// <summary>The second factors of a user count again.</summary>
public sealed record SecondFactorsUnlocked(string Userid) : IEventData<SecondFactorsUnlocked>
{
    public static string EventType => "SecondFactorsUnlocked/1";
    public static JsonTypeInfo<SecondFactorsUnlocked> Json => EventJson.Default.SecondFactorsUnlocked;
}
