// `holdfast datastore`, `namespace`, `status`: the stores and their parts.
using System.CommandLine;
using System.Text.Json;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal static class StoreVerbs
{
    private static readonly (string, string)[] Options =
    [
        ("comment", "What it is for."), ("gc-schedule", "When garbage is collected: daily, 'sat 18:15' ..."),
        ("verify-new", "true: verify each backup right after it finished."), ("tuning", "Key=value pairs, as PBS has them."),
        ("maintenance-mode", "type=read-only,message=... or type=offline."),
    ];

    public static Command Datastore(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists the datastores that you may see.", "holdfast datastore list");
        list.Does(surroundings, async call => call.Rows(await call.GetAsync("admin/datastore"), "store", "maintenance", "mount-status", "comment"));

        var show = new AdminCommand("show", "Shows how a datastore is configured.", "holdfast datastore show main");
        Argument<string> shown = show.Wants("name", "Its name.");
        show.Does(surroundings, async call => call.Print(await call.GetAsync(ConfigOf(call[shown]))));

        var create = new AdminCommand("create", "Makes a datastore, or adopts the folder of a PBS's with --reuse.",
            "holdfast datastore create tank /mnt/tank/backup --gc-schedule daily", "holdfast datastore create old /mnt/pbs --reuse");
        Argument<string> created = create.Wants("name", "3 to 32 letters, digits, '-', '_', '.'.");
        Argument<string> path = create.Wants("path", "Its folder on the server.");
        Option<bool> reuse = create.Flag("--reuse", "Take up what lies there.");
        create.May(Options).Does(surroundings, async call => await call.FollowAsync(await call.PostAsync(
            "config/datastore", call.Given().Set("name", call[created]).Set("path", call[path]).Set("reuse-datastore", call.Is(reuse) ? true : null))));

        var update = new AdminCommand("update", "Changes how a datastore is configured.",
            "holdfast datastore update main --maintenance-mode type=read-only,message=moving", "holdfast datastore update main --delete maintenance-mode");
        Argument<string> updated = update.Wants("name", "Its name.");
        update.May(Options).May(("delete", "Name of an option to take away.")).Does(surroundings, async call => call.Done(
            await call.PutAsync(ConfigOf(call[updated]), call.Changes()), $"datastore {call[updated]} was changed"));

        var remove = new AdminCommand("remove", "Takes a datastore out of the configuration; its data stays unless you say otherwise.",
            "holdfast datastore remove old", "holdfast datastore remove old --destroy-data --confirm old");
        Argument<string> removed = remove.Wants("name", "Its name.");
        Option<bool> destroy = remove.Flag("--destroy-data", "Remove the data as well: it can't be brought back.");
        Option<bool> keepJobs = remove.Flag("--keep-jobs", "Keep its jobs.");
        remove.May(("confirm", "With --destroy-data: its name once more, there is no way back.")).Does(surroundings, async call =>
        {
            if (call.Is(destroy) && call.Given().Text("confirm") != call[removed])
            {
                throw new UsageException($"this removes every backup in {call[removed]} for good: say so with --confirm {call[removed]}");
            }

            return await call.FollowAsync(await call.DeleteAsync(
                ConfigOf(call[removed]),
                new Parameters().Set("destroy-data", call.Is(destroy) ? true : null).Set("keep-job-configs", call.Is(keepJobs) ? true : null)));
        });
        return new Command("datastore", "Datastores.") { list, show, create, update, remove };
    }

    public static Command Namespace(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists namespaces.", "holdfast namespace list", "holdfast namespace list --ns a --max-depth 1");
        list.May(("max-depth", "Levels below."))
            .Does(surroundings, async call =>
            {
                BackupNamespace top = call.Access.Namespace;
                await RequireAsync(call, top);
                return call.Rows(
                    await call.GetAsync(call.OnStore("namespace"), call.Given().Set("parent", top.IsRoot ? null : top.Text)), "ns");
            });

        var create = new AdminCommand("create", "Makes a namespace below an existing one.", "holdfast namespace create customers/north");
        Argument<string> created = create.Wants("namespace", "Full name.");
        create.Does(surroundings, async call =>
        {
            BackupNamespace wanted = Named(call[created]);
            return call.Done(
                await call.PostAsync(call.OnStore("namespace"), new Parameters().Set("name", wanted.Text[(wanted.Text.LastIndexOf('/') + 1)..])
                    .Set("parent", wanted.Parent.IsRoot ? null : wanted.Parent.Text)),
                $"namespace {wanted} is there");
        });

        var delete = new AdminCommand("delete", "Removes a namespace with its empty children.",
            "holdfast namespace delete customers/north", "holdfast namespace delete customers --delete-groups");
        Argument<string> deleted = delete.Wants("namespace", "Full name.");
        Option<bool> groups = delete.Flag("--delete-groups", "And with all groups and snapshots in it that are not protected.");
        Option<bool> keep = delete.Flag("--allow-protected", "Protected snapshots that stay are no error.");
        Option<bool> sure = delete.Flag("--yes", "Do not ask.");
        delete.Does(surroundings, async call =>
        {
            BackupNamespace doomed = Named(call[deleted]);
            await RequireAsync(call, doomed);
            if (call.Is(groups))
            {
                call.Confirm($"Remove namespace {doomed} of {call.Access.Store} with all its groups and snapshots?", call.Is(sure));
            }

            return call.Print(
                await call.DeleteAsync(call.OnStore("namespace"), new Parameters().Set("ns", doomed.Text)
                    .Set("delete-groups", call.Is(groups) ? true : null).Set("error-on-protected", call.Is(keep) ? false : null)));
        });

        var move = new AdminCommand("move", "Moves a namespace with all in it; nothing is copied.", "holdfast namespace move customers archive/customers");
        Argument<string> from = move.Wants("namespace", "Full name.");
        Argument<string> to = move.Wants("target", "Full name it gets; its parent must exist.");
        Option<bool> noMerge = move.Flag("--no-merge", "Leave groups alone that are there already.");
        Option<bool> keepSource = move.Flag("--keep-source", "Keep the emptied namespaces.");
        move.May(("max-depth", "Levels below.")).Does(surroundings, async call => await call.FollowAsync(await call.PostAsync(
            call.OnStore("move-namespace"), call.Given().Set("ns", call[from]).Set("target-ns", call[to])
                .Set("merge-groups", call.Is(noMerge) ? false : null).Set("delete-source", call.Is(keepSource) ? false : null))));
        return new Command("namespace", "Namespaces of a datastore.") { list, create, delete, move };
    }

    public static Command Status(Surroundings surroundings)
    {
        var status = new AdminCommand("status", "Shows space and counts of the datastore.", "holdfast status", "holdfast status --output json");
        return status.Does(surroundings, async call =>
        {
            JsonElement data = await call.GetAsync(call.OnStore("status"), new Parameters().Set("verbose", true));
            if (call.IsJson)
            {
                return call.Print(data);
            }

            Console.WriteLine($"datastore: {call.Access.Store}");
            foreach (string name in (string[])["total", "used", "avail"])
            {
                Console.WriteLine($"{name + ":",-10} {(data.TryGetProperty(name, out JsonElement size) ? Sizes.Text(size.GetInt64()) : "-")}");
            }

            foreach (JsonProperty type in data.TryGetProperty("counts", out JsonElement counts) && counts.ValueKind == JsonValueKind.Object
                ? counts.EnumerateObject().Where(one => one.Value.ValueKind == JsonValueKind.Object).ToList() : [])
            {
                Console.WriteLine($"{type.Name + ":",-10} {Counted(type.Value, "group")}, {Counted(type.Value, "snapshot")}");
            }

            return 0;
        });
    }

    private static string Counted(JsonElement counts, string what)
    {
        long number = counts.GetProperty(what + "s").GetInt64();
        return $"{number} {what}{(number == 1 ? "" : "s")}";
    }

    private static BackupNamespace Named(string text) => BackupNamespace.TryParse(text, out BackupNamespace? ns) && !ns!.IsRoot && ns.Text == text ? ns
        : throw new UsageException($"'{text}' is no namespace: a/b/c is wanted, at most {BackupNamespace.MaxDepth} levels");

    /// <summary>As PBS does, the server lists and removes what there is not without a word.</summary>
    private static Task RequireAsync(AdminCall call, BackupNamespace ns) => ns.IsRoot ? Task.CompletedTask : call.RequireAsync(
        call.OnStore("namespace"), new Parameters().Set("parent", ns.Parent.IsRoot ? null : ns.Parent.Text).Set("max-depth", 1),
        list => list.EnumerateArray().Any(one => one.GetProperty("ns").GetString() == ns.Text),
        $"there is no namespace '{ns}' in {call.Access.Store} ('holdfast namespace list' shows them)");

    private static string ConfigOf(string name) => "config/datastore/" + Uri.EscapeDataString(name);
}
