// `holdfast nfs`: datasets that are given to others, and folders of other servers that are mounted here.
using System.CommandLine;

namespace Holdfast.Cli;

internal static class NfsVerbs
{
    private const string Exports = "nodes/localhost/nfs/exports";
    private const string Mounts = "nodes/localhost/nfs/mounts";

    public static Command Of(Surroundings surroundings) => new("nfs", "NFS, both ways.")
    {
        new Command("export", "Datasets that other machines may mount.") { CreateExport(surroundings), ListExports(surroundings), RemoveExport(surroundings) },
        new Command("mount", "Folders of other servers, mounted here for datastores.")
        {
            CreateMount(surroundings), ListMounts(surroundings), RemoveMount(surroundings),
        },
    };

    private static AdminCommand CreateExport(Surroundings surroundings)
    {
        var create = new AdminCommand("create", "Exports a dataset (see 'holdfast pool dataset'), by NFS 4, to the networks that are named and nobody else.",
            "holdfast nfs export create dumps 10.1.0.0/24", "holdfast nfs export create isos 10.1.0.7/32,10.1.0.8/32 --read-only");
        Argument<string> name = create.Wants("dataset", "Its name in its pool.");
        Argument<string> clients = create.Wants("clients", "Networks with commas between; one machine is ADDRESS/32.");
        Option<bool> isReadOnly = create.Flag("--read-only", "Nobody may write.");
        create.May(("squash", "all: files belong to the service, whoever writes (default); root: users are their numbers, root is nobody; none: root is root."))
            .Does(surroundings, async call =>
            {
                var folder = await call.PostAsync(Exports, call.Given().Set("name", call[name])
                    .Set("clients", call[clients].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                    .Set("read-only", call.Is(isReadOnly) ? true : null));
                return call.Done(folder, $"{folder.GetString()} is exported: mount -t nfs4 -o vers=4.2 THIS-BOX:{folder.GetString()} FOLDER");
            });
        return create;
    }

    private static AdminCommand ListExports(Surroundings surroundings) =>
        new AdminCommand("list", "Lists what is exported.", "holdfast nfs export list").Does(surroundings, async call =>
            call.Rows(await call.GetAsync(Exports), "name", "folder", "clients", "read-only", "squash", "state"));

    private static AdminCommand RemoveExport(Surroundings surroundings)
    {
        var remove = new AdminCommand("remove", "Ends an export; its dataset stays.", "holdfast nfs export remove dumps");
        Argument<string> name = remove.Wants("export", "Its name.");
        return remove.Does(surroundings, async call => call.Done(await call.DeleteAsync($"{Exports}/{Uri.EscapeDataString(call[name])}"),
            $"{call[name]} is no longer exported"));
    }

    private static AdminCommand CreateMount(Surroundings surroundings)
    {
        var create = new AdminCommand("create", "Mounts a folder of a server at /mnt/holdfast/NAME, now and after every start.",
            "holdfast nfs mount create nas 10.1.0.9 /volume1/backup", "holdfast datastore create offsite /mnt/holdfast/nas/offsite");
        Argument<string> name = create.Wants("name", "Letters, digits, '-' and '_'.");
        Argument<string> server = create.Wants("server", "Address or name.");
        Argument<string> remote = create.Wants("folder", "On the server.");
        Option<bool> isReadOnly = create.Flag("--read-only", "Mount it read-only.");
        return create.May(("version", "4.2 (default), 4.1 or 4.0.")).Does(surroundings, async call => call.Done(await call.PostAsync(Mounts,
            call.Given().Set("name", call[name]).Set("server", call[server]).Set("remote", call[remote]).Set("read-only", call.Is(isReadOnly) ? true : null)),
            $"{call[server]}:{call[remote]} is mounted at /mnt/holdfast/{call[name]}"));
    }

    private static AdminCommand ListMounts(Surroundings surroundings) =>
        new AdminCommand("list", "Lists the mounts and how they are.", "holdfast nfs mount list").Does(surroundings, async call =>
            call.Rows(await call.GetAsync(Mounts), "name", "remote", "folder", "version", "state", "total", "avail", "datastores", "why"));

    private static AdminCommand RemoveMount(Surroundings surroundings)
    {
        var remove = new AdminCommand("remove", "Unmounts a folder.", "holdfast nfs mount remove nas", "holdfast nfs mount remove nas --lazy");
        Argument<string> name = remove.Wants("mount", "Its name.");
        Option<bool> isLazy = remove.Flag("--lazy", "Also while its server is silent or a datastore lies on it: it goes from sight at once.");
        return remove.Does(surroundings, async call => call.Done(await call.DeleteAsync($"{Mounts}/{Uri.EscapeDataString(call[name])}",
            new Parameters().Set("lazy", call.Is(isLazy) ? true : null)), $"{call[name]} is unmounted{(call.Is(isLazy) ? ", lazily" : "")}"));
    }
}
