// `holdfast prune`, `gc`, `verify`: what keeps a datastore small and sound.
using System.CommandLine;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class CareVerbs
{
    public static readonly (string, string)[] Keep =
    [
        ("keep-last", "The newest N."), ("keep-hourly", "The newest of each of N hours."), ("keep-daily", "... of N days."),
        ("keep-weekly", "... of N ISO weeks."), ("keep-monthly", "... of N months."), ("keep-yearly", "... of N years."),
    ];

    public static Command Prune(Surroundings surroundings)
    {
        var prune = new AdminCommand("prune", "Removes snapshots by age: of one group, or of a namespace and what lies below.",
            "holdfast prune vm/100 --keep-daily 7 --keep-weekly 4 --dry-run", "holdfast prune --ns customers --max-depth 2 --keep-last 3");
        Argument<string?> only = prune.MayWant("group", "TYPE/ID; default: all groups of the namespace.");
        Option<bool> dry = prune.Flag("--dry-run", "Only say what would be kept and removed.");
        return prune.May(Keep).May(("max-depth", "Levels below the namespace (without a group)."))
            .Does(surroundings, async call =>
            {
                Parameters rule = call.Given().Set("dry-run", call.Is(dry) ? true : null);
                if (call.Maybe(only) is not { } group)
                {
                    return await call.FollowAsync(await call.PostAsync(call.OnStore("prune-datastore"), call.InNamespace().With(rule)));
                }

                if (rule.Has("max-depth"))
                {
                    throw new UsageException("--max-depth goes without a group: a group has no levels below");
                }

                return call.Rows(await call.PostAsync(call.OnStore("prune"), call.OfGroup(group).With(rule)), "backup-time", "keep", "protected", "reason");
            });
    }

    public static Command Gc(Surroundings surroundings)
    {
        var gc = new AdminCommand("gc", "Collects garbage: gives back the space of what was removed.", "holdfast gc", "holdfast gc --status",
            "holdfast gc --dry-run");
        Option<bool> status = gc.Flag("--status", "Only show how the last one went.");
        Option<bool> dryRun = gc.Flag("--dry-run", "Only find out what it would remove.");
        return gc.Does(surroundings, async call => call.Is(status)
            ? call.Print(await call.GetAsync(call.OnStore("gc")))
            : await call.FollowAsync(await call.PostAsync(call.OnStore("gc"), new Parameters().Set("dry-run", call.Is(dryRun) ? true : null))));
    }

    public static Command Verify(Surroundings surroundings)
    {
        var verify = new AdminCommand("verify", "Reads back and checks everything: of a snapshot, a group, or a namespace and what lies below.",
            "holdfast verify", "holdfast verify vm/100", "holdfast verify --ignore-verified true --outdated-after 30");
        Argument<string?> what = verify.MayWant("what", "TYPE/ID or TYPE/ID/TIME; default: the whole namespace.");
        return verify
            .May(("ignore-verified", "false: also what was verified before."), ("outdated-after", "Days after which a verification counts no more."),
                ("max-depth", "Levels below the namespace."))
            .Does(surroundings, async call =>
            {
                Parameters which = call.Maybe(what) is not { } text ? call.InNamespace()
                    : text.Count(c => c == '/') == 1 ? call.OfGroup(text) : call.OfSnapshot(text);
                if (call.Maybe(what) is { } name)
                {
                    await RequireAsync(call, name, which);
                }

                return await call.FollowAsync(await call.PostAsync(call.OnStore("verify"), which.With(call.Given())));
            });
    }

    /// <summary>A verification of what there is not ends well, as with PBS. Whoever named it has mistyped.</summary>
    private static Task RequireAsync(AdminCall call, string name, Parameters which)
    {
        string? time = which.Text("backup-time");
        Parameters group = call.OfGroup(string.Join('/', name.Split('/').Take(2)));
        return call.RequireAsync(
            call.OnStore("snapshots"), group,
            list => list.EnumerateArray().Any(one => time is null || one.GetProperty("backup-time").GetRawText() == time),
            $"there is no {(time is null ? "group" : "snapshot")} {name} ('holdfast snapshot list' shows them)");
    }
}
