// Which tasks a caller sees, and the list of them with all of PBS's filters (pbs-protocol.md 4.5). Answered from the fold.
using System.Text.Json;
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>Filters of a listing. Times are epoch seconds; a text filter is a substring; null = any.</summary>
public sealed record TaskFilter(
    string? Store, string? User, string? Type, long? SinceS, long? UntilS, bool RunningOnly, bool ErrorsOnly, IReadOnlyList<string> Outcomes)
{
    /// <summary>Values of <c>statusfilter</c>, in PBS's order.</summary>
    public static readonly IReadOnlyList<string> KnownOutcomes = ["ok", "warning", "error", "unknown"];

    public bool Matches(TaskEntry task, Upid upid) =>
        (!RunningOnly || task.Status is null)
        && (!ErrorsOnly || task.Outcome is not "ok" and not "warning")
        && (User is null || upid.AuthId.ToString().Contains(User, StringComparison.Ordinal))
        && (Type is null || upid.WorkerType.Contains(Type, StringComparison.Ordinal))
        && (SinceS is not { } since || upid.StartTimeS >= since)
        && (UntilS is not { } until || upid.StartTimeS <= until)
        && (Store is null || IsOf(Store, task, upid))
        && (Outcomes.Count == 0 || (task.Outcome is { } outcome && Outcomes.Contains(outcome)));

    /// <summary>By the datastore that the task names, else by its subject.</summary>
    private static bool IsOf(string store, TaskEntry task, Upid upid) =>
        task.Store == store || (task.Store is null && upid.WorkerId is { } id && id.Split(':').Contains(store));
}

/// <summary>Lists tasks and writes their items.</summary>
public static class TaskList
{
    private const string SystemTasks = "/system/tasks";

    /// <summary>May the caller look at this task? Its own (and those of its own tokens), all with Sys.Audit, a datastore's with its Datastore.Audit.</summary>
    public static bool MaySee(Permissions permissions, Caller caller, TaskEntry? task, Upid upid)
    {
        var owner = upid.AuthId.ToString();
        return owner == caller.AuthId || owner.StartsWith(caller.AuthId + "!", StringComparison.Ordinal)
            || (permissions.On(SystemTasks, caller) & Privileges.SysAudit) != 0
            || (task?.Store is { } store
                && (permissions.On(Snapshots.GroupKey.DatastorePath(store, task.Ns ?? ""), caller) & Privileges.DatastoreAudit) != 0);
    }

    /// <summary>May the caller end it? Its own, or with Sys.Modify.</summary>
    public static bool MayEnd(Permissions permissions, Caller caller, Upid upid)
    {
        var owner = upid.AuthId.ToString();
        return owner == caller.AuthId || owner.StartsWith(caller.AuthId + "!", StringComparison.Ordinal)
            || (permissions.On(SystemTasks, caller) & Privileges.SysModify) != 0;
    }

    /// <summary>The tasks that match, running ones first, then newest first.</summary>
    public static IEnumerable<TaskEntry> Select(TasksState state, TaskFilter filter, Func<TaskEntry, Upid, bool> maySee) =>
        state.NewestFirst().Where(task => task.Parts is { } upid && filter.Matches(task, upid) && maySee(task, upid))
            .OrderBy(task => task.Status is null ? 0 : 1);

    /// <summary>One item of the list.</summary>
    public static void WriteItem(Utf8JsonWriter json, TaskEntry task)
    {
        var upid = task.Parts!;
        json.WriteStartObject();
        if (task.EndTimeS is { } end)
        {
            json.WriteNumber("endtime", end);
        }

        json.WriteString("node", "localhost");
        json.WriteNumber("pid", upid.Pid);
        json.WriteNumber("pstart", upid.ProcessStart);
        json.WriteNumber("starttime", upid.StartTimeS);
        if (task.Status is { } status)
        {
            json.WriteString("status", status);
        }

        json.WriteString("upid", task.Upid);
        json.WriteString("user", upid.AuthId.ToString());
        json.WriteString("worker_id", upid.WorkerId);
        json.WriteString("worker_type", upid.WorkerType);
        json.WriteEndObject();
    }
}
