// `holdfast pool`, `holdfast disk`, `holdfast power`, `holdfast alarm`: the hardware below the datastores, and what it complains about.
using System.CommandLine;
using System.Text.Json;

namespace Holdfast.Cli;

internal static class HardwareVerbs
{
    private const string Node = "nodes/localhost/";

    public static Command Pool(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists the pools.", "holdfast pool list");
        list.Does(surroundings, async call => call.Rows(await call.GetAsync(Node + "disks/zfs"), "name", "health", "size", "alloc", "free", "frag"));

        var status = new AdminCommand("status", "Shows a pool: its disks, their states and errors, what it is scanning.", "holdfast pool status tank");
        Argument<string> shown = status.Wants("pool", "Its name.");
        status.Does(surroundings, async call => Show(call, await call.GetAsync(Node + "disks/zfs/" + Uri.EscapeDataString(call[shown]))));

        var create = new AdminCommand("create",
            "Makes a pool of free disks (see 'holdfast disk list'), with --datastore also a datastore of the same name in it.",
            "holdfast pool create tank raidz2 wwn-0x5000c500a1,wwn-0x5000c500a2,wwn-0x5000c500a3,wwn-0x5000c500a4 --datastore",
            "holdfast pool create fast mirror nvme-A,nvme-B --special nvme-C,nvme-D");
        Argument<string> created = create.Wants("pool", "Its name.");
        Argument<string> layout = create.Wants("layout", "single, mirror, raidz1, raidz2, raidz3, draid1, draid2, draid3.");
        Argument<string> disks = create.Wants("disks", "Ids of disks, with commas between.");
        Option<bool> datastore = create.Flag("--datastore", "Also make a datastore of that name in it.");
        create.May(("special", "Mirror of disks for metadata: quick listing and collecting; the pool is lost with it."),
            ("log", "One disk or a mirror of two for the intent log."),
                ("cache", "Disks for the second-level cache."), ("spares", "Disks that take a failed one's place."))
            .Does(surroundings, async call => await call.FollowAsync(await call.PostAsync(Node + "disks/zfs", call.Given().Set("name", call[created])
                .Set("raidlevel", call[layout]).Set("devices", call[disks]).Set("add-datastore", call.Is(datastore) ? true : null))));

        var store = new AdminCommand("datastore", "Makes a dataset in a pool, and a datastore in it.",
            "holdfast pool datastore tank customers --quota 1099511627776");
        Argument<string> storePool = store.Wants("pool", "Name of the pool.");
        Argument<string> storeName = store.Wants("name", "Of the datastore.");
        store.May(("quota", "Bytes that it may hold; default: as much as there is.")).Does(surroundings, async call => await call.FollowAsync(
            await call.PostAsync(On(call[storePool], "datastore"), call.Given().Set("name", call[storeName]))));

        var importable = new AdminCommand("importable", "Lists pools on attached disks that are not in use.", "holdfast pool importable");
        importable.Does(surroundings, async call => call.Rows(await call.GetAsync(Node + "pools/importable"), "name", "guid", "state", "why"));

        var import = new AdminCommand("import", "Takes a pool into use, by its name or guid.", "holdfast pool import tank",
            "holdfast pool import tank --force");
        Argument<string> imported = import.Wants("pool", "Its name or guid.");
        Option<bool> force = import.Flag("--force", "Also if another machine used it last and did not export it.");
        import.Does(surroundings, async call => call.Done(await call.PostAsync(Node + "pools/import",
            new Parameters().Set("pool", call[imported]).Set("force", call.Is(force) ? true : null)), $"pool {call[imported]} is imported"));

        var replace = new AdminCommand("replace", "Replaces a disk and follows until the pool is whole: the new disk's place is lit while it lasts.",
            "holdfast pool replace tank 1234567890123456789 wwn-0x5000c500a9", "holdfast pool replace tank /dev/disk/by-id/wwn-0x5000c500a1");
        Argument<string> replacedIn = replace.Wants("pool", "Name of the pool.");
        Argument<string> old = replace.Wants("disk", "The old disk: guid, name or path as 'pool status' shows it.");
        Argument<string?> fresh = replace.MayWant("new", "Id of a free disk; default: the one that is in the old one's place now.");
        replace.Does(surroundings, async call => await call.FollowAsync(await call.PostAsync(On(call[replacedIn], "replace"),
            new Parameters().Set("vdev", call[old]).Set("disk", call.Maybe(fresh)))));

        var scrub = new AdminCommand("scrub", "Reads and checks all data of a pool, and mends what can be mended.", "holdfast pool scrub tank",
            "holdfast pool scrub tank --stop");
        Argument<string> scrubbed = scrub.Wants("pool", "Its name.");
        Option<bool> pause = scrub.Flag("--pause", "Pause the one that runs.");
        Option<bool> stop = scrub.Flag("--stop", "Stop the one that runs.");
        scrub.Does(surroundings, async call => call.Is(pause) || call.Is(stop)
            ? call.Done(await call.PostAsync(On(call[scrubbed], call.Is(stop) ? "scrub/stop" : "scrub/pause")),
                $"the scrub of {call[scrubbed]} is {(call.Is(stop) ? "stopped" : "paused")}")
            : await call.FollowAsync(await call.PostAsync(On(call[scrubbed], "scrub"))));

        var sync = new AdminCommand("sync",
            "Sets what a write that asks to be durable means in a dataset: standard, always, disabled (only with a healthy UPS).",
            "holdfast pool sync tank main always");
        Argument<string> syncIn = sync.Wants("pool", "Name of the pool.");
        Argument<string> dataset = sync.Wants("dataset", "Its name in the pool.");
        Argument<string> mode = sync.Wants("mode", "standard, always, disabled.");
        sync.Does(surroundings, async call => call.Done(await call.PostAsync(On(call[syncIn], "sync"),
            new Parameters().Set("name", call[dataset]).Set("sync", call[mode])), $"sync of {call[syncIn]}/{call[dataset]} is {call[mode]}"));

        return new Command("pool", "Pools of disks.")
        {
            list, status, create, store, DatasetVerbs.Of(surroundings), importable, import, sync,
            Simple(surroundings, "export", "Lets go of a pool, so that its disks can be moved.", "is exported"), replace, scrub,
            Simple(surroundings, "trim", "Tells solid state disks what is free.", "is being trimmed"),
            Simple(surroundings, "clear", "Sets error counters to nothing, once their cause is gone.", "is cleared", ("vdev", "Only of this disk.")),
            OnDisk(surroundings, "online", "Takes a disk back into use."), OnDisk(surroundings, "offline", "Takes a disk out of use."),
            Adds(surroundings, "attach", "Adds a disk beside another: one more copy, or a wider raidz.", true),
                Adds(surroundings, "spare", "Adds a spare disk.", false),
        };
    }

