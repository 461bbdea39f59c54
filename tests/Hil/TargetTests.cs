// The rig's own iSCSI target before the guest's kernel: its sd driver sees the unit that the target makes up, with its names, and what it writes and flushes
// arrives.
using Holdfast.Tests.Iscsi;
using Xunit;

namespace Holdfast.Tests.Hil;

[Trait("group", "drivers")]
[Collection("one box at a time")]
public sealed class TargetTests
{
    private const string Name = "iqn.2026-01.test:disk";

    [Fact]
    public async Task A_unit_of_the_target_is_a_disk_of_the_box()
    {
        using var content = new MemoryStream(new byte[16 << 20]);
        var disk = new DiskUnit(content, "RIG0001");
        await using var target = new Target(Name, disk);
        await using var box = await Box.ReadyAsync();
        await box.Qmp.DoAsync("blockdev-add", new Dictionary<string, object>
        {
            ["driver"] = "iscsi", ["node-name"] = "rig", ["transport"] = "tcp", ["portal"] = $"127.0.0.1:{target.Port}", ["target"] = Name, ["lun"] = 0,
        });
        await box.Qmp.DoAsync("device_add", new { driver = "scsi-block", bus = "scsi0.0", drive = "rig", id = "rig0" });
        var seen = "";
        await box.UntilAsync("the kernel has the disk", async () => (seen = await box.InsideAsync("lsblk -dno NAME,VENDOR,MODEL,SERIAL,SIZE"))
            .Contains("RIG DISK", StringComparison.Ordinal), TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1));
        var line = seen.Split('\n').Single(one => one.Contains("RIG DISK", StringComparison.Ordinal));
        Assert.Contains("HOLDFAST", line, StringComparison.Ordinal);
        Assert.Contains("16M", line, StringComparison.Ordinal);
        Assert.Contains("RIG0001", await box.InsideAsync($"sg_inq --page=0x80 /dev/{line.Split(' ')[0]}"), StringComparison.Ordinal);
        await box.InsideAsync($"yes holdfast | dd of=/dev/{line.Split(' ')[0]} bs=1M count=4 iflag=fullblock conv=fsync 2>/dev/null");
        Assert.True(disk.Flushes > 0, "nothing was flushed");
        Assert.True(content.ToArray().AsSpan(0, 4 << 20).StartsWith("holdfast\nholdfast\n"u8), "something else was written");
        Assert.Empty(target.Complaints);
    }
}
