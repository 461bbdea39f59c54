// The fold from the events of all groups to SnapshotsState. Pure. Each event changes one group, named by its stream's facts.
using System.Collections.Immutable;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Verify;
using Holdfast.Ledger;

namespace Holdfast.Features.Snapshots;

/// <summary>Groups and snapshots as the ledger tells them.</summary>
public sealed class SnapshotsFold : IFold<SnapshotsState>
{
    private static readonly ImmutableSortedDictionary<long, Snapshot> NoSnapshots = ImmutableSortedDictionary<long, Snapshot>.Empty;

    public string Name => "snapshots";

    public int Version => 5;

    public SnapshotsState Initial => SnapshotsState.Empty;

    public bool Knows(string type) => type is "BackupStarted/1" or "BackupFinished/1" or "BackupAborted/1" or "ArchiveFinished/1"
        or "SnapshotDiscovered/1" or "SnapshotMissing/1" or "SnapshotForgotten/1" or "BackupLogUploaded/1"
        or "SnapshotsRemoved/1" or "BackupTimeInFuture/1"
        or "UnfinishedSnapshotDiscovered/1" or "SnapshotNotesChanged/1" or "SnapshotProtectionChanged/1"
        or "GroupOwnerChanged/1" or "GroupNotesChanged/1" or "GroupMoved/1" or "GroupSettled/1" or "DatastoreRemoved/1"
        || VerifiedSnapshots.Knows(type);

    public SnapshotsState Apply(SnapshotsState state, RecordedEvent recorded) => recorded.Type switch
    {
        "BackupStarted/1" => Started(state, recorded, Event.Read<BackupStarted>(recorded)),
        "ArchiveFinished/1" or "BackupTimeInFuture/1" => Noted(state, recorded),
        "BackupFinished/1" => Finished(state, recorded, Event.Read<BackupFinished>(recorded)),
        "BackupAborted/1" => Aborted(state, recorded, Event.Read<BackupAborted>(recorded)),
        "SnapshotDiscovered/1" => Discovered(state, recorded, Event.Read<SnapshotDiscovered>(recorded)),
        "SnapshotMissing/1" => Missing(state, recorded, Event.Read<SnapshotMissing>(recorded)),
        "SnapshotForgotten/1" => Forgotten(state, recorded, Event.Read<SnapshotForgotten>(recorded)),
        "SnapshotsRemoved/1" => Removed(state, recorded, Event.Read<SnapshotsRemoved>(recorded)),
        "BackupLogUploaded/1" => LogUploaded(state, recorded, Event.Read<BackupLogUploaded>(recorded)),
        "UnfinishedSnapshotDiscovered/1" => UnfinishedDiscovered(state, recorded, Event.Read<UnfinishedSnapshotDiscovered>(recorded)),
        "SnapshotNotesChanged/1" => NotesChanged(state, recorded, Event.Read<SnapshotNotesChanged>(recorded)),
        "SnapshotProtectionChanged/1" => ProtectionChanged(state, recorded, Event.Read<SnapshotProtectionChanged>(recorded)),
        "GroupOwnerChanged/1" => OwnerChanged(state, recorded, Event.Read<GroupOwnerChanged>(recorded)),
        "GroupNotesChanged/1" => GroupNotesChanged(state, recorded, Event.Read<GroupNotesChanged>(recorded)),
        "GroupMoved/1" => Moved(state, recorded, Event.Read<GroupMoved>(recorded)),
        "GroupSettled/1" => Settled(state, recorded, Event.Read<GroupSettled>(recorded)),
        "DatastoreRemoved/1" => Removed(state, Event.Read<Datastores.DatastoreRemoved>(recorded).Store),
        _ => VerifiedSnapshots.Knows(recorded.Type) ? VerifiedSnapshots.Apply(state, recorded) : state,
    };

    public SnapshotsState Loosen(SnapshotsState state) => state.Loosen();

