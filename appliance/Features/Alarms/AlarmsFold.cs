// What needs a person, as the facts tell it: raised by an event, cleared by another (the cause is gone) or by somebody's acknowledgement. Pure; bounded.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Node;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Updates;
using Holdfast.Features.Verify;
using Holdfast.Ledger;

namespace Holdfast.Features.Alarms;

/// <summary>One alarm.</summary>
/// <param name="Id">Position of the event that raised it.</param>
/// <param name="Kind">One of <see cref="AlarmKinds"/>.</param>
/// <param name="Subject">What it is about: <c>main:a/b:vm/100/2024-05-06T07:08:09Z</c>. One alarm of a kind for each.</param>
/// <param name="Text">For people.</param>
/// <param name="RaisedAt">Epoch seconds.</param>
public sealed record Alarm(long Id, string Kind, string Subject, string Text, long RaisedAt);

/// <summary>Alarms that nobody and nothing has cleared, by id.</summary>
public sealed record AlarmsState(ImmutableSortedDictionary<long, Alarm> Raised)
{
    /// <summary>Beyond it the oldest of the most frequent kind goes: whoever looks away from a thousand alarms misses no more by that, and nobody who can make
    /// alarms of one kind (a client by its backup times) drives out those of another.</summary>
    public const int RaisedMax = 1000;

    public static readonly AlarmsState Empty = new(ImmutableSortedDictionary<long, Alarm>.Empty);
}

/// <summary>The fold from facts to alarms.</summary>
public sealed class AlarmsFold : IFold<AlarmsState>
{
    public string Name => "alarms";

    public int Version => 6;

    public AlarmsState Initial => AlarmsState.Empty;

    public bool Knows(string type) => type is "BackupTimeInFuture/1" or "SnapshotMissing/1" or "SnapshotForgotten/1" or "SnapshotDiscovered/1"
        or "SnapshotVerified/1" or "ChunkFoundCorrupt/1" or "ChunkFoundMissing/1" or "AlarmAcknowledged/1"
        or "DatastoreSpaceLow/1" or "DatastoreSpaceRegained/1" or "DatastoreRemoved/1" or "BallastThrownOff/1" or "BallastLaidDown/1"
        or "VersionFellBack/1" or "UpdateUploaded/1"
        || HardwareAlarms.Knows(type);

