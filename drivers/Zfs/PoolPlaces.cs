// Where pools have their places on the machine: mount points of datastores, the marks by which a box knows its pools at the next start, links by which disks
// are known.
using Holdfast.Contracts.Disks;

namespace Holdfast.Zfs;

/// <summary>Places; the agent has the machine's own.</summary>
public interface IPoolPlaces
{
    /// <summary>User and group of the service, as chown(1) takes them.</summary>
    string Owner { get; }

    /// <summary>Where the dataset of a datastore is mounted.</summary>
    string MountPoint(string name);

    /// <summary>Whether something lies there already.</summary>
    bool IsTaken(string path);

    /// <summary>What keeps a folder from being destroyed, in words: a datastore, a database, an export; null = nothing that is known.</summary>
    string? Keeps(string path);

    /// <summary>The pool is this box's from now on: it is imported at every start.</summary>
    void Adopt(string pool);

    /// <summary>It no longer is.</summary>
    void Release(string pool);

    /// <summary>The device of a disk by its lasting name, so that the pool finds it in another slot.</summary>
    string Device(Disk disk);
}