    public SnapshotsState Settle(SnapshotsState state) => state.Settle();

    public void Write(SnapshotsState state, Stream output) => SnapshotsSerial.Write(state, output);

    public SnapshotsState Read(Stream input) => SnapshotsSerial.Read(input);

    private static SnapshotsState Started(SnapshotsState state, RecordedEvent recorded, BackupStarted started)
    {
        var key = new GroupKey(started.Store, started.Ns, started.BackupType, started.BackupId);
        var group = state.Find(key) ?? new GroupState(key, started.Owner, 0, NoSnapshots, []);
        var open = new OpenBackup(started.BackupTime, started.Upid, started.Benchmark);
        return state.With(group with
        {
            Owner = group.IsEmpty ? started.Owner : group.Owner,
            Version = recorded.Version,
            Open = group.Open.Add(open),
            Leaving = group.Leaving.Remove(started.BackupTime),
            Pending = group.Pending.Without(started.BackupTime),
        });
    }

    /// <summary>Changes nothing that is listed, but the version on which the next decision rests.</summary>
    private static SnapshotsState Noted(SnapshotsState state, RecordedEvent recorded) =>
        ParseStream(recorded.Stream) is { } key && state.Find(key) is { } group
            ? state.With(group with { Version = recorded.Version })
            : state;

    private static SnapshotsState Finished(SnapshotsState state, RecordedEvent recorded, BackupFinished finished) =>
        Change(state, recorded, new(finished.Store, finished.Ns, finished.BackupType, finished.BackupId), group => group with
        {
            Snapshots = group.Snapshots.SetItem(
                finished.BackupTime, new Snapshot(finished.BackupTime, finished.Content, HasLog: false, Missing: false)
                {
                    ReceivedAt = recorded.TimeUs / 1_000_000,
                }),
            Open = Without(group, finished.BackupTime),
        });

    private static SnapshotsState Aborted(SnapshotsState state, RecordedEvent recorded, BackupAborted aborted) =>
        Change(state, recorded, new(aborted.Store, aborted.Ns, aborted.BackupType, aborted.BackupId),
            group => Bared(group with { Open = Without(group, aborted.BackupTime) }));

    private static SnapshotsState Discovered(SnapshotsState state, RecordedEvent recorded, SnapshotDiscovered found)
    {
        var key = new GroupKey(found.Store, found.Ns, found.BackupType, found.BackupId);
        var group = state.Find(key) ?? new GroupState(key, found.Owner, 0, NoSnapshots, []);
        var hasLog = found.Content.Files.Any(file => file.Filename == SnapshotJson.ClientLog);
        return state.With(group with
        {
            Owner = group.IsEmpty ? found.Owner : group.Owner,
            Version = recorded.Version,
            Snapshots = group.Snapshots.SetItem(found.BackupTime, new Snapshot(found.BackupTime, found.Content, hasLog, Missing: false)
            {
                ReceivedAt = Math.Min(found.BackupTime, recorded.TimeUs / 1_000_000),
            }),
            Unfinished = group.Unfinished.Remove(found.BackupTime),
            Open = Without(group, found.BackupTime),
            Leaving = group.Leaving.Remove(found.BackupTime),
            Pending = group.Pending.Without(found.BackupTime),
        });
    }

    private static SnapshotsState UnfinishedDiscovered(SnapshotsState state, RecordedEvent recorded, UnfinishedSnapshotDiscovered found)
    {
        var key = new GroupKey(found.Store, found.Ns, found.BackupType, found.BackupId);
        var group = state.Find(key) ?? new GroupState(key, found.Owner, 0, NoSnapshots, []);
        return state.With(group with
        {
            Owner = group.IsEmpty ? found.Owner : group.Owner,
            Version = recorded.Version,
            Unfinished = group.Unfinished.SetItem(found.BackupTime, new UnfinishedSnapshot(found.BackupTime, [.. found.Files], found.Protected)),
            Pending = group.Pending.Without(found.BackupTime),
        });
    }

