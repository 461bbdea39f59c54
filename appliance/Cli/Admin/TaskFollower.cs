// Follows a task's log to its end, as PBS's own client does: line by line, and then its status, which becomes ours.
using System.Text.Json;

namespace Holdfast.Cli;

internal sealed class TaskFollower(AdminCall call)
{
    private const int LinesAtOnce = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Prints the log until the task has ended; 0 for OK and for warnings.</summary>
    public async Task<int> RunAsync(string upid)
    {
        long next = 1;
        while (true)
        {
            JsonElement answer = await call.Access.Client.GetAsync(
                PathOf(upid) + "/log",
                new Parameters().Set("start", next).Set("limit", LinesAtOnce).Set("test-status", true).ToQuery(), call.Cancel);
            JsonElement lines = answer.GetProperty("data");
            foreach (JsonElement line in lines.EnumerateArray())
            {
                next = line.GetProperty("n").GetInt64() + 1;
                if (!call.IsJson)
                {
                    Console.WriteLine(Tables.Printable(line.GetProperty("t").GetString() ?? ""));
                }
            }

            bool isActive = answer.TryGetProperty("active", out JsonElement active) && active.ValueKind == JsonValueKind.True;
            if (!isActive && lines.GetArrayLength() < LinesAtOnce)
            {
                break;
            }

            if (lines.GetArrayLength() == 0)
            {
                await Task.Delay(Pause, call.Surroundings.Clock, call.Cancel);
            }
        }

        JsonElement status = await call.GetAsync(PathOf(upid) + "/status");
        if (call.IsJson)
        {
            call.Print(status);
        }

        string end = status.TryGetProperty("exitstatus", out JsonElement text) ? text.GetString() ?? "" : "unknown";
        return end == "OK" || end.StartsWith("WARNINGS", StringComparison.Ordinal) ? 0
            : throw new FailedException($"the task failed: {Tables.Printable(end)}");
    }

    /// <summary>Path of calls on a task.</summary>
    public static string PathOf(string upid) => "nodes/localhost/tasks/" + Uri.EscapeDataString(upid);
}
