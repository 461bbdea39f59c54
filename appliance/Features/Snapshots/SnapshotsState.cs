// Groups and snapshots of all datastores as the ledger tells them. Listings, owner checks and the choice of a backup's base are answers from here,
// never from reading manifests. Immutable; a group is shared by all states in which it did not change.
using System.Collections.Immutable;

namespace Holdfast.Features.Snapshots;

/// <summary>A finished snapshot.</summary>
/// <param name="Missing">The disk lacks it (<c>SnapshotMissing</c>): kept in sight until somebody forgets it.</param>
/// <param name="HasLog">The client's log lies beside it.</param>
public sealed record Snapshot(long BackupTime, SnapshotContent Content, bool HasLog, bool Missing)
{
    private byte[]? listItem;
    private string? listItemOwner;

    /// <summary>What <c>with</c> copies: the facts, never the rendering made of the old ones.</summary>
    private Snapshot(Snapshot other)
    {
        (BackupTime, Content, HasLog, Missing) = (other.BackupTime, other.Content, other.HasLog, other.Missing);
        (ReceivedAt, LastVerifiedS, Recheck) = (other.ReceivedAt, other.LastVerifiedS, other.Recheck);
    }

    /// <summary>When the server had all of it, epoch seconds by its own clock. For one that was found on disk the earlier of backup time and discovery:
    /// nobody knows better, and an adopted history keeps its spread.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>When its last verification ended that could read all of it, epoch seconds; null = never here.</summary>
    public long? LastVerifiedS { get; init; }

    /// <summary>Since then one of its chunks was found bad, or is good again: the next verification that comes by looks at it anyway.</summary>
    public bool Recheck { get; init; }

    /// <summary>Rendered list item for this owner, made once per change: a listing copies bytes. A lost race renders twice, no more.</summary>
    public byte[] ListItem(GroupKey group, string owner)
    {
        if (listItem is { } ready && listItemOwner == owner)
        {
            return ready;
        }

        var rendered = SnapshotJson.ListItem(group, owner, this);
        listItemOwner = owner;
        listItem = rendered;
        return rendered;
    }

