// A datastore on a real raidz2 pool over NVMe, SATA and SCSI disks: backed up to, a disk pulled in the middle, another silently corrupted; restored and
// compared.
using System.Text.RegularExpressions;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "backup")]
[Collection("one box at a time")]
public sealed partial class PoolTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_backup_onto_raidz2_survives_a_pulled_disk_and_a_corrupt_one()
    {
        await using var box = await Box.ReadyAsync(1024, 1024, 1024, 1024);
        using var work = new Work();
        output.WriteLine($"restored to healthy: {box.BootTook.TotalSeconds:0} s");
        var (password, fingerprint) = await box.CredentialsAsync();
        await box.InsideAsync("""
            set -e
            modprobe zfs
            udevadm settle
            disk() { lsblk -dpno NAME,SERIAL | awk -v serial="$1" '$2 == serial { print $1 }'; }
            zpool create -f -o ashift=12 -O compression=off -O atime=off -O recordsize=1M -O xattr=sa -m /mnt/datastore/tank tank raidz2 \
                $(disk HILNVME0) $(disk HILSATA1) $(disk HILSCSI2) $(disk HILSCSI3)
            install -d -m 0755 -o holdfast -g holdfast /mnt/datastore/tank/store
            touch /state/etc/pools/tank
            """);
        var created = await box.ClientAsync("main", password, fingerprint, "datastore", "create", "tank", "/mnt/datastore/tank/store");
        Assert.True(created.ExitStatus == 0, created.Output + created.Errors);

        var image = work.Make("p.img", 128, 7);
        var backup = box.ClientAsync("tank", password, fingerprint, "backup", $"p.img:{image}", "--backup-id", "pool");
        await Task.Delay(TimeSpan.FromSeconds(4));
        await box.Qmp.DoAsync("device_del", new { id = "disk2" });
        var done = await backup;
        Assert.True(done.ExitStatus == 0, done.Output + done.Errors);
        Assert.Contains("DEGRADED", await WaitAsync(box, "zpool list -H -o health tank", "DEGRADED"), StringComparison.Ordinal);

        // Behind the file system's back, on a second disk: what it reads there is wrong, and raidz2 has to know.
        await box.InsideAsync("""
            dd if=/dev/urandom of=$(lsblk -dpno NAME,SERIAL | awk '$2 == "HILSCSI3" { print $1 }') bs=1M seek=40 count=4 conv=notrunc oflag=direct 2>/dev/null
            zpool scrub -w tank
            """);
        var status = await box.InsideAsync("zpool status tank");
        Assert.Contains("errors: No known data errors", status, StringComparison.Ordinal);
        var restored = await box.ClientAsync("tank", password, fingerprint, "restore", "host/pool", "p.img", work.At("back.img"));
        Assert.True(restored.ExitStatus == 0, restored.Output + restored.Errors);
        Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));

        // Started again, with the pulled disk back in its place, the box takes its pool, mends it, and finds the datastore in it.
        await box.PowerOffAsync();
        await box.StartAsync();
        Assert.Contains("ONLINE", await WaitAsync(box, "zpool list -H -o health tank", "ONLINE"), StringComparison.Ordinal);
        var listed = await box.ClientAsync("tank", password, fingerprint, "snapshots");
        Assert.Matches(Snapshot(), listed.Output);
        var verified = await box.ClientAsync("tank", password, fingerprint, "verify");
        Assert.True(verified.ExitStatus == 0, verified.Output + verified.Errors);
    }

    private static async Task<string> WaitAsync(Box box, string command, string wanted)
    {
        var said = "";
        for (var i = 0; i < 60 && !(said = await box.InsideAsync(command)).Contains(wanted, StringComparison.Ordinal); i++)
        {
            await Task.Delay(1000);
        }

        return said;
    }

    [GeneratedRegex("host/pool/20")]
    private static partial Regex Snapshot();
}