    private static SnapshotsState Missing(SnapshotsState state, RecordedEvent recorded, SnapshotMissing missing) =>
        Change(state, recorded, new(missing.Store, missing.Ns, missing.BackupType, missing.BackupId),
            group => Bared(WithSnapshot(group, missing.BackupTime, snapshot => snapshot with { Missing = true }) with
            {
                Unfinished = group.Unfinished.Remove(missing.BackupTime),
            }));

    private static SnapshotsState Forgotten(SnapshotsState state, RecordedEvent recorded, SnapshotForgotten forgotten) =>
        Change(state, recorded, new(forgotten.Store, forgotten.Ns, forgotten.BackupType, forgotten.BackupId),
            group => Bared(group with
            {
                Snapshots = group.Snapshots.Remove(forgotten.BackupTime),
                Unfinished = group.Unfinished.Remove(forgotten.BackupTime),
                Leaving = group.Leaving.Add(forgotten.BackupTime),
                Pending = group.Pending.Without(forgotten.BackupTime),
            }));

    private static SnapshotsState Removed(SnapshotsState state, RecordedEvent recorded, SnapshotsRemoved removed) =>
        Change(state, recorded, new(removed.Store, removed.Ns, removed.BackupType, removed.BackupId),
            group => group with { Leaving = group.Leaving.Except(removed.BackupTimes) });

    private static SnapshotsState LogUploaded(SnapshotsState state, RecordedEvent recorded, BackupLogUploaded uploaded) =>
        Change(state, recorded, new(uploaded.Store, uploaded.Ns, uploaded.BackupType, uploaded.BackupId),
            group => WithSnapshot(group, uploaded.BackupTime, snapshot => snapshot with { HasLog = true }));

    private static SnapshotsState NotesChanged(SnapshotsState state, RecordedEvent recorded, SnapshotNotesChanged changed) =>
        Change(state, recorded, new(changed.Store, changed.Ns, changed.BackupType, changed.BackupId), group => Changed(
            WithSnapshot(group, changed.BackupTime, snapshot => snapshot with
            {
                Content = (snapshot.Content with { Comment = changed.Notes }).WithManifestBytes(changed.ManifestBytes),
            }), changed.BackupTime));

    private static SnapshotsState ProtectionChanged(SnapshotsState state, RecordedEvent recorded, SnapshotProtectionChanged changed) =>
        Change(state, recorded, new(changed.Store, changed.Ns, changed.BackupType, changed.BackupId), group =>
        {
            var next = WithSnapshot(group, changed.BackupTime, snapshot => snapshot with
            {
                Content = snapshot.Content with { Protected = changed.Protected },
            });
            next = group.Unfinished.TryGetValue(changed.BackupTime, out var unfinished)
                ? next with { Unfinished = group.Unfinished.SetItem(changed.BackupTime, unfinished with { Protected = changed.Protected }) }
                : next;
            return changed.Discovered ? next : Changed(next, changed.BackupTime);
        });

    private static SnapshotsState OwnerChanged(SnapshotsState state, RecordedEvent recorded, GroupOwnerChanged changed) =>
        Change(state, recorded, new(changed.Store, changed.Ns, changed.BackupType, changed.BackupId), group => group with
        {
            Owner = changed.NewOwner,
            Pending = group.Pending with { Group = group.Pending.Group || !changed.Discovered },
        });

    private static SnapshotsState GroupNotesChanged(SnapshotsState state, RecordedEvent recorded, GroupNotesChanged changed) =>
        Change(state, recorded, new(changed.Store, changed.Ns, changed.BackupType, changed.BackupId), group => group with
        {
            Notes = changed.Notes.Length == 0 ? null : changed.Notes,
            Pending = group.Pending with { Group = group.Pending.Group || !changed.Discovered },
        });