    public bool Equals(Snapshot? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => BackupTime.GetHashCode();
}

/// <summary>A backup that started and has neither finished nor been aborted.</summary>
public sealed record OpenBackup(long BackupTime, string Upid, bool Benchmark);

/// <summary>A folder without a manifest that was found on disk and that no backup of ours explains: what a PBS left unfinished.</summary>
/// <param name="Files">Names of its files when it was found.</param>
public sealed record UnfinishedSnapshot(long BackupTime, ImmutableArray<string> Files, bool Protected);

/// <summary>One group.</summary>
/// <param name="Version">Last version of its stream: what a decision on this state rests on.</param>
/// <param name="Snapshots">Finished ones by backup time, oldest first.</param>
/// <param name="Open">Backups under way, or left open by a crash until the start reconciles them.</param>
public sealed record GroupState(
    GroupKey Key, string Owner, long Version,
    ImmutableSortedDictionary<long, Snapshot> Snapshots, ImmutableList<OpenBackup> Open)
{
    /// <summary>Times of forgotten snapshots that may still be on disk: their removal is under way, or is resumed by the next start.</summary>
    public ImmutableSortedSet<long> Leaving { get; init; } = [];

    /// <summary>Notes of the group (full text); null if it has none.</summary>
    public string? Notes { get; init; }

    /// <summary>Found without a manifest, by backup time.</summary>
    public ImmutableSortedDictionary<long, UnfinishedSnapshot> Unfinished { get; init; } = ImmutableSortedDictionary<long, UnfinishedSnapshot>.Empty;

    /// <summary>What was decided and is not known to be on disk yet.</summary>
    public PendingWork Pending { get; init; } = PendingWork.None;

    /// <summary>Nothing is left of it: its next backup makes it anew.</summary>
    public bool IsEmpty => Snapshots.IsEmpty && Open.IsEmpty && Unfinished.IsEmpty;

    /// <summary>How many snapshots listings show: finished ones that the disk has, unfinished ones, and those under way.</summary>
    public int ListedCount => Snapshots.Values.Count(snapshot => !snapshot.Missing) + Unfinished.Count + Open.Count;

    /// <summary>Newest finished snapshot that the disk has.</summary>
    public Snapshot? Newest
    {
        get
        {
            foreach (var snapshot in Snapshots.Values.Reverse())
            {
                if (!snapshot.Missing)
                {
                    return snapshot;
                }
            }

            return null;
        }
    }

    public bool Equals(GroupState? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Key.GetHashCode();
}

/// <summary>All groups, by datastore and namespace. Immutable, but for one that was loosened: that is changed in place by the fold that holds
/// it, and by nobody else.</summary>
public sealed class SnapshotsState(ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, GroupState>> namespaces)
{
    /// <summary>No group.</summary>
    public static readonly SnapshotsState Empty =
        new(ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<string, GroupState>>(StringComparer.Ordinal));

    private static readonly ImmutableSortedDictionary<string, GroupState> NoGroups =
        ImmutableSortedDictionary.Create<string, GroupState>(StringComparer.Ordinal);

    /// <summary>While many events are folded: the groups by key, ahead of the sorted form. Null = <see cref="namespaces"/> is the state.</summary>
    private Dictionary<GroupKey, GroupState>? loose;

    private ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, GroupState>> namespaces = namespaces;

    /// <summary>Groups by <c>type/id</c>, by <c>store:namespace</c>; both sorted.</summary>
    public ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, GroupState>> Namespaces => Settle().namespaces;

    /// <summary>Groups of one namespace by <c>type/id</c>, sorted.</summary>
    public ImmutableSortedDictionary<string, GroupState> In(string store, string ns) =>
        Namespaces.GetValueOrDefault(PlaceOf(store, ns), NoGroups);

    /// <summary>Every group of a datastore, over all its namespaces.</summary>
    public IEnumerable<GroupState> InStore(string store)
    {
        var prefix = store + ":";
        foreach (var (place, groups) in Namespaces)
        {
            if (place.StartsWith(prefix, StringComparison.Ordinal))
            {
                foreach (var (_, group) in groups)
                {
                    yield return group;
                }
            }
        }
    }

    /// <summary>The group, or null if it has never had a backup (or has none left).</summary>
    public GroupState? Find(GroupKey key) =>
        loose is null ? In(key.Store, key.Ns).GetValueOrDefault(key.ToString()) : loose.GetValueOrDefault(key);

    /// <summary>The state with this group in place of what stood there.</summary>
    public SnapshotsState With(GroupState group)
    {
        if (loose is not null)
        {
            loose[group.Key] = group;
            return this;
        }

        var place = PlaceOf(group.Key.Store, group.Key.Ns);
        return new(namespaces.SetItem(place, In(group.Key.Store, group.Key.Ns).SetItem(group.Key.ToString(), group)));
    }

    /// <summary>The same state in a form that <see cref="With"/> changes in place: a year of events makes no million copies of paths through trees.</summary>
    internal SnapshotsState Loosen() => new(Namespaces)
    {
        loose = Namespaces.Values.SelectMany(groups => groups.Values).ToDictionary(group => group.Key, GroupKey.ById),
    };

    /// <summary>This state, no longer changed in place.</summary>
    internal SnapshotsState Settle()
    {
        if (loose is not null)
        {
            namespaces = loose.Values.GroupBy(group => PlaceOf(group.Key.Store, group.Key.Ns)).ToImmutableSortedDictionary(
                place => place.Key, place => place.ToImmutableSortedDictionary(group => group.Key.ToString(), group => group, StringComparer.Ordinal),
                StringComparer.Ordinal);
            loose = null;
        }

        return this;
    }

    private static string PlaceOf(string store, string ns) => store + ":" + ns;
}
