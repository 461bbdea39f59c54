// Lights at places of disks on a sysfs made of files, laid out as the kernel's: a slot of a SES enclosure, a slot of PCI Express, and a disk that has neither.
using Holdfast.Agent;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Smart;
using Holdfast.Zfs;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class SlotLightTests : IDisposable
{
    private readonly string sys = Directory.CreateTempSubdirectory("holdfast-sys-").FullName;
    private readonly SlotLights lights;

    public SlotLightTests() => lights = new SlotLights(sys);

    public void Dispose() => Directory.Delete(sys, recursive: true);

    [Fact]
    public void A_slot_of_an_enclosure_is_the_one_whose_device_has_the_disk()
    {
        foreach (var (slot, disk) in new[] { ("Slot 01", "sda"), ("Slot 02", "sdb") })
        {
            Directory.CreateDirectory(At($"devices/target/{disk}/block/{disk}"));
            Put($"class/enclosure/0:0:8:0/{slot}/locate", "0");
            Put($"class/enclosure/0:0:8:0/{slot}/fault", "0");
            Directory.CreateSymbolicLink(At($"class/enclosure/0:0:8:0/{slot}/device"), At($"devices/target/{disk}"));
        }

        Directory.CreateDirectory(At("class/enclosure/0:0:8:0/power")); // Other folders of a device: no slot.
        Assert.True(lights.TryLight("/dev/sdb", "locate"));
        Assert.Equal(("0", "0", "1", "0"), Lit());
        Assert.True(lights.TryLight("/dev/sdb", "failure"));
        Assert.Equal(("0", "0", "0", "1"), Lit());
        Assert.True(lights.TryLight("/dev/sdb", "off"));
        Assert.Equal(("0", "0", "0", "0"), Lit());
        Assert.False(lights.TryLight("/dev/sdc", "locate"));

        (string, string, string, string) Lit() => (Get("class/enclosure/0:0:8:0/Slot 01/locate"), Get("class/enclosure/0:0:8:0/Slot 01/fault"),
            Get("class/enclosure/0:0:8:0/Slot 02/locate"), Get("class/enclosure/0:0:8:0/Slot 02/fault"));
    }

    [Fact]
    public void A_slot_of_PCI_Express_is_the_one_with_the_address_of_the_disks_function()
    {
        Directory.CreateDirectory(At("devices/pci0000:00/0000:00:03.0/0000:01:00.0/nvme/nvme0/nvme0n1"));
        Directory.CreateDirectory(At("class/block"));
        Directory.CreateSymbolicLink(At("class/block/nvme0n1"), At("devices/pci0000:00/0000:00:03.0/0000:01:00.0/nvme/nvme0/nvme0n1"));
        Put("bus/pci/slots/1/address", "0000:00:03\n");
        Put("bus/pci/slots/1/attention", "0");
        Put("bus/pci/slots/2/address", "0000:01:00\n");
        Put("bus/pci/slots/2/attention", "0");
        Put("bus/pci/slots/3/address", "0000:01:00\n"); // A slot without an indicator.
        foreach (var (light, value) in new[] { ("locate", "2"), ("failure", "1"), ("off", "0") })
        {
            Assert.True(lights.TryLight("/dev/nvme0n1", light));
            Assert.Equal(value, Get("bus/pci/slots/2/attention"));
            Assert.Equal("0", Get("bus/pci/slots/1/attention"));
        }

        Assert.False(lights.TryLight("/dev/nvme1n1", "locate"));
    }

    [Fact]
    public async Task A_disk_without_such_a_light_is_left_to_ledctl_and_without_that_refused()
    {
        var machine = new SimulatedZfs();
        machine.Insert("/dev/sda", "SERIAL0");
        var verbs = new SmartVerbs(machine, new DiskListing(machine, path => ["wwn-" + Path.GetFileName(path)]), lights).Verbs;
        var verb = verbs.Single(one => one.Request == typeof(LightDisk));
        var refused = await Assert.ThrowsAsync<VerbRefusedException>(async () => await verb.Answers(new LightDisk("wwn-sda", "locate"), default).FirstAsync());
        Assert.Contains("no light that the kernel knows", refused.Message, StringComparison.Ordinal);
        Directory.CreateDirectory(At("devices/sda/block/sda"));
        Put("class/enclosure/1:0:0:0/1/locate", "0");
        Directory.CreateSymbolicLink(At("class/enclosure/1:0:0:0/1/device"), At("devices/sda"));
        Assert.IsType<AgentDone>(await verb.Answers(new LightDisk("wwn-sda", "locate"), default).FirstAsync());
        Assert.Equal("1", Get("class/enclosure/1:0:0:0/1/locate"));
    }

    private string At(string path) => Path.Combine(sys, path);

    private void Put(string path, string value)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), value);
    }

    private string Get(string path) => File.ReadAllText(At(path));
}
