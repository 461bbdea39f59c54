// What the ledger has decided about a group and the disk may not show yet. A start brings the disk to it (write order W5); whoever did the work in time says so
// by GroupSettled, and it is forgotten here.
using System.Collections.Immutable;

namespace Holdfast.Features.Snapshots;

/// <summary>Decided, and not known to be done on disk.</summary>
/// <param name="Changed">Backup times whose notes, verify state or protection are to be written.</param>
/// <param name="Group">Owner and notes of the group are to be written.</param>
/// <param name="MovedFrom">Namespaces from which the group's folder is to be moved here.</param>
public sealed record PendingWork(ImmutableSortedSet<long> Changed, bool Group, ImmutableSortedSet<string> MovedFrom)
{
    /// <summary>The disk shows all that was decided.</summary>
    public static readonly PendingWork None = new([], false, ImmutableSortedSet.Create<string>(StringComparer.Ordinal));

    /// <summary>Is there nothing to do?</summary>
    public bool IsEmpty => Changed.IsEmpty && !Group && MovedFrom.IsEmpty;

    /// <summary>Nothing to do for that snapshot any more: its work was done, or a new backup takes its place.</summary>
    public PendingWork Without(long backupTime) => this with { Changed = Changed.Remove(backupTime) };

    /// <summary>What is left when these snapshots, and with <paramref name="group"/> the group itself, are done.</summary>
    public PendingWork Settled(IEnumerable<long> backupTimes, bool group)
    {
        var left = backupTimes.Aggregate(this, (work, time) => work.Without(time));
        return group ? left with { Group = false, MovedFrom = None.MovedFrom } : left;
    }
}
