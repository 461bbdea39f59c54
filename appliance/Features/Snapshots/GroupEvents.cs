// Facts about groups: owner, notes, the move to another namespace, and that the disk shows what was decided.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Snapshots;

/// <summary>A group has another owner; its owner file is written after this is recorded.</summary>
/// <param name="Discovered">The file was found changed on disk.</param>
public sealed record GroupOwnerChanged(
    string Store, string Ns, string BackupType, string BackupId, string OldOwner, string NewOwner, bool Discovered)
    : IEventData<GroupOwnerChanged>
{
    public static string EventType => "GroupOwnerChanged/1";
    public static JsonTypeInfo<GroupOwnerChanged> Json => EventJson.Default.GroupOwnerChanged;
}

/// <summary>A group has other notes; its notes file is written after this is recorded.</summary>
/// <param name="Notes">Full text; <c>""</c> = none.</param>
/// <param name="Discovered">The file was found changed on disk.</param>
public sealed record GroupNotesChanged(string Store, string Ns, string BackupType, string BackupId, string Notes, bool Discovered)
    : IEventData<GroupNotesChanged>
{
    public static string EventType => "GroupNotesChanged/1";
    public static JsonTypeInfo<GroupNotesChanged> Json => EventJson.Default.GroupNotesChanged;
}

/// <summary>All snapshots of a group now belong to the same group in another namespace; the folders follow. In the stream of the group that is left.</summary>
/// <param name="Snapshots">How many went.</param>
/// <param name="Merged">The group was there already.</param>
public sealed record GroupMoved(
    string Store, string Ns, string BackupType, string BackupId, string TargetNs, int Snapshots, bool Merged) : IEventData<GroupMoved>
{
    public static string EventType => "GroupMoved/1";
    public static JsonTypeInfo<GroupMoved> Json => EventJson.Default.GroupMoved;
}

/// <summary>What was decided is on disk: of these snapshots, and of the group itself where <paramref name="Group"/> says so.</summary>
/// <param name="Group">Owner, notes and a move to here are done as well.</param>
public sealed record GroupSettled(
    string Store, string Ns, string BackupType, string BackupId, IReadOnlyList<long> BackupTimes, bool Group) : IEventData<GroupSettled>
{
    public static string EventType => "GroupSettled/1";
    public static JsonTypeInfo<GroupSettled> Json => EventJson.Default.GroupSettled;
}
