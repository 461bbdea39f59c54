// Boxes that are healthy at once: a machine is saved after its first start, memory and all, and every test that does not ask for a start gets a copy of it.
// Saved under out/hil/, for one image, one QEMU and one set of disks; what was saved of another image is removed.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Tests.Hil;

internal sealed partial class Box
{
    private const string Tag = "ready";

    /// <summary>A box that runs and is healthy, on blank disks. Its first start was not seen by this test.</summary>
    /// <param name="diskMib">As in <see cref="MakeAsync"/>.</param>
    public static async Task<Box> ReadyAsync(params int[] diskMib)
    {
        var saved = await SavedAsync(diskMib);
        var started = Stopwatch.GetTimestamp();
        var box = new Box(Directory.CreateTempSubdirectory("holdfast-hil-").FullName, firmware: false, diskMib);
        await Shell.RunAsync("cp", ["-r", "--reflink=auto", "--sparse=always", saved + "/.", box.folder], Rig.Short);
        await box.RunAsync([.. box.Arguments(hasNvme: false), "-loadvm", Tag]);
        if (diskMib.Length > 0)
        {
            await box.Qmp.DoAsync("device_add", new { driver = "nvme", drive = "p0", serial = "HILNVME0", id = "disk0", bus = "slot0" });
        }

        // Its clock stands where it was saved: certificates, schedules and retention would all be wrong.
        await box.InsideAsync($"date -s @{DateTimeOffset.UtcNow.ToUnixTimeSeconds()} >/dev/null");
        await box.HealthyAsync();
        box.BootTook = Stopwatch.GetElapsedTime(started);
        return box;
    }

    private static async Task<string> SavedAsync(int[] diskMib)
    {
        var image = Key($"{Rig.Image} {new FileInfo(Rig.Image).Length} {File.GetLastWriteTimeUtc(Rig.Image):O} "
            + await Shell.RunAsync("qemu-system-x86_64", ["--version"], Rig.Short));
        var root = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Rig.Image))!, "hil")).FullName;
        foreach (var old in Directory.GetDirectories(root).Where(path => !Path.GetFileName(path).StartsWith(image, StringComparison.Ordinal)))
        {
            Directory.Delete(old, recursive: true);
        }

        var making = new Box(Path.Combine(root, $"{image}-making"), firmware: false, diskMib);
        var saved = Path.Combine(root, $"{image}-{making.ArgumentsKey()}");
        if (Directory.Exists(saved))
        {
            return saved;
        }

        if (Directory.Exists(making.folder))
        {
            Directory.Delete(making.folder, recursive: true);
        }

        Directory.CreateDirectory(making.folder);
        try
        {
            await making.SaveAsync();
        }
        finally
        {
            await making.CutPowerAsync();
        }

        Directory.Move(making.folder, saved);
        return saved;
    }

    private async Task SaveAsync()
    {
        await MakeDisksAsync();
        await RunAsync(Arguments(hasNvme: false));
        await HealthyAsync();
        await InsideAsync("systemctl is-system-running --wait >/dev/null; sync");
        await EndSshAsync();
        var problem = await Qmp.DoAsync("human-monitor-command", new Dictionary<string, string> { ["command-line"] = "savevm " + Tag });
        if (problem.GetString() is { Length: > 0 } text)
        {
            throw new InvalidOperationException("the machine can't be saved: " + text);
        }
    }

    /// <summary>The machine as its command line describes it; where its files and doors are is not part of it.</summary>
    private string ArgumentsKey() => Key(string.Join(' ', Arguments(hasNvme: false).Where(word => !word.StartsWith("type=11", StringComparison.Ordinal)))
        .Replace(folder, "", StringComparison.Ordinal).Replace($":{sshPort}-", "", StringComparison.Ordinal).Replace($":{Port}-", "", StringComparison.Ordinal)
        + string.Join(' ', diskMib));

    private static string Key(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
}
