// The fold from the events of tasks, backups and restores to TasksState. Pure.
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Restore;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;

namespace Holdfast.Features.Tasks;

/// <summary>Tasks as the ledger tells them.</summary>
public sealed class TasksFold : IFold<TasksState>
{
    public string Name => "tasks";

    public int Version => 1;

    public TasksState Initial => TasksState.Empty;

    public bool Knows(string type) => type is "TaskStarted/1" or "TaskFinished/1" or "BackupStarted/1" or "BackupFinished/1" or "BackupAborted/1"
        or "SnapshotDiscovered/1" or "RestoreStarted/1" or "RestoreFinished/1";

    public TasksState Apply(TasksState state, RecordedEvent recorded)
    {
        var endTimeS = recorded.TimeUs / 1_000_000;
        switch (recorded.Type)
        {
            case "TaskStarted/1":
                var started = Event.Read<TaskStarted>(recorded);
                return state.Started(new TaskEntry(started.Upid, started.Store, started.Ns, null, null));
            case "TaskFinished/1":
                var finished = Event.Read<TaskFinished>(recorded);
                return WithoutPlace(state, finished.Upid).Finished(finished.Upid, endTimeS, finished.Status);
            case "BackupStarted/1":
                return BackupBegan(state, Event.Read<BackupStarted>(recorded));
            case "BackupFinished/1":
                var backup = Event.Read<BackupFinished>(recorded);
                return BackupEnded(state, new(backup.Store, backup.Ns, backup.BackupType, backup.BackupId, backup.BackupTime), endTimeS, "OK");
            case "SnapshotDiscovered/1":
                var found = Event.Read<SnapshotDiscovered>(recorded);
                return BackupEnded(state, new(found.Store, found.Ns, found.BackupType, found.BackupId, found.BackupTime), endTimeS, "unknown");
            case "BackupAborted/1":
                var aborted = Event.Read<BackupAborted>(recorded);
                return BackupEnded(
                    state, new(aborted.Store, aborted.Ns, aborted.BackupType, aborted.BackupId, aborted.BackupTime), endTimeS, aborted.Reason);
            case "RestoreStarted/1":
                var restore = Event.Read<RestoreStarted>(recorded);
                return state.Started(new TaskEntry(restore.Upid, restore.Store, restore.Ns, null, null));
            case "RestoreFinished/1":
                var read = Event.Read<RestoreFinished>(recorded);
                return state.Finished(read.Upid, endTimeS, read.Problem ?? "OK");
            default:
                return state;
        }
    }

    public void Write(TasksState state, Stream output)
    {
        var running = state.Running.Values.OrderBy(task => task.Upid, StringComparer.Ordinal).Select(Serial).ToArray();
        var backups = state.Backups.OrderBy(pair => pair.Value, StringComparer.Ordinal)
            .Select(pair => new SerialBackup(
                pair.Key.Store, pair.Key.Ns, pair.Key.BackupType, pair.Key.BackupId, pair.Key.BackupTime, pair.Value)).ToArray();
        JsonSerializer.Serialize(output, new SerialState(running, backups, [.. state.Ended.Select(Serial)]), TasksSerial.Default.SerialState);
    }

    public TasksState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, TasksSerial.Default.SerialState) ?? throw new InvalidDataException("empty");
            var state = TasksState.Empty;
            foreach (var task in serial.Ended)
            {
                state = state with { Ended = state.Ended.Enqueue(Entry(task)) };
            }

            return state with
            {
                EndedCount = serial.Ended.Length,
                Running = state.Running.AddRange(serial.Running.Select(task => KeyValuePair.Create(task.Upid, Entry(task)))),
                Backups = state.Backups.AddRange(serial.Backups.Select(backup => KeyValuePair.Create(
                    new BackupPlace(backup.Store, backup.Ns, backup.BackupType, backup.BackupId, backup.BackupTime), backup.Upid))),
            };
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a tasks snapshot: " + error.Message);
        }
    }

    private static TasksState BackupBegan(TasksState state, BackupStarted started)
    {
        var place = new BackupPlace(started.Store, started.Ns, started.BackupType, started.BackupId, started.BackupTime);
        return state.Started(new TaskEntry(started.Upid, started.Store, started.Ns, null, null)) with
        {
            Backups = state.Backups.SetItem(place, started.Upid),
        };
    }

    private static TasksState BackupEnded(TasksState state, BackupPlace place, long endTimeS, string status) =>
        state.Backups.TryGetValue(place, out var upid)
            ? (state with { Backups = state.Backups.Remove(place) }).Finished(upid, endTimeS, status)
            : state;

    /// <summary>A backup whose end is told as that of a task (after a restart).</summary>
    private static TasksState WithoutPlace(TasksState state, string upid)
    {
        foreach (var (place, of) in state.Backups)
        {
            if (of == upid)
            {
                return state with { Backups = state.Backups.Remove(place) };
            }
        }

        return state;
    }

    private static SerialTask Serial(TaskEntry task) => new(task.Upid, task.Store, task.Ns, task.EndTimeS, task.Status);

    private static TaskEntry Entry(SerialTask task) => new(task.Upid, task.Store, task.Ns, task.EndTimeS, task.Status);

    internal sealed record SerialTask(string Upid, string? Store, string? Ns, long? EndTimeS, string? Status);

    internal sealed record SerialBackup(string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Upid);

    internal sealed record SerialState(SerialTask[] Running, SerialBackup[] Backups, SerialTask[] Ended);
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TasksFold.SerialState))]
internal sealed partial class TasksSerial : JsonSerializerContext;
