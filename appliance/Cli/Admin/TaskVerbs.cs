// `holdfast task` and `holdfast job`: what ran, what runs, and what runs by itself.
using System.CommandLine;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class TaskVerbs
{
    public static Command Task(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists tasks, newest first.", "holdfast task list --limit 20", "holdfast task list --running");
        Option<bool> running = list.Flag("--running", "Only those that run.");
        Option<bool> errors = list.Flag("--errors", "Only those that failed.");
        list.May(("limit", "At most so many; 0 = all."), ("since", "Epoch seconds."), ("until", "Epoch seconds."),
            ("typefilter", "Part of the type."), ("userfilter", "Part of the user."), ("store", "Only of this datastore."))
            .Does(surroundings, async call => call.Rows(
                await call.GetAsync("nodes/localhost/tasks", call.Given()
                    .Set("running", call.Is(running) ? true : null).Set("errors", call.Is(errors) ? true : null)),
                "starttime", "endtime", "worker_type", "worker_id", "user", "status", "upid"));

        var log = new AdminCommand("log", "Shows the log of a task.", "holdfast task log UPID", "holdfast task log UPID --follow");
        Argument<string> logged = log.Wants("upid", "See 'holdfast task list'.");
        Option<bool> follow = log.Flag("--follow", "Until it ends; its status becomes the exit status.");
        log.Does(surroundings, async call => call.Is(follow)
            ? await new TaskFollower(call).RunAsync(call[logged])
            : PrintLog(call, await call.GetAsync(TaskFollower.PathOf(call[logged]) + "/log", new Parameters().Set("limit", 0))));

        var status = new AdminCommand("status", "Shows how a task does or ended.", "holdfast task status UPID");
        Argument<string> asked = status.Wants("upid", "See 'holdfast task list'.");
        status.Does(surroundings, async call => call.Print(await call.GetAsync(TaskFollower.PathOf(call[asked]) + "/status")));

        var stop = new AdminCommand("stop", "Asks a task to end.", "holdfast task stop UPID");
        Argument<string> stopped = stop.Wants("upid", "See 'holdfast task list'.");
        stop.Does(surroundings, async call =>
        {
            JsonElement now = await call.GetAsync(TaskFollower.PathOf(call[stopped]) + "/status");
            JsonElement done = await call.DeleteAsync(TaskFollower.PathOf(call[stopped]));
            return call.Done(done, now.TryGetProperty("exitstatus", out JsonElement end) ? $"it had ended before: {end.GetString()}" : "it was asked to end");
        });
        return new Command("task", "Tasks: what ran and what runs.") { list, log, status, stop };
    }

    public static Command Job(Surroundings surroundings) => new("job", "Jobs: what runs by itself.")
    {
        Jobs("prune", "Jobs that remove snapshots by age.",
            [
                ("store", "Datastore."), ("schedule", "daily, 'mon..fri 02:30' ..."), .. CareVerbs.Keep, ("max-depth", "Levels below the namespace."),
                ("comment", "What it is for."), ("disable", "true or false."),
            ],
            "--store main --schedule daily --keep-daily 7 --keep-weekly 4", surroundings),
        Jobs("verify", "Jobs that read back and check.",
            [
                ("store", "Datastore."), ("schedule", "daily, 'sat 18:15' ..."), ("ignore-verified", "true or false."), ("outdated-after", "Days."),
                ("max-depth", "Levels below the namespace."), ("comment", "What it is for."),
            ],
            "--store main --schedule weekly --outdated-after 30", surroundings),
        Jobs("scrub", "Jobs that have a pool read and checked as a whole.",
            [
                ("pool", "Pool."), ("schedule", "monthly, 'sun *-1..7 02:00' ..."), ("comment", "What it is for."), ("disable", "true or false."),
                ("ignore-backup-window", "true: also while backups run or are usual."),
            ],
            "--pool tank --schedule monthly", surroundings, onStore: false),
        Jobs("self-test", "Jobs that have the disks test themselves, one of a pool after the other.",
            [
                ("test", "short or long."), ("schedule", "weekly, 'sat 04:00' ..."), ("comment", "What it is for."), ("disable", "true or false."),
            ],
            "--test short --schedule weekly", surroundings, onStore: false),
    };

    private static Command Jobs(string kind, string description, (string, string)[] options, string example, Surroundings surroundings, bool onStore = true)
    {
        var list = new AdminCommand("list", "Lists them, with their last and next runs.", $"holdfast job {kind} list");
        list.Does(surroundings, async call => call.Rows(
            await call.GetAsync("admin/" + kind),
            ["id", .. onStore ? (string[])["store", "ns"] : kind == "scrub" ? ["pool"] : ["test"], "schedule", "next-run", "last-run-state", "last-run-endtime",
                "comment"]));

        var create = new AdminCommand("create", "Makes one.", $"holdfast job {kind} create nightly {example}");
        Argument<string> created = create.Wants("id", "Its name.");
        create.May(options).Does(surroundings, async call => call.Done(
            await call.PostAsync("config/" + kind, Of(call).Set("id", call[created])
                .Set("store", !onStore || call.Given().Has("store") ? null : call.Access.Store)), $"job {call[created]} was made"));

        var update = new AdminCommand("update", "Changes one.",
            $"holdfast job {kind} update nightly --schedule 03:00", $"holdfast job {kind} update nightly --delete comment");
        Argument<string> updated = update.Wants("id", "Its name.");
        update.May(options).May(("delete", "Name of an option to take away.")).Does(surroundings, async call => call.Done(
            await call.PutAsync($"config/{kind}/{Uri.EscapeDataString(call[updated])}", Of(call) is { IsEmpty: false } given ? given : call.Changes()),
            $"job {call[updated]} was changed"));

        var remove = new AdminCommand("remove", "Removes one.", $"holdfast job {kind} remove nightly");
        Argument<string> removed = remove.Wants("id", "Its name.");
        remove.Does(surroundings, async call => call.Done(
            await call.DeleteAsync($"config/{kind}/{Uri.EscapeDataString(call[removed])}"), $"job {call[removed]} was removed"));

        var run = new AdminCommand("run", "Runs one now.", $"holdfast job {kind} run nightly");
        Argument<string> ran = run.Wants("id", "Its name.");
        run.Does(surroundings, async call => await call.FollowAsync(await call.PostAsync($"admin/{kind}/{Uri.EscapeDataString(call[ran])}/run")));
        return new Command(kind, description) { list, create, update, remove, run };

        Parameters Of(AdminCall call) => onStore ? call.InNamespace().With(call.Given()) : call.Given();
    }

    private static int PrintLog(AdminCall call, JsonElement lines)
    {
        if (call.IsJson)
        {
            return call.Print(lines);
        }

        foreach (JsonElement line in lines.EnumerateArray())
        {
            Console.WriteLine(Tables.Printable(line.GetProperty("t").GetString() ?? ""));
        }

        return 0;
    }
}
