// Tasks over the API (pbs-protocol.md 4.5): the list with all filters, one task's status and log, abort. Any node name means this host.
using Holdfast.Features.Access;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>Endpoints below <c>/nodes/{node}/tasks</c>.</summary>
public sealed class TaskEndpoints(Permissions permissions, TaskRunner tasks, Func<TasksState> state)
{
    private const string Root = "/nodes/{node}/tasks";
    private const string NotAllowed = "task access not allowed";
    private const long ListedByDefault = 50;

    /// <summary>PBS takes these as unsigned and refuses negative ones with a text of their own.</summary>
    private static readonly Parameter Start = Parameter.Integer("start") with { Optional = true };
    private static readonly Parameter Limit = Parameter.Integer("limit") with { Optional = true };

    private static readonly ParameterSchema One = new(PbsSchema.Node(), PbsSchema.UpidText());

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints =>
    [
        new("GET", Root, new(
            PbsSchema.Node(), Start, Limit, PbsSchema.Store().AsOptional(), Parameter.Boolean("running"), Parameter.Boolean("errors"),
            Parameter.Text("userfilter") with { Optional = true, MaxLength = 256 }, Parameter.Integer("since") with { Optional = true },
            Parameter.Integer("until") with { Optional = true }, Parameter.Text("typefilter") with { Optional = true, MaxLength = 256 },
            Parameter.List("statusfilter", Parameter.Text("statusfilter")).AsOptional()), List),
        new("GET", Root + "/{upid}", One, _ => Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var name in (string[])["log", "status"])
            {
                json.WriteStartObject();
                json.WriteString("subdir", name);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }))),
        new("DELETE", Root + "/{upid}", One, Abort),
        new("GET", Root + "/{upid}/status", One, Status),
        new("GET", Root + "/{upid}/log", new(
            PbsSchema.Node(), PbsSchema.UpidText(), Start, Limit, Parameter.Boolean("test-status"), Parameter.Boolean("download")), LogAsync),
    ];

    private ValueTask<ApiResult> List(ApiCall call)
    {
        var caller = call.CallerAs<Caller>();
        var parameters = call.Parameters;
        var outcomes = parameters.Texts("statusfilter");
        if (outcomes.FirstOrDefault(outcome => !TaskFilter.KnownOutcomes.Contains(outcome)) is { } unknown)
        {
            return Answer(ApiResult.Error($"unknown variant `{unknown}`, expected one of `ok`, `warning`, `error`, `unknown`"));
        }

        if (Unsigned(parameters, "start", 0, out var start) is { } refusal || (refusal = Unsigned(parameters, "limit", ListedByDefault, out _)) is not null)
        {
            return Answer(refusal);
        }

        var limit = parameters.Integer("limit", ListedByDefault);
        var filter = new TaskFilter(
            parameters.OptionalText("store"), parameters.OptionalText("userfilter"), parameters.OptionalText("typefilter"),
            parameters.OptionalInteger("since"), parameters.OptionalInteger("until"), parameters.Flag("running"), parameters.Flag("errors"), outcomes);
        var matching = TaskList.Select(state(), filter, (task, upid) => TaskList.MaySee(permissions, caller, task, upid));
        var rest = matching.Skip((int)Math.Min(start, int.MaxValue));
        var most = limit == 0 ? TasksState.EndedMax * 2 : (int)Math.Min(limit, TasksState.EndedMax * 2);
        var items = rest.Take(most + 1).ToList();
        var more = items.Count > most;

        // Not the number of all: what was returned from the start on, and one if there is more. PBS's page knows it so.
        var total = start + Math.Min(items.Count, most) + (more ? 1 : 0);
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartArray();
            foreach (var task in items.Take(most))
            {
                TaskList.WriteItem(json, task);
            }

            json.WriteEndArray();
        }, json => json.WriteNumber("total", total)));
    }

    private ValueTask<ApiResult> Status(ApiCall call)
    {
        var (upid, task, mayNot) = Find(call);
        if (mayNot is not null)
        {
            return Answer(mayNot);
        }

        var runs = task is { Status: null };
        var user = upid.AuthId.ToString();
        var bang = AccessState.TokenSeparator(user);
        return Answer(ApiResult.Data(json =>
        {
            json.WriteStartObject();
            if (!runs)
            {
                json.WriteString("exitstatus", task?.Status ?? "unknown");
            }

            json.WriteString("id", upid.WorkerId);
            json.WriteString("node", upid.Node);
            json.WriteNumber("pid", upid.Pid);
            json.WriteNumber("pstart", upid.ProcessStart);
            json.WriteNumber("starttime", upid.StartTimeS);
            json.WriteString("status", runs ? "running" : "stopped");
            if (bang >= 0)
            {
                json.WriteString("tokenid", user[(bang + 1)..]);
            }

            json.WriteString("type", upid.WorkerType);
            json.WriteString("upid", upid.ToString());
            json.WriteString("user", bang >= 0 ? user[..bang] : user);
            json.WriteEndObject();
        }));
    }

    private async ValueTask<ApiResult> LogAsync(ApiCall call)
    {
        var (upid, task, mayNot) = Find(call);
        if (mayNot is not null)
        {
            return mayNot;
        }

        var parameters = call.Parameters;
        var download = parameters.Flag("download");
        if (download && (parameters.Has("start") || parameters.Has("limit") || parameters.Has("test-status")))
        {
            return ApiResult.Error("Parameter 'download' cannot be used with other parameters");
        }

        if (Unsigned(parameters, "start", 0, out var start) is { } refusal
            || (refusal = Unsigned(parameters, "limit", ListedByDefault, out _)) is not null)
        {
            return refusal;
        }

        // The task's state is taken before the file is read: "not active" then means that the file is whole.
        var isActive = task is { Status: null };
        tasks.Find(upid.ToString())?.Log.Flush();
        using var log = tasks.Logs.Open(upid);
        if (log is null)
        {
            return ApiResult.Error("No such file or directory (os error 2)");
        }

        if (download)
        {
            await TaskLogReading.SendAsync(call.Exchange, log, upid).ConfigureAwait(false);
            return ApiResult.Written.Instance;
        }

        var (lines, total) = TaskLogReading.Read(log, start, parameters.Integer("limit", ListedByDefault));
        bool? active = parameters.Flag("test-status") ? isActive : null;
        return new ApiResult.Bytes(TaskLogReading.Render(lines, total, active), "application/json");
    }

    private ValueTask<ApiResult> Abort(ApiCall call)
    {
        var (upid, _) = Named(call);
        if (!TaskList.MayEnd(permissions, call.CallerAs<Caller>(), upid))
        {
            return Answer(ApiResult.Error(403, "permission check failed - missing Sys.Modify on /system/tasks"));
        }

        if (tasks.Find(upid.ToString()) is { } running)
        {
            running.Say($"abort requested by {call.CallerAs<Caller>().AuthId}");
            running.Abort();
        }

        return Answer(ApiResult.Null);
    }

    private (Upid Upid, TaskEntry? Task, ApiResult? MayNot) Find(ApiCall call)
    {
        var (upid, task) = Named(call);
        return (upid, task, TaskList.MaySee(permissions, call.CallerAs<Caller>(), task, upid) ? null : ApiResult.Error(NotAllowed));
    }

    /// <summary>The task by the name in the path. Clients may spell an id's characters differently; the parsed form is the name.</summary>
    private (Upid Upid, TaskEntry? Task) Named(ApiCall call)
    {
        var upid = Upid.TryParse(call.Parameters.Text("upid"), out var parsed) ? parsed : throw new ApiException("unable to parse UPID");
        return (upid, state().Find(upid.ToString()));
    }

    private static ApiResult? Unsigned(ApiParameters parameters, string name, long otherwise, out long value)
    {
        value = parameters.Integer(name, otherwise);
        return value < 0 ? ApiResult.Error($"invalid value: integer `{value}`, expected u64") : null;
    }

    private static ValueTask<ApiResult> Answer(ApiResult result) => ValueTask.FromResult(result);
}
