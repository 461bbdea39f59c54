// All tasks as the ledger tells them: those that run, and the newest of those that ended. Older ones are still in the ledger.
using System.Collections.Immutable;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>One task.</summary>
/// <param name="Upid">Its name; kind, subject, who and start time are parts of it.</param>
/// <param name="Store">Datastore that it works on; null if none.</param>
/// <param name="Ns">Namespace in it; <c>""</c> = the root.</param>
/// <param name="EndTimeS">Epoch seconds; null while it runs.</param>
/// <param name="Status">As in <see cref="TaskFinished"/>; null while it runs.</param>
public sealed record TaskEntry(string Upid, string? Store, string? Ns, long? EndTimeS, string? Status)
{
    private Upid? parsed;

    private TaskEntry(TaskEntry other) => (Upid, Store, Ns, EndTimeS, Status) = (other.Upid, other.Store, other.Ns, other.EndTimeS, other.Status);

    /// <summary>The parts of <see cref="Upid"/>, parsed once; null for a text that is none.</summary>
    public Upid? Parts => parsed ??= Wire.Upid.TryParse(Upid, out var upid) ? upid : null;

    /// <summary><c>ok</c>, <c>warning</c>, <c>unknown</c> or <c>error</c>, as the list filters by it; null while it runs.</summary>
    public string? Outcome => Status switch
    {
        null => null,
        "OK" => "ok",
        "unknown" => "unknown",
        _ when Status.StartsWith("WARNINGS: ", StringComparison.Ordinal) => "warning",
        _ => "error",
    };

    public bool Equals(TaskEntry? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Upid.GetHashCode(StringComparison.Ordinal);
}

/// <summary>A backup under way and the task that it is: its end is told without a UPID.</summary>
public readonly record struct BackupPlace(string Store, string Ns, string BackupType, string BackupId, long BackupTime);

/// <summary>State of all tasks.</summary>
/// <param name="Running">By UPID.</param>
/// <param name="Backups">UPID of each backup under way.</param>
/// <param name="Ended">In order of their end, oldest first; at most <see cref="EndedMax"/>.</param>
/// <param name="EndedCount">Length of <paramref name="Ended"/>.</param>
public sealed record TasksState(
    ImmutableDictionary<string, TaskEntry> Running, ImmutableDictionary<BackupPlace, string> Backups, ImmutableQueue<TaskEntry> Ended, int EndedCount)
{
    /// <summary>Tasks that stay listed after their end.</summary>
    public const int EndedMax = 10_000;

    /// <summary>No task.</summary>
    public static readonly TasksState Empty = new(
        ImmutableDictionary.Create<string, TaskEntry>(StringComparer.Ordinal), ImmutableDictionary<BackupPlace, string>.Empty,
        ImmutableQueue<TaskEntry>.Empty, 0);

    /// <summary>All listed tasks, newest start first.</summary>
    public IReadOnlyList<TaskEntry> NewestFirst()
    {
        var all = new List<TaskEntry>(EndedCount + Running.Count);
        all.AddRange(Ended);
        all.AddRange(Running.Values);
        // Stable: of tasks that began in the same second, the one with the higher number first.
        return [.. all.OrderByDescending(task => task.Parts?.StartTimeS ?? 0).ThenByDescending(task => task.Parts?.TaskId ?? 0)];
    }

    /// <summary>The task of that name, or null.</summary>
    public TaskEntry? Find(string upid) =>
        Running.TryGetValue(upid, out var running) ? running : Ended.FirstOrDefault(task => task.Upid == upid);

    /// <summary>The state with a task more.</summary>
    public TasksState Started(TaskEntry task) => this with { Running = Running.SetItem(task.Upid, task) };

    /// <summary>The state after the end of a task; the same one if it does not run.</summary>
    public TasksState Finished(string upid, long endTimeS, string status)
    {
        if (!Running.TryGetValue(upid, out var task))
        {
            return this;
        }

        var ended = Ended.Enqueue(task with { EndTimeS = endTimeS, Status = status });
        return EndedCount == EndedMax
            ? this with { Running = Running.Remove(upid), Ended = ended.Dequeue() }
            : this with { Running = Running.Remove(upid), Ended = ended, EndedCount = EndedCount + 1 };
    }
}