    public static Command Disk(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists the disks: what they are, who uses them, how well they are.", "holdfast disk list",
            "holdfast disk list --usage-type unused");
        list.May(("usage-type", "unused, zfs, mounted, partitions ...")).Does(surroundings, async call => call.Rows(
            await call.GetAsync(Node + "disks/list", call.Given()), "id", "devpath", "disk-type", "size", "used", "verdict", "temperature", "model", "serial"));

        var smart = new AdminCommand("smart", "Asks a disk how it is.", "holdfast disk smart sda");
        Argument<string> asked = smart.Wants("disk", "Id, device or serial.");
        smart.Does(surroundings, async call => call.Print(await call.GetAsync(Node + "disks/smart", new Parameters().Set("disk", call[asked]))));

        var test = new AdminCommand("test", "Has a disk test itself.", "holdfast disk test sda", "holdfast disk test sda --long");
        Argument<string> tested = test.Wants("disk", "Id, device or serial.");
        Option<bool> isLong = test.Flag("--long", "The whole surface: hours.");
        Option<bool> stop = test.Flag("--stop", "Stop the one that runs.");
        test.Does(surroundings, async call => call.Done(await call.PostAsync(Node + "disks/test", new Parameters().Set("disk", call[tested])
            .Set("test", call.Is(stop) ? "stop" : call.Is(isLong) ? "long" : "short")), "asked: 'holdfast disk smart' shows how it ends"));