    public AlarmsState Apply(AlarmsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "BackupTimeInFuture/1":
                var ahead = Event.Read<BackupTimeInFuture>(recorded);
                return Raise(state, recorded, "backup-time-in-future",
                    Subject(new(ahead.Store, ahead.Ns, ahead.BackupType, ahead.BackupId), ahead.BackupTime),
                    $"its backup time was {ahead.AheadSeconds} seconds ahead of this server's clock: retention keeps it before all real snapshots");
            case "SnapshotMissing/1":
                var missing = Event.Read<SnapshotMissing>(recorded);
                return Raise(state, recorded, "snapshot-missing",
                    Subject(new(missing.Store, missing.Ns, missing.BackupType, missing.BackupId), missing.BackupTime), missing.Why);
            case "SnapshotForgotten/1" when !state.Raised.IsEmpty:
                var gone = Event.Read<SnapshotForgotten>(recorded);
                return Clear(state, Subject(new(gone.Store, gone.Ns, gone.BackupType, gone.BackupId), gone.BackupTime), null);
            case "SnapshotDiscovered/1" when !state.Raised.IsEmpty:
                var found = Event.Read<SnapshotDiscovered>(recorded);
                return Clear(state, Subject(new(found.Store, found.Ns, found.BackupType, found.BackupId), found.BackupTime), "snapshot-missing");
            case "SnapshotVerified/1":
                return Verified(state, recorded, Event.Read<SnapshotVerified>(recorded));
            case "ChunkFoundCorrupt/1":
                var corrupt = Event.Read<ChunkFoundCorrupt>(recorded);
                return Raise(state, recorded, "chunk-corrupt", corrupt.Store,
                    $"chunk {corrupt.Digest} was found corrupt ({corrupt.Fault}); {corrupt.SnapshotCount} snapshots name it");
            case "ChunkFoundMissing/1":
                var lost = Event.Read<ChunkFoundMissing>(recorded);
                return Raise(state, recorded, "chunk-missing", lost.Store, $"chunk {lost.Digest} is missing; {lost.SnapshotCount} snapshots name it");
            case "DatastoreSpaceLow/1":
                var low = Event.Read<DatastoreSpaceLow>(recorded);
                return Raise(state, recorded, "datastore-space-low", low.Store,
                    string.Create(System.Globalization.CultureInfo.InvariantCulture,
                        $"{low.UsedPercent:0.#} % of its file system are used ({low.AvailableBytes >> 20} MiB are free): {low.Threshold} % are reached"));
            case "DatastoreSpaceRegained/1":
                var regained = Event.Read<DatastoreSpaceRegained>(recorded);
                return regained.Threshold == 0 ? Clear(state, regained.Store, "datastore-space-low") : state;
            case "DatastoreRemoved/1":
                var store = Event.Read<DatastoreRemoved>(recorded).Store;
                return new(state.Raised.RemoveRange(state.Raised.Values
                    .Where(alarm => alarm.Subject == store || alarm.Subject.StartsWith(store + ":", StringComparison.Ordinal)).Select(alarm => alarm.Id)));
            case "BallastThrownOff/1":
                return Raise(state, recorded, "ledger-space-low", "ledger",
                    "the file system of the ledger was almost full, its ballast was thrown off: make space before that is used up");
            case "BallastLaidDown/1":
                return Clear(state, "ledger", "ledger-space-low");
            case "VersionFellBack/1":
                var left = Event.Read<VersionFellBack>(recorded);
                return Raise(state, recorded, "update-fell-back", "update", $"version {left.Version} did not come up healthy; {left.Running} runs again");
            case "UpdateUploaded/1":
                return Clear(state, "update", "update-fell-back");
            case "AlarmAcknowledged/1":
                return new(state.Raised.Remove(Event.Read<AlarmAcknowledged>(recorded).Alarm));
            default:
                return HardwareAlarms.Apply(state, recorded);
        }
    }

    public void Write(AlarmsState state, Stream output) => JsonSerializer.Serialize(output, [.. state.Raised.Values], AlarmsSerial.Default.AlarmArray);

    public AlarmsState Read(Stream input)
    {
        try
        {
            var alarms = JsonSerializer.Deserialize(input, AlarmsSerial.Default.AlarmArray) ?? throw new InvalidDataException("empty");
            return new(AlarmsState.Empty.Raised.AddRange(alarms.Select(alarm => KeyValuePair.Create(alarm.Id, alarm))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not an alarms snapshot: " + error.Message);
        }
    }

    private static AlarmsState Verified(AlarmsState state, RecordedEvent recorded, SnapshotVerified verified)
    {
        var subject = Subject(new(verified.Store, verified.Ns, verified.BackupType, verified.BackupId), verified.BackupTime);
        if (verified.Outcome == "unreadable")
        {
            return Raise(state, recorded, "snapshot-unreadable", subject, $"it could not be read whole: {verified.UnreadableWhy}");
        }

        var readable = state.Raised.IsEmpty ? state : Clear(Clear(state, subject, "snapshot-unreadable"), subject, "snapshot-damaged");
        return verified.Outcome == "failed"
            ? Raise(readable, recorded, "snapshot-damaged", subject, $"its verification found damage; {verified.BadChunkCount} chunks of it are bad")
            : readable;
    }

    internal static AlarmsState Raise(AlarmsState state, RecordedEvent recorded, string kind, string subject, string text)
    {
        var raised = Clear(state, subject, kind).Raised;
        if (raised.Count >= AlarmsState.RaisedMax)
        {
            raised = raised.Remove(raised.Values.GroupBy(alarm => alarm.Kind).MaxBy(alike => alike.Count())!.First().Id);
        }

        return new(raised.Add(recorded.Position, new Alarm(recorded.Position, kind, subject, text, recorded.TimeUs / 1_000_000)));
    }

    /// <param name="kind">Null = all kinds.</param>
    internal static AlarmsState Clear(AlarmsState state, string subject, string? kind) =>
        new(state.Raised.RemoveRange(state.Raised.Values
            .Where(alarm => alarm.Subject == subject && (kind is null || alarm.Kind == kind)).Select(alarm => alarm.Id)));

    private static string Subject(GroupKey group, long backupTime) => $"{group.Store}:{group.Ns}:{group.SnapshotPath(backupTime)}";
}

[JsonSerializable(typeof(Alarm[]))]
internal sealed partial class AlarmsSerial : JsonSerializerContext;
