// `holdfast network`, `time`: how the box is reached, with a way back, and what its clock follows.
using System.CommandLine;
using System.Text.Json;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal static class NetworkVerbs
{
    private const string Path = "nodes/localhost/network";
    private const string ChangePath = "nodes/localhost/network-change";

    private static readonly (string, string)[] Settings =
    [
        ("type", "eth, bond or vlan; eth unless you say otherwise."), ("method", "dhcp, static, or manual (no address)."),
        ("cidr", "IPv4 address with the length of its network: 192.0.2.7/24."), ("gateway", "IPv4 gateway."),
        ("cidr6", "IPv6 address with the length of its network."), ("gateway6", "IPv6 gateway."), ("mtu", "576 to 9216 bytes."),
        ("bond_mode", "active-backup, 802.3ad, balance-xor, balance-rr, balance-tlb, balance-alb."), ("slaves", "Ports of a bond: 'enp1s0 enp2s0'."),
        ("vlan-id", "1 to 4094."), ("vlan-raw-device", "The interface that a VLAN runs on."),
    ];

    public static Command Network(Surroundings surroundings)
    {
        var show = new AdminCommand("show", "Shows interfaces, and whether a change waits to be confirmed.", "holdfast network show");
        show.Does(surroundings, ShowAsync);

        var set = new AdminCommand("set", "Changes an interface or adds one, at once; without 'network confirm' it is taken back.",
            "holdfast network set enp1s0 --method static --cidr 192.0.2.7/24 --gateway 192.0.2.1",
            "holdfast network set bond0 --type bond --bond_mode 802.3ad --slaves 'enp1s0 enp2s0' --method dhcp",
            "holdfast network set vlan30 --type vlan --vlan-id 30 --vlan-raw-device bond0 --cidr 10.30.0.7/24 --mtu 9000");
        Argument<string> name = set.Wants("interface", "Its name.");
        Option<bool> stage = set.Flag("--stage", "Only note it; 'network apply' uses all that was noted.");
        set.May(Settings).May(("confirm-within", "Seconds until it is taken back: 10 to 600, 120 unless you say otherwise.")).Does(surroundings, async call =>
        {
            JsonElement known = await call.GetAsync(Path);
            string one = call[name];
            Parameters given = call.Given().Without("confirm-within");
            if (known.EnumerateArray().Any(port => port.GetProperty("iface").GetString() == one))
            {
                await call.PutAsync($"{Path}/{Uri.EscapeDataString(one)}", given);
            }
            else
            {
                await call.PostAsync(Path, given.Set("iface", one));
            }

            return call.Is(stage) ? call.Done(default, $"{one} is noted: 'holdfast network apply' uses it") : await ApplyAsync(call);
        });

        var remove = new AdminCommand("remove", "Takes an interface out of the plan; noted until 'network apply'.", "holdfast network remove vlan30");
        Argument<string> removed = remove.Wants("interface", "Its name.");
        remove.Does(surroundings, async call => call.Done(
            await call.DeleteAsync($"{Path}/{Uri.EscapeDataString(call[removed])}"), $"{call[removed]} goes with the next 'holdfast network apply'"));

        var doors = new AdminCommand("doors", "Says who may reach the service (port 8007) and SSH; noted until 'network apply'.",
            "holdfast network doors --service vlan30 --admin 10.0.0.0/24", "holdfast network doors");
        var service = new Option<string[]>("--service") { Description = "Interface or network that may; none = all.", AllowMultipleArgumentsPerToken = true };
        var admin = new Option<string[]>("--admin") { Description = "The same for SSH.", AllowMultipleArgumentsPerToken = true };
        doors.Options.Add(service);
        doors.Options.Add(admin);
        doors.DoesParsed(surroundings, async (call, parsed) => call.Done(
            await call.PutAsync(
                "nodes/localhost/network-doors", new Parameters().Set("service", parsed.GetValue(service)).Set("admin", parsed.GetValue(admin))),
            "noted: 'holdfast network apply' uses it"));

        var apply = new AdminCommand("apply", "Uses what was noted; without 'network confirm' it is taken back.", "holdfast network apply --confirm-within 60");
        apply.May(("confirm-within", "Seconds until it is taken back.")).Does(surroundings, ApplyAsync);
        return new Command("network", "How the box is reached.")
        {
            show, set, remove, doors, apply, Confirm(surroundings), Revert(surroundings), TestPath(surroundings), Plan(surroundings),
        };
    }

    public static Command Time(Surroundings surroundings)
    {
        var show = new AdminCommand("show", "Shows time, zone, and the servers that the clock follows.", "holdfast time show");
        show.Does(surroundings, async call =>
        {
            JsonElement time = await call.GetAsync("nodes/localhost/time");
            if (call.IsJson)
            {
                return call.Print(time);
            }

            JsonElement servers = await call.GetAsync("nodes/localhost/time-servers");
            Console.WriteLine($"time:    {Storage.SnapshotName.FormatTime(time.GetProperty("time").GetInt64())}");
            Console.WriteLine($"zone:    {Tables.Printable(time.GetProperty("timezone").GetString()!)}");
            var set = servers.EnumerateArray().Select(server => Tables.Printable(server.GetString()!)).ToList();
            Console.WriteLine($"servers: {(set.Count == 0 ? "Debian's pool" : string.Join(' ', set))}");
            return 0;
        });

        var zone = new AdminCommand("zone", "Sets the time zone.", "holdfast time zone Europe/Vienna");
        Argument<string> wanted = zone.Wants("zone", "As in the tz database.");
        zone.Does(surroundings, async call => call.Done(
            await call.PutAsync("nodes/localhost/time", new Parameters().Set("timezone", call[wanted])), $"the time zone is {call[wanted]}"));

        var servers = new AdminCommand("servers", "Sets the servers that the clock follows; none = Debian's pool.",
            "holdfast time servers --server ntp1.example --server ntp2.example", "holdfast time servers");
        var server = new Option<string[]>("--server") { Description = "Name or address; up to 8.", AllowMultipleArgumentsPerToken = true };
        servers.Options.Add(server);
        servers.DoesParsed(surroundings, async (call, parsed) => call.Done(
            await call.PutAsync("nodes/localhost/time-servers", new Parameters().Set("server", parsed.GetValue(server))),
            "the clock follows them from now on"));
        return new Command("time", "Time zone and time servers.") { show, zone, servers };
    }

    private static AdminCommand Confirm(Surroundings surroundings)
    {
        var confirm = new AdminCommand("confirm", "Says that the change is good: it stays.",
            "holdfast network confirm", "holdfast network confirm 0f3a12c45b6d");
        Argument<string?> change = confirm.MayWant("change", "Its name; the one that waits unless you say otherwise.");
        return confirm.Does(surroundings, async call =>
        {
            string waiting = call.Maybe(change) ?? await WaitingAsync(call);
            return call.Done(await call.PostAsync(ChangePath, new Parameters().Set("change", waiting)), $"change {waiting} stays");
        });
    }

    private static AdminCommand Revert(Surroundings surroundings)
    {
        var revert = new AdminCommand("revert", "Takes the change back now.", "holdfast network revert");
        Argument<string?> change = revert.MayWant("change", "Its name; the one that waits unless you say otherwise.");
        return revert.Does(surroundings, async call =>
        {
            string waiting = call.Maybe(change) ?? await WaitingAsync(call);
            return call.Done(await call.DeleteAsync(ChangePath, new Parameters().Set("change", waiting)), $"change {waiting} was taken back");
        });
    }

    private static AdminCommand TestPath(Surroundings surroundings)
    {
        var test = new AdminCommand("path", "Tests whether packets of a size reach a host whole.", "holdfast network path pve1.example --mtu 9000");
        Argument<string> target = test.Wants("host", "Address or name.");
        return test.May(("mtu", "576 to 9216 bytes, headers included; 1500 unless you say otherwise.")).Does(surroundings, async call =>
        {
            Parameters given = new Parameters().Set("mtu", 1500).With(call.Given()).Set("target", call[target]);
            JsonElement verdict = await call.PostAsync("nodes/localhost/network-path", given);
            bool passes = verdict.GetProperty("passes").GetBoolean();
            string why = verdict.TryGetProperty("why", out JsonElement text) ? text.GetString()! : "";
            call.Done(verdict, passes ? "packets of that size arrive" : $"packets of that size do not arrive: {why}");
            return passes ? 0 : 1;
        });
    }

    private static AdminCommand Plan(Surroundings surroundings)
    {
        var plan = new AdminCommand("plan", "Shows the whole plan as JSON, or uses the one in a file.",
            "holdfast network plan | tee plan.json", "holdfast network plan plan.json");
        Argument<string?> file = plan.MayWant("file", "What 'network plan' shows, changed.");
        return plan.May(("confirm-within", "Seconds until it is taken back.")).Does(surroundings, async call =>
        {
            if (call.Maybe(file) is not { } path)
            {
                Console.WriteLine((await call.GetAsync("nodes/localhost/network-plan")).GetRawText());
                return 0;
            }

            string text = await File.ReadAllTextAsync(path, call.Cancel);
            return Applied(call, await call.PostAsync("nodes/localhost/network-plan", call.Given().Set("plan", text)));
        });
    }

    private static async Task<int> ShowAsync(AdminCall call)
    {
        JsonElement change = default;
        try
        {
            change = await call.GetAsync(ChangePath);
        }
        catch (PbsException error) when (error.Status == 503)
        {
            // Without an agent no change waits; the interfaces are shown all the same.
        }

        int status = call.Rows(await call.GetAsync(Path), "iface", "type", "method", "cidr", "gateway", "cidr6", "mtu", "active");
        if (!call.IsJson && change.ValueKind == JsonValueKind.Object && change.TryGetProperty("change", out JsonElement waiting))
        {
            Console.WriteLine($"change {waiting.GetString()} is taken back in {change.GetProperty("left-ms").GetInt64() / 1000} s unless it is confirmed");
        }

        return status;
    }

    private static async Task<int> ApplyAsync(AdminCall call) => Applied(call, await call.PutAsync(Path, call.Given().Only("confirm-within")));

    private static int Applied(AdminCall call, JsonElement change) => call.Done(change,
        $"change {change.GetString()} is in use. See that you still reach the box, then: holdfast network confirm {change.GetString()}");

    private static async Task<string> WaitingAsync(AdminCall call) =>
        (await call.GetAsync(ChangePath)).TryGetProperty("change", out JsonElement waiting) ? waiting.GetString()!
        : throw new FailedException("no change waits to be confirmed");
}
