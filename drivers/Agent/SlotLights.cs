// The lights at a disk's place that the kernel itself can switch: enclosures that speak SES (driver ses: /sys/class/enclosure/*/SLOT/{locate,fault}, linked to
// its disk by `device`), and hot-plug slots of PCI Express (/sys/bus/pci/slots/*/attention). Other backplanes are left to ledctl.
using Holdfast.Smart;

namespace Holdfast.Agent;

/// <summary>Of the machine.</summary>
/// <param name="sys">Where sysfs is mounted.</param>
public sealed class SlotLights(string sys = "/sys") : ISlotLights
{
    private const string Off = "0";
    private const string On = "1";

    /// <summary>Attention indicator of a PCI Express slot (Slot Control register, bits 7:6): 1 = on, 2 = blinking.</summary>
    private const string Blinking = "2";

    public bool TryLight(string device, string light)
    {
        var name = Path.GetFileName(device);
        if (EnclosureSlot(name) is { } slot)
        {
            Write(Path.Combine(slot, "locate"), light == "locate" ? On : Off);
            Write(Path.Combine(slot, "fault"), light == "failure" ? On : Off);
            return true;
        }

        if (PciSlot(name) is { } attention)
        {
            Write(attention, light switch { "locate" => Blinking, "failure" => On, _ => Off });
            return true;
        }

        return false;
    }

    /// <summary>The slot whose <c>device</c> is the SCSI device that this block device belongs to.</summary>
    private string? EnclosureSlot(string name)
    {
        var enclosures = Path.Combine(sys, "class", "enclosure");
        return !Directory.Exists(enclosures) ? null : Directory.EnumerateDirectories(enclosures).SelectMany(Directory.EnumerateDirectories)
            .FirstOrDefault(slot => Directory.Exists(Path.Combine(slot, "device", "block", name)) && File.Exists(Path.Combine(slot, "locate")));
    }

    /// <summary>The slot that the disk's PCI function sits in: <c>address</c> is the function's address without its last digit.</summary>
    private string? PciSlot(string name)
    {
        var (slots, link) = (Path.Combine(sys, "bus", "pci", "slots"), Path.Combine(sys, "class", "block", name));
        if (!Directory.Exists(slots) || !Directory.Exists(link) || Directory.ResolveLinkTarget(link, returnFinalTarget: true) is not { } block)
        {
            return null;
        }

        // /sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0/nvme/nvme0/nvme0n1: the function is the last part that looks like one.
        var functions = block.FullName.Split('/').Where(part => part.Length == "0000:01:00.0".Length && part[4] == ':' && part[7] == ':' && part[10] == '.');
        return functions.LastOrDefault() is not { } function ? null : Directory.EnumerateDirectories(slots)
            .Where(slot => File.Exists(Path.Combine(slot, "attention")) && File.Exists(Path.Combine(slot, "address"))
                && File.ReadAllText(Path.Combine(slot, "address")).Trim() == function[..^2])
            .Select(slot => Path.Combine(slot, "attention")).FirstOrDefault();
    }

    private static void Write(string path, string value) => File.WriteAllText(path, value);
}
