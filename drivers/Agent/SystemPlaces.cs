// The places of pools and disks on a real machine: mount points below /mnt/datastore, marks in the state partition of the image, links that udev makes.
using Holdfast.Contracts.Disks;
using Holdfast.Zfs;

namespace Holdfast.Agent;

/// <summary>The machine's own.</summary>
/// <param name="MountRoot">Datasets are mounted below it.</param>
/// <param name="Marks">Folder with a file of each pool that is imported at start; where there is none nothing is marked (a machine whose own configuration
/// imports pools).</param>
public sealed record SystemPlaces(string MountRoot, string Marks, string Owner) : IPoolPlaces
{
    public static readonly SystemPlaces Default = new("/mnt/datastore", "/state/etc/pools", "holdfast:holdfast");

    private const string Links = "/dev/disk/by-id";

    public string MountPoint(string name) => Path.Combine(MountRoot, name);

    public bool IsTaken(string path) => File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any());

    public string? Keeps(string path) => FolderUse.Of(path);

    public void Adopt(string pool)
    {
        if (Directory.Exists(Marks))
        {
            using var mark = File.Create(Path.Combine(Marks, pool));
            mark.Flush(flushToDisk: true);
        }
    }

    public void Release(string pool)
    {
        if (Directory.Exists(Marks))
        {
            File.Delete(Path.Combine(Marks, pool));
        }
    }

    public string Device(Disk disk) => Path.Combine(Links, disk.Id) is var link && File.Exists(link) ? link : disk.Path;

    /// <summary>Names in <c>/dev/disk/by-id</c> of a device.</summary>
    public static IReadOnlyList<string> LinksOf(string path) => Directory.Exists(Links)
        ? [.. Directory.EnumerateFiles(Links).Where(link => new FileInfo(link).ResolveLinkTarget(returnFinalTarget: true)?.FullName == path)
            .Select(link => Path.GetFileName(link)!)]
        : [];
}