        var light = new AdminCommand("light", "Lights a disk's place in the enclosure.", "holdfast disk light sda", "holdfast disk light sda --off");
        Argument<string> lit = light.Wants("disk", "Id, device or serial.");
        Option<bool> off = light.Flag("--off", "Put it out.");
        light.Does(surroundings, async call => call.Done(await call.PostAsync(Node + "disks/light", new Parameters().Set("disk", call[lit])
            .Set("light", call.Is(off) ? "off" : "locate")), call.Is(off) ? "the light is out" : "the light is on"));
        return new Command("disk", "Disks of the machine.") { list, smart, test, light };
    }

    public static Command Power(Surroundings surroundings)
    {
        var status = new AdminCommand("status", "Shows mains and UPS.", "holdfast power status");
        status.Does(surroundings, async call => call.Print(await call.GetAsync(Node + "power")));
        AdminCommand Stops(string verb, string what)
        {
            var command = new AdminCommand(verb, what, $"holdfast power {verb}");
            return command.Does(surroundings, async call => call.Done(
                await call.PostAsync(Node + "status", new Parameters().Set("command", verb)),
                    $"{verb} is under way: running backups and restores get a while to end"));
        }

        return new Command("power", "Mains, UPS, switching off.")
        {
            status, Stops("shutdown", "Switches the box off in good order."), Stops("reboot", "Starts the box anew in good order."),
        };
    }

    public static Command Alarm(Surroundings surroundings)
    {
        var list = new AdminCommand("list", "Lists what needs a person, with what to do about it.", "holdfast alarm list");
        list.Does(surroundings, async call => call.Rows(await call.GetAsync(Node + "alarms"), "alarm", "severity", "subject", "text", "advice"));
        var acknowledge = new AdminCommand("acknowledge", "Puts an alarm away: somebody has seen it.", "holdfast alarm acknowledge 4711");
        Argument<string> id = acknowledge.Wants("alarm", "Its number.");
        acknowledge.Does(surroundings, async call => call.Done(await call.DeleteAsync(Node + "alarms/" + Uri.EscapeDataString(call[id])),
            $"alarm {call[id]} is put away"));
        return new Command("alarm", "What needs a person.") { list, acknowledge };
    }

    private static AdminCommand Simple(Surroundings surroundings, string verb, string what, string done, params (string, string)[] options)
    {
        var command = new AdminCommand(verb, what, $"holdfast pool {verb} tank");
        Argument<string> pool = command.Wants("pool", "Its name.");
        return command.May(options).Does(surroundings, async call =>
            call.Done(await call.PostAsync(On(call[pool], verb), call.Given()), $"pool {call[pool]} {done}"));
    }

    private static AdminCommand OnDisk(Surroundings surroundings, string verb, string what)
    {
        var command = new AdminCommand(verb, what, $"holdfast pool {verb} tank 1234567890123456789");
        Argument<string> pool = command.Wants("pool", "Name of the pool.");
        Argument<string> disk = command.Wants("disk", "Guid, name or path as 'pool status' shows it.");
        return command.Does(surroundings, async call => call.Done(
            await call.PostAsync(On(call[pool], verb), new Parameters().Set("vdev", call[disk])), $"disk {call[disk]} is {verb}"));
    }

    private static AdminCommand Adds(Surroundings surroundings, string verb, string what, bool besides)
    {
        var command = new AdminCommand(verb, what, besides ? $"holdfast pool {verb} tank 1234567890123456789 wwn-0x5000c500a9"
            : $"holdfast pool {verb} tank wwn-0x5000c500a9");
        Argument<string> pool = command.Wants("pool", "Name of the pool.");
        Argument<string>? beside = besides ? command.Wants("beside", "The disk or group beside which it goes.") : null;
        Argument<string> disk = command.Wants("disk", "Id of a free disk.");
        return command.Does(surroundings, async call => call.Done(await call.PostAsync(On(call[pool], verb),
            new Parameters().Set("vdev", beside is null ? null : call[beside]).Set("disk", call[disk])), $"disk {call[disk]} is added"));
    }

    private static string On(string pool, string verb) => $"{Node}pools/{Uri.EscapeDataString(pool)}/{verb}";

    private static int Show(AdminCall call, JsonElement pool)
    {
        if (call.IsJson)
        {
            return call.Print(pool);
        }

        static string Text(JsonElement of, string name) => of.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value.ToString() : "";
        var vdevs = pool.GetProperty("vdevs").EnumerateArray().ToList();
        Console.WriteLine(Tables.Printable($"pool {Text(pool, "name")}: {Text(pool, "state")} {Text(pool, "status")}".TrimEnd()));
        if (pool.TryGetProperty("scan", out JsonElement scan))
        {
            var what = $"{Text(scan, "function")} {Text(scan, "state")}".ToLowerInvariant();
            Console.WriteLine(Tables.Printable($"{what}: {Text(scan, "percent")} %, {Text(scan, "errors")} errors"));
        }

        Tables.Write(Console.Out,
        [
            ["name", "class", "state", "read", "write", "checksum", "guid"],
            .. vdevs.Select(vdev => (string[])[new string(' ', 2 * Depth(vdev)) + Text(vdev, "name"), Text(vdev, "class"), Text(vdev, "state"),
                Text(vdev, "read"),
                Text(vdev, "write"), Text(vdev, "checksum"), Text(vdev, "guid")]),
        ]);
        if (pool.GetProperty("errors").GetInt64() is > 0 and var places)
        {
            Console.WriteLine($"{places} places can't be read:");
            pool.GetProperty("damaged-files").EnumerateArray().ToList().ForEach(file => Console.WriteLine("  " + Tables.Printable(file.GetString()!)));
        }

        return 0;

        int Depth(JsonElement vdev)
        {
            var depth = 0;
            for (string parent = Text(vdev, "parent"); parent.Length > 0 && depth < 8; depth++)
            {
                parent = vdevs.Find(one => Text(one, "name") == parent) is { ValueKind: JsonValueKind.Object } above ? Text(above, "parent") : "";
            }

            return depth;
        }
    }
}
