// `holdfast pool dataset`: file systems in a pool, for exports and datastores.
using System.CommandLine;

namespace Holdfast.Cli;

internal static class DatasetVerbs
{
    public static Command Of(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists the datasets of a pool.", "holdfast pool dataset list tank");
        Argument<string> listed = list.Wants("pool", "Name of the pool.");
        list.Does(surroundings, async call => call.Rows(await call.GetAsync(In(call[listed])),
            "name", "mountpoint", "used", "available", "quota", "refquota", "recordsize", "compression", "atime", "sync"));

        var create = new AdminCommand("create", "Makes a dataset without a datastore, mounted below /mnt/datastore: to export it over NFS, for instance.",
            "holdfast pool dataset create tank dumps --quota 1099511627776");
        (Argument<string> createIn, Argument<string> created) = Named(create);
        create.May(("quota", "Bytes that it may hold, with its snapshots; default: as much as there is.")).Does(surroundings, async call => call.Done(
            await call.PostAsync(In(call[createIn]), call.Given().Set("name", call[created])),
            $"dataset {call[createIn]}/{call[created]} is made, mounted at /mnt/datastore/{call[created]}"));

        var set = new AdminCommand("set", "Sets properties of a dataset; what was written before keeps its record size and compression.",
            "holdfast pool dataset set tank dumps --quota 0 --refquota 549755813888", "holdfast pool dataset set tank dumps --compression zstd --atime off");
        (Argument<string> setIn, Argument<string> changed) = Named(set);
        set.May(("quota", "Bytes with snapshots and children; 0: no limit."), ("refquota", "Bytes of its own data alone; 0: no limit."),
            ("recordsize", "Bytes: a power of two from 4096 to 1048576."), ("compression", "off, lz4, zstd, zstd-fast, gzip, zle."),
            ("atime", "on or off: whether reading is noted. A PBS that takes a datastore over needs it on."))
            .Does(surroundings, async call => call.Done(await call.PutAsync(One(call[setIn], call[changed]), call.Given()),
                $"dataset {call[setIn]}/{call[changed]} is changed"));

        var destroy = new AdminCommand("destroy",
            "Destroys a dataset with all that is in it. Refused while it has snapshots or children, is exported, or a datastore lies on it.",
            "holdfast pool dataset destroy tank dumps --confirm tank/dumps");
        (Argument<string> destroyIn, Argument<string> destroyed) = Named(destroy);
        destroy.May(("confirm", "POOL/DATASET once more: there is no way back.")).Does(surroundings, async call => call.Done(
            await call.DeleteAsync(One(call[destroyIn], call[destroyed]), call.Given()), $"dataset {call[destroyIn]}/{call[destroyed]} is destroyed"));
        return new Command("dataset", "Datasets (file systems) in a pool.") { list, create, set, destroy };
    }

    private static (Argument<string> Pool, Argument<string> Name) Named(AdminCommand command) =>
        (command.Wants("pool", "Name of the pool."), command.Wants("dataset", "Its name in the pool."));

    private static string In(string pool) => $"nodes/localhost/pools/{Uri.EscapeDataString(pool)}/datasets";

    private static string One(string pool, string name) => $"{In(pool)}/{Uri.EscapeDataString(name)}";
}
