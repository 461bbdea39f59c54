// Facts about the access list and about roles that an admin made.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Access;

/// <summary>A role was given to a user or token on a path. <c>NoAccess</c> takes the place of all others there; any other takes its place.</summary>
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

/// <summary>A role of our own was made or changed; this is what it gives from now on.</summary>
/// <param name="Privileges">PBS's names (<c>Datastore.Audit</c>); never bits, which are ours alone.</param>
public sealed record RoleDefined(string Role, IReadOnlyList<string> Privileges, string? Comment) : IEventData<RoleDefined>
{
    public static string EventType => "RoleDefined/1";
    public static JsonTypeInfo<RoleDefined> Json => EventJson.Default.RoleDefined;
}

/// <summary>A role of our own, given to nobody any more, was removed.</summary>
public sealed record RoleRemoved(string Role) : IEventData<RoleRemoved>
{
    public static string EventType => "RoleRemoved/1";
    public static JsonTypeInfo<RoleRemoved> Json => EventJson.Default.RoleRemoved;
}