    /// <summary>The one event that changes two groups: both states are of one stream's moment, so nobody sees a snapshot twice or nowhere.</summary>
    private static SnapshotsState Moved(SnapshotsState state, RecordedEvent recorded, GroupMoved moved)
    {
        var key = new GroupKey(moved.Store, moved.Ns, moved.BackupType, moved.BackupId);
        if (state.Find(key) is not { } source)
        {
            return state;
        }

        var target = state.Find(key with { Ns = moved.TargetNs });
        target = target is null or { IsEmpty: true }
            ? new GroupState(key with { Ns = moved.TargetNs }, source.Owner, target?.Version ?? 0, NoSnapshots, [])
            {
                Pending = target?.Pending ?? PendingWork.None,
            }
            : target;
        var left = source with
        {
            Version = recorded.Version, Snapshots = NoSnapshots, Unfinished = source.Unfinished.Clear(), Notes = null,
            Pending = source.Pending with { Changed = [], Group = false },
        };
        return state.With(left).With(target with
        {
            Notes = target.Notes ?? source.Notes,
            Snapshots = target.Snapshots.SetItems(source.Snapshots),
            Unfinished = target.Unfinished.SetItems(source.Unfinished),
            Pending = target.Pending with
            {
                Changed = target.Pending.Changed.Union(source.Pending.Changed),
                Group = true,
                MovedFrom = target.Pending.MovedFrom.Add(moved.Ns),
            },
        });
    }

    private static SnapshotsState Settled(SnapshotsState state, RecordedEvent recorded, GroupSettled settled) =>
        Change(state, recorded, new(settled.Store, settled.Ns, settled.BackupType, settled.BackupId), group => group with
        {
            Pending = group.Pending.Settled(settled.BackupTimes, settled.Group),
        });

    /// <summary>Its groups are no more. The versions of their streams stay: a datastore of that name may come again.</summary>
    private static SnapshotsState Removed(SnapshotsState state, string store) =>
        state.InStore(store).ToList().Aggregate(state, (rest, group) => rest.With(new GroupState(group.Key, group.Owner, group.Version, NoSnapshots, [])));

    private static GroupState Changed(GroupState group, long backupTime) =>
        group with { Pending = group.Pending with { Changed = group.Pending.Changed.Add(backupTime) } };

    /// <summary>With the last snapshot go the group's notes, on disk as here.</summary>
    private static GroupState Bared(GroupState group) => group.IsEmpty ? group with { Notes = null } : group;

    private static SnapshotsState Change(SnapshotsState state, RecordedEvent recorded, GroupKey key, Func<GroupState, GroupState> change) =>
        state.Find(key) is { } group ? state.With(change(group) with { Version = recorded.Version }) : state;

    private static GroupState WithSnapshot(GroupState group, long backupTime, Func<Snapshot, Snapshot> change) =>
        group.Snapshots.TryGetValue(backupTime, out var snapshot)
            ? group with { Snapshots = group.Snapshots.SetItem(backupTime, change(snapshot)) }
            : group;

    private static ImmutableList<OpenBackup> Without(GroupState group, long backupTime) =>
        group.Open.RemoveAll(open => open.BackupTime == backupTime);

    /// <summary>Inverse of <see cref="GroupKey.Stream"/>; null for a stream of another kind.</summary>
    private static GroupKey? ParseStream(string stream)
    {
        const string kind = "group:";
        if (!stream.StartsWith(kind, StringComparison.Ordinal))
        {
            return null;
        }

        var ns = stream.IndexOf(':', kind.Length) + 1;
        var type = ns > 0 ? stream.IndexOf(':', ns) + 1 : 0;
        var id = type > 0 ? stream.IndexOf('/', type) + 1 : 0;
        return id > type + 1 && stream.IndexOf(':', type) < 0
            ? new GroupKey(stream[kind.Length..(ns - 1)], stream[ns..(type - 1)], stream[type..(id - 1)], stream[id..])
            : null;
    }
}
