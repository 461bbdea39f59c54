// The hardware of a box from its own API, on real kernel drivers: disks of three kinds are seen and asked, a raidz2 pool is made with a datastore in it, a
// disk is pulled and replaced, another corrupted and scrubbed; at each step the box says what is the matter, and in the end every backup is whole.
using System.Text.Json;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "drivers")]
[Collection("one box at a time")]
public sealed class DriverTests(ITestOutputHelper output)
{
    private const string Nvme = "nvme-QEMU_NVMe_Ctrl_HILNVME0";
    private const string Ata = "ata-QEMU_HARDDISK_HILSATA1";

    [Fact]
    public async Task A_box_looks_after_its_disks()
    {
        await using var box = await Box.ReadyAsync(1024, 1024, 1024, 1024, 1024);
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        Task<Said> Client(string store, params string[] arguments) => box.ClientAsync(store, password, fingerprint, arguments);

        // Disks: what they are, what they say of themselves.
        var disks = await UntilAsync(() => Client("main", "disk", "list", "--output", "json"), said => said.Contains(Nvme, StringComparison.Ordinal)
            && said.Contains(Ata, StringComparison.Ordinal) && said.Contains(Scsi(4), StringComparison.Ordinal));
        Assert.Equal(5, Json(disks).EnumerateArray().Count(disk => disk.GetProperty("used").GetString() == "unused"));
        Assert.Contains("\"temperature\"", (await DoneAsync(Client("main", "disk", "smart", Nvme, "--output", "json"))).Output, StringComparison.Ordinal);
        Assert.Equal("passed",
            Json((await DoneAsync(Client("main", "disk", "smart", "HILSATA1", "--output", "json"))).Output).GetProperty("status").GetString());
        await DoneAsync(Client("main", "disk", "test", Ata));
        Assert.NotEqual(0, (await Client("main", "disk", "smart", "nothing")).ExitStatus);

        // A pool with a datastore in it.
        Assert.Contains("at least 3 disks", (await Client("main", "pool", "create", "tank", "raidz2", $"{Nvme},{Ata}")).Errors, StringComparison.Ordinal);
        await DoneAsync(Client("main", "pool", "create", "tank", "raidz2", $"{Nvme},{Ata},{Scsi(2)},{Scsi(3)}", "--datastore"));
        Assert.Contains("not free", (await Client("main", "pool", "spare", "tank", Scsi(2))).Errors, StringComparison.Ordinal);
        Assert.Contains("no UPS", (await Client("main", "pool", "sync", "tank", "tank", "disabled")).Errors, StringComparison.Ordinal);
        var image = work.Make("p.img", 128, 7);
        await DoneAsync(Client("tank", "backup", $"p.img:{image}", "--backup-id", "pool"));

        // A disk is pulled: alarm; replaced: whole again, alarm gone.
        await box.Qmp.DoAsync("device_del", new { id = "disk2" });
        await UntilAsync(() => Client("main", "alarm", "list"), said => said.Contains("pool 'tank' is DEGRADED", StringComparison.Ordinal));
        var old = Json((await DoneAsync(Client("main", "pool", "status", "tank", "--output", "json"))).Output).GetProperty("vdevs").EnumerateArray()
            .First(vdev => vdev.GetProperty("type").GetString() == "disk"
                && vdev.GetProperty("state").GetString() is not "ONLINE").GetProperty("guid").GetString()!;
        var replaced = await DoneAsync(Client("main", "pool", "replace", "tank", old, Scsi(4)));
        Assert.Contains("pool 'tank' is ONLINE", replaced.Output, StringComparison.Ordinal);
        await UntilAsync(() => Client("main", "alarm", "list"), said => !said.Contains("pool-degraded", StringComparison.Ordinal)
            && !said.Contains("DEGRADED", StringComparison.Ordinal));

        // Another is corrupted behind the file system's back: a scrub finds and mends it, and says on which disk.
        await box.InsideAsync("""
            dd if=/dev/urandom of=$(lsblk -dpno NAME,SERIAL | awk '$2 == "HILSCSI3" { print $1 }') bs=1M seek=40 count=60 conv=notrunc oflag=direct 2>/dev/null
            """);
        Assert.Contains("errors", (await DoneAsync(Client("main", "pool", "scrub", "tank"))).Output, StringComparison.Ordinal);
        await UntilAsync(() => Client("main", "alarm", "list"), said => said.Contains("checksums failed", StringComparison.Ordinal));
        await DoneAsync(Client("main", "pool", "clear", "tank"));
        await UntilAsync(() => Client("main", "alarm", "list"), said => !said.Contains("checksums failed", StringComparison.Ordinal));

        var restored = await DoneAsync(Client("tank", "restore", "host/pool", "p.img", work.At("back.img")));
        Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));
        await DoneAsync(Client("tank", "verify"));

        // Started again, the pool comes by itself, and the story is in the ledger.
        await box.PowerOffAsync();
        await box.StartAsync();
        await UntilAsync(() => Client("main", "pool", "list"), said => said.Contains("ONLINE", StringComparison.Ordinal));
        await DoneAsync(Client("tank", "snapshots"));
        var story = await box.InsideAsync("journalctl -u holdfast-agent --no-pager | tail -5");
        output.WriteLine(story + restored.Output);
    }

    /// <summary>A UPS by NUT's own dummy driver, into whose file the test writes, set up in the way of a UPS that is not on USB.</summary>
    private const string DummyUps = """
        set -e
        printf 'ups.status: OL\nbattery.charge: 100\nbattery.runtime: 3600\n' > /run/ups.dev
        printf '[ups]\n driver = dummy-ups\n port = /run/ups.dev\n mode = dummy-loop\n' > /state/etc/nut/ups.conf
        systemctl start holdfast-ups
        mkdir -p /etc/systemd/system/holdfastd.service.d /etc/holdfast
        printf '[Service]\nEnvironment=HOLDFAST_POWER_DRAINSECONDS=5\n' > /etc/systemd/system/holdfastd.service.d/ups.conf
        printf '{"name":"rig","lights":{"health":{"green":{"led":"input0::numlock"},"red":{"led":"input0::capslock"}}}}' > /etc/holdfast/panel.json
        systemctl daemon-reload; systemctl restart holdfast-agent holdfastd
        """;

    [Fact]
    public async Task A_low_battery_ends_in_an_ordered_stop_and_the_light_says_so_before()
    {
        await using var box = await Box.ReadyAsync();
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        Task<Said> Client(params string[] arguments) => box.ClientAsync("main", password, fingerprint, arguments);
        await box.InsideAsync(DummyUps);
        await UntilAsync(() => Client("power", "status"), said => said.Contains("Dummy", StringComparison.Ordinal)
            || said.Contains("on ", StringComparison.Ordinal));
        await UntilAsync(() => LightAsync(box, "numlock"), said => said.Trim() == "1");

        var image = work.Make("a.img", 64, 7);
        await DoneAsync(Client("backup", $"a.img:{image}", "--backup-id", "acknowledged"));
        var cutOff = Client("backup", $"b.img:{work.Make("b.img", 512, 8)}", "--backup-id", "running");
        await box.InsideAsync("sed -i 's/^ups.status.*/ups.status: OB DISCHRG/' /run/ups.dev");
        await UntilAsync(() => LightAsync(box, "capslock"), said => said.Trim() == "1");
        Assert.Contains("on battery", (await DoneAsync(Client("panel", "show"))).Output, StringComparison.Ordinal);
        await box.InsideAsync("sed -i 's/^ups.status.*/ups.status: OB LB DISCHRG/' /run/ups.dev");
        await box.OffAsync();
        await cutOff;

        await box.StartAsync();
        Assert.Contains("acknowledged", (await DoneAsync(Client("snapshots"))).Output, StringComparison.Ordinal);
        await DoneAsync(Client("restore", "host/acknowledged", "a.img", work.At("back.img")));
        Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));

        // The UPS is there again, and so are the mains.
        await box.InsideAsync("printf 'ups.status: OL\\nbattery.charge: 100\\nbattery.runtime: 3600\\n' > /run/ups.dev; systemctl restart holdfast-ups");
        await UntilAsync(() => Client("power", "status", "--output", "json"), said => said.Contains("\"mains\": \"on\"", StringComparison.Ordinal));
        Assert.DoesNotContain("mains-lost", (await DoneAsync(Client("alarm", "list", "--output", "json"))).Output, StringComparison.Ordinal);
    }

    private static async Task<Said> LightAsync(Box box, string name) => new(0, await box.InsideAsync($"cat /sys/class/leds/input0::{name}/brightness"), "");

    private static string Scsi(int i) => $"wwn-0x5000c5000000000{i}";

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static async Task<Said> DoneAsync(Task<Said> running)
    {
        var said = await running;
        Assert.True(said.ExitStatus == 0, said.Output + said.Errors);
        return said;
    }

    private static async Task<string> UntilAsync(Func<Task<Said>> ask, Func<string, bool> isThere)
    {
        for (var i = 0; ; i++)
        {
            var said = await ask();
            if (said.ExitStatus == 0 && isThere(said.Output))
            {
                return said.Output;
            }

            Assert.True(i < 40, "it does not come: " + said.Output + said.Errors);
            await Task.Delay(3000);
        }
    }
}
