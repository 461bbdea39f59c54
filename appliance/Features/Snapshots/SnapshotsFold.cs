// The fold from the events of all groups to SnapshotsState. Pure. Each event changes one group, named by its stream's facts.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
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

    public int Version => 3;

    public SnapshotsState Initial => SnapshotsState.Empty;

    public bool Knows(string type) => type is "BackupStarted/1" or "BackupFinished/1" or "BackupAborted/1" or "ArchiveFinished/1"
        or "SnapshotDiscovered/1" or "SnapshotMissing/1" or "SnapshotForgotten/1" or "BackupLogUploaded/1"
        or "SnapshotsRemoved/1" or "BackupTimeInFuture/1"
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
        _ => VerifiedSnapshots.Knows(recorded.Type) ? VerifiedSnapshots.Apply(state, recorded) : state,
    };

    public void Write(SnapshotsState state, Stream output)
    {
        var groups = new List<SerialGroup>();
        foreach (var (_, byName) in state.Namespaces)
        {
            foreach (var (_, group) in byName)
            {
                groups.Add(new SerialGroup(group.Key.Store, group.Key.Ns, group.Key.BackupType, group.Key.BackupId, group.Owner,
                    group.Version, [.. group.Snapshots.Values.Select(Serial)], [.. group.Open], [.. group.Leaving]));
            }
        }

        JsonSerializer.Serialize(output, groups, SnapshotsSerial.Default.ListSerialGroup);
    }

    public SnapshotsState Read(Stream input)
    {
        try
        {
            var groups = JsonSerializer.Deserialize(input, SnapshotsSerial.Default.ListSerialGroup) ?? throw new InvalidDataException("empty");
            return groups.Aggregate(SnapshotsState.Empty, (state, serial) => state.With(Group(serial)));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a snapshots snapshot: " + error.Message);
        }
    }

    private static SnapshotsState Started(SnapshotsState state, RecordedEvent recorded, BackupStarted started)
    {
        var key = new GroupKey(started.Store, started.Ns, started.BackupType, started.BackupId);
        var group = state.Find(key) ?? new GroupState(key, started.Owner, 0, NoSnapshots, []);
        var open = new OpenBackup(started.BackupTime, started.Upid, started.Benchmark);
        return state.With(group with
        {
            Owner = IsEmpty(group) ? started.Owner : group.Owner,
            Version = recorded.Version,
            Open = group.Open.Add(open),
            Leaving = group.Leaving.Remove(started.BackupTime),
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
            group => group with { Open = Without(group, aborted.BackupTime) });

    private static SnapshotsState Discovered(SnapshotsState state, RecordedEvent recorded, SnapshotDiscovered found)
    {
        var key = new GroupKey(found.Store, found.Ns, found.BackupType, found.BackupId);
        var group = state.Find(key) ?? new GroupState(key, found.Owner, 0, NoSnapshots, []);
        var hasLog = found.Content.Files.Any(file => file.Filename == SnapshotJson.ClientLog);
        return state.With(group with
        {
            Owner = IsEmpty(group) ? found.Owner : group.Owner,
            Version = recorded.Version,
            Snapshots = group.Snapshots.SetItem(found.BackupTime, new Snapshot(found.BackupTime, found.Content, hasLog, Missing: false)
            {
                ReceivedAt = Math.Min(found.BackupTime, recorded.TimeUs / 1_000_000),
            }),
            Open = Without(group, found.BackupTime),
            Leaving = group.Leaving.Remove(found.BackupTime),
        });
    }

    private static SnapshotsState Missing(SnapshotsState state, RecordedEvent recorded, SnapshotMissing missing) =>
        Change(state, recorded, new(missing.Store, missing.Ns, missing.BackupType, missing.BackupId),
            group => WithSnapshot(group, missing.BackupTime, snapshot => snapshot with { Missing = true }));

    private static SnapshotsState Forgotten(SnapshotsState state, RecordedEvent recorded, SnapshotForgotten forgotten) =>
        Change(state, recorded, new(forgotten.Store, forgotten.Ns, forgotten.BackupType, forgotten.BackupId),
            group => group with
            {
                Snapshots = group.Snapshots.Remove(forgotten.BackupTime), Leaving = group.Leaving.Add(forgotten.BackupTime),
            });

    private static SnapshotsState Removed(SnapshotsState state, RecordedEvent recorded, SnapshotsRemoved removed) =>
        Change(state, recorded, new(removed.Store, removed.Ns, removed.BackupType, removed.BackupId),
            group => group with { Leaving = group.Leaving.Except(removed.BackupTimes) });

    private static SnapshotsState LogUploaded(SnapshotsState state, RecordedEvent recorded, BackupLogUploaded uploaded) =>
        Change(state, recorded, new(uploaded.Store, uploaded.Ns, uploaded.BackupType, uploaded.BackupId),
            group => WithSnapshot(group, uploaded.BackupTime, snapshot => snapshot with { HasLog = true }));

    private static SnapshotsState Change(SnapshotsState state, RecordedEvent recorded, GroupKey key, Func<GroupState, GroupState> change) =>
        state.Find(key) is { } group ? state.With(change(group) with { Version = recorded.Version }) : state;

    private static GroupState WithSnapshot(GroupState group, long backupTime, Func<Snapshot, Snapshot> change) =>
        group.Snapshots.TryGetValue(backupTime, out var snapshot)
            ? group with { Snapshots = group.Snapshots.SetItem(backupTime, change(snapshot)) }
            : group;

    private static ImmutableList<OpenBackup> Without(GroupState group, long backupTime) =>
        group.Open.RemoveAll(open => open.BackupTime == backupTime);

    /// <summary>A group without snapshots is made anew by its next backup, with that one's owner.</summary>
    private static bool IsEmpty(GroupState group) => group.Snapshots.IsEmpty && group.Open.IsEmpty;

    /// <summary>Inverse of <see cref="GroupKey.Stream"/>; null for a stream of another kind.</summary>
    private static GroupKey? ParseStream(string stream)
    {
        var parts = stream.Split(':');
        var slash = parts.Length == 4 ? parts[3].IndexOf('/') : -1;
        return slash > 0 && parts[0] == "group" ? new GroupKey(parts[1], parts[2], parts[3][..slash], parts[3][(slash + 1)..]) : null;
    }

    private static SerialSnapshot Serial(Snapshot snapshot) => new(
        snapshot.BackupTime, snapshot.Content, snapshot.HasLog, snapshot.Missing, snapshot.ReceivedAt, snapshot.LastVerifiedS, snapshot.Recheck);

    private static GroupState Group(SerialGroup serial) => new(
        new GroupKey(serial.Store, serial.Ns, serial.BackupType, serial.BackupId), serial.Owner, serial.Version,
        NoSnapshots.AddRange(serial.Snapshots.Select(snapshot => KeyValuePair.Create(
            snapshot.BackupTime, new Snapshot(snapshot.BackupTime, snapshot.Content, snapshot.HasLog, snapshot.Missing)
            {
                ReceivedAt = snapshot.ReceivedAt, LastVerifiedS = snapshot.LastVerifiedS, Recheck = snapshot.Recheck,
            }))),
        [.. serial.Open]) { Leaving = [.. serial.Leaving] };

    internal sealed record SerialSnapshot(
        long BackupTime, SnapshotContent Content, bool HasLog, bool Missing, long ReceivedAt, long? LastVerifiedS, bool Recheck);

    internal sealed record SerialGroup(
        string Store, string Ns, string BackupType, string BackupId, string Owner, long Version,
        SerialSnapshot[] Snapshots, OpenBackup[] Open, long[] Leaving);
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(List<SnapshotsFold.SerialGroup>))]
internal sealed partial class SnapshotsSerial : JsonSerializerContext;
