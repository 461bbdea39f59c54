// The saved form of SnapshotsState: flat JSON of its own, so that the state's shape may change without its files.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Holdfast.Features.Snapshots;

/// <summary>Writes and reads saved states of <see cref="SnapshotsFold"/>.</summary>
internal static class SnapshotsSerial
{
    public static void Write(SnapshotsState state, Stream output)
    {
        var groups = new List<SerialGroup>();
        foreach (var (_, byName) in state.Namespaces)
        {
            groups.AddRange(byName.Values.Select(Serial));
        }

        JsonSerializer.Serialize(output, groups, SnapshotsJsonContext.Default.ListSerialGroup);
    }

    /// <exception cref="InvalidDataException">It is not what <see cref="Write"/> wrote.</exception>
    public static SnapshotsState Read(Stream input)
    {
        try
        {
            var groups = JsonSerializer.Deserialize(input, SnapshotsJsonContext.Default.ListSerialGroup) ?? throw new InvalidDataException("empty");
            return groups.Aggregate(SnapshotsState.Empty, (state, serial) => state.With(Group(serial)));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a snapshots snapshot: " + error.Message);
        }
    }

    private static SerialGroup Serial(GroupState group) => new(
        group.Key.Store, group.Key.Ns, group.Key.BackupType, group.Key.BackupId, group.Owner, group.Version,
        [
            .. group.Snapshots.Values.Select(one => new SerialSnapshot(
                one.BackupTime, one.Content, one.HasLog, one.Missing, one.ReceivedAt, one.LastVerifiedS, one.Recheck)),
        ],
        [.. group.Open], [.. group.Leaving],
        group.Notes,
        group.Unfinished.IsEmpty ? null
            : [.. group.Unfinished.Values.Select(one => new SerialUnfinished(one.BackupTime, [.. one.Files], one.Protected))],
        group.Pending.IsEmpty ? null : new SerialPending(
            [.. group.Pending.Changed], group.Pending.Group, [.. group.Pending.MovedFrom]));

    private static GroupState Group(SerialGroup serial)
    {
        var unfinished = (serial.Unfinished ?? []).Select(one =>
            KeyValuePair.Create(one.BackupTime, new UnfinishedSnapshot(one.BackupTime, [.. one.Files], one.Protected)));
        return new GroupState(
            new GroupKey(serial.Store, serial.Ns, serial.BackupType, serial.BackupId), serial.Owner, serial.Version,
            ImmutableSortedDictionary<long, Snapshot>.Empty.AddRange(serial.Snapshots.Select(one =>
                KeyValuePair.Create(one.BackupTime, new Snapshot(one.BackupTime, one.Content, one.HasLog, one.Missing)
                {
                    ReceivedAt = one.ReceivedAt, LastVerifiedS = one.LastVerifiedS, Recheck = one.Recheck,
                }))),
            [.. serial.Open])
        {
            Leaving = [.. serial.Leaving],
            Notes = serial.Notes,
            Unfinished = ImmutableSortedDictionary<long, UnfinishedSnapshot>.Empty.AddRange(unfinished),
            Pending = serial.Pending is not { } pending ? PendingWork.None : new PendingWork(
                [.. pending.Changed], pending.Group,
                PendingWork.None.MovedFrom.Union(pending.MovedFrom)),
        };
    }

    internal sealed record SerialSnapshot(
        long BackupTime, SnapshotContent Content, bool HasLog, bool Missing, long ReceivedAt, long? LastVerifiedS, bool Recheck);

    internal sealed record SerialUnfinished(long BackupTime, string[] Files, bool Protected);

    internal sealed record SerialPending(long[] Changed, bool Group, string[] MovedFrom);

    internal sealed record SerialGroup(
        string Store, string Ns, string BackupType, string BackupId, string Owner, long Version, SerialSnapshot[] Snapshots, OpenBackup[] Open,
        long[] Leaving, string? Notes, SerialUnfinished[]? Unfinished, SerialPending? Pending);
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(List<SnapshotsSerial.SerialGroup>))]
internal sealed partial class SnapshotsJsonContext : JsonSerializerContext;
