// The machine's disks, by lsblk(8) and the links of udev: what each is, its name for good, and who uses it. A disk counts as free only if nothing at all is
// on it.
using System.Globalization;
using System.Text.Json;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Programs;

namespace Holdfast.Smart;

/// <summary>Lists disks.</summary>
/// <param name="linksOf">Names in <c>/dev/disk/by-id</c> of a device.</param>
public sealed class DiskListing(IPrograms programs, Func<string, IReadOnlyList<string>> linksOf)
{
    private static readonly string[] Arguments =
        ["--json", "--bytes", "--output", "NAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,ROTA,TRAN,FSTYPE,MOUNTPOINTS,RO,PTTYPE"];

    private static readonly string[] LinkOrder = ["wwn-", "nvme-eui.", "nvme-", "ata-", "scsi-3", "scsi-", "virtio-", "usb-"];

    /// <summary>All disks, by their ids.</summary>
    /// <exception cref="ProgramFailedException">lsblk could not be asked.</exception>
    public async Task<IReadOnlyList<Disk>> ListAsync(CancellationToken cancel)
    {
        var result = await programs.RunAsync("lsblk", Arguments, null, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 ? Parse(result.Output, linksOf) : throw new ProgramFailedException("lsblk: " + result.Errors.Trim());
    }

    /// <summary>What lsblk's JSON says.</summary>
    /// <exception cref="InvalidDataException">Not what it should be.</exception>
    public static IReadOnlyList<Disk> Parse(string json, Func<string, IReadOnlyList<string>> linksOf)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            var disks = document.RootElement.GetProperty("blockdevices").EnumerateArray()
                .Where(device => Text(device, "type") == "disk" && !NotDisks.Any(prefix => Text(device, "name")!.StartsWith(prefix, StringComparison.Ordinal)))
                .Select(device => Of(device, linksOf)).ToList();
            return [.. disks.GroupBy(disk => disk.Id, StringComparer.Ordinal).Select(same => same.First()).OrderBy(disk => disk.Path, StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException("lsblk's JSON can't be read: " + error.Message);
        }
    }

    private static readonly string[] NotDisks = ["loop", "ram", "zram", "zd", "nbd", "fd", "sr"];

    private static Disk Of(JsonElement device, Func<string, IReadOnlyList<string>> linksOf)
    {
        var path = Text(device, "path") ?? "/dev/" + Text(device, "name");
        var serial = Text(device, "serial");
        var links = linksOf(path);
        var id = LinkOrder.SelectMany(prefix => links.Where(link => link.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            .FirstOrDefault()
            ?? serial ?? Path.GetFileName(path);
        return new Disk(id, path, Number(device, "size"), Text(device, "model"), serial, Text(device, "wwn"), Flag(device, "rota"), Text(device, "tran"),
            UseOf(device));
    }

    private static string UseOf(JsonElement device)
    {
        var below = Below(device).ToList();
        if (below.Any(one => Mounts(one).Any(mount => mount is "/" or "/efi" or "/boot" or "/boot/efi" or "/state")))
        {
            return "system";
        }

        if (below.Any(one => Text(one, "fstype") == "zfs_member"))
        {
            return "pool";
        }

        if (below.Any(one => Mounts(one).Any()))
        {
            return "mounted";
        }

        if (Flag(device, "ro"))
        {
            return "read-only";
        }

        return below.Count > 1 || Text(device, "pttype") is not null ? "partitions" : Text(device, "fstype") is not null ? "file-system" : "free";
    }

    private static IEnumerable<JsonElement> Below(JsonElement device)
    {
        yield return device;
        if (device.TryGetProperty("children", out var children) && children.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in children.EnumerateArray().SelectMany(Below))
            {
                yield return one;
            }
        }
    }

    private static IEnumerable<string> Mounts(JsonElement device) =>
        device.TryGetProperty("mountpoints", out var mounts) && mounts.ValueKind == JsonValueKind.Array
            ? mounts.EnumerateArray().Where(mount => mount.ValueKind == JsonValueKind.String).Select(mount => mount.GetString()!) : [];

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString()!.Trim() is { Length: > 0 } text ? text : null;

    private static bool Flag(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && (value.ValueKind == JsonValueKind.True
            || (value.ValueKind == JsonValueKind.String && value.GetString() == "1"));

    private static long Number(JsonElement of, string name) => !of.TryGetProperty(name, out var value) ? 0
        : value.ValueKind == JsonValueKind.Number ? value.GetInt64()
        : long.TryParse(value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
