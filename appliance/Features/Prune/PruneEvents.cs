// What a prune decided, with every reason, and what came of it. The removals themselves are SnapshotForgotten, caused by the same task.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Prune;

/// <summary>The verdict on one snapshot.</summary>
/// <param name="Reason"><c>keep-daily 3 of 7</c>, <c>protected</c>, <c>beyond keep-last 5</c>.</param>
public sealed record PrunedSnapshot(long BackupTime, bool Keep, string Reason);

/// <summary>Verdicts on the snapshots of one group, oldest first.</summary>
public sealed record PrunedGroup(string Ns, string BackupType, string BackupId, IReadOnlyList<PrunedSnapshot> Snapshots);

/// <summary>A prune decided what goes, and why everything else of those groups stays. Groups that lose nothing are not in it. A decision too large for one
/// event of the ledger comes in parts of one <paramref name="Decision"/>; it counts once its last part is there, and is void without.</summary>
/// <param name="Decision">UPID of the task that decided.</param>
/// <param name="Part">From 1.</param>
/// <param name="IsLast">Last part: from now on the decision is carried out.</param>
/// <param name="Ns">Namespace where it began.</param>
/// <param name="TimeZone">Whose hours, days and weeks were counted.</param>
/// <param name="ByReceiveTime">Counted by when the server received each, not by backup times.</param>
public sealed record PruneDecided(
    string Decision, int Part, bool IsLast, string Store, string Ns, RetentionPolicy Policy, string TimeZone, bool ByReceiveTime,
    IReadOnlyList<PrunedGroup> Groups) : IEventData<PruneDecided>
{
    public static string EventType => "PruneDecided/1";
    public static JsonTypeInfo<PruneDecided> Json => EventJson.Default.PruneDecided;
}

/// <summary>A decision has been carried out, or given up: nothing of it is done any more.</summary>
/// <param name="Removed">Snapshots that went.</param>
/// <param name="Kept">Snapshots that should have gone and stay: protected or in use by now, or not removable.</param>
/// <param name="Problem">Why it was given up; null = it was carried out.</param>
public sealed record PruneFinished(string Decision, string Store, int Removed, int Kept, string? Problem) : IEventData<PruneFinished>
{
    public static string EventType => "PruneFinished/1";
    public static JsonTypeInfo<PruneFinished> Json => EventJson.Default.PruneFinished;
}
