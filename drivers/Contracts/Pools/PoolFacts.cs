// What a pool of disks is, as records of facts: its parts, their states and errors, what it is scanning, how full it is. States are ZFS's own words.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;

namespace Holdfast.Contracts.Pools;

/// <summary>A scrub or resilver, running or the last that ran.</summary>
/// <param name="Function"><c>SCRUB</c> or <c>RESILVER</c>.</param>
/// <param name="State"><c>SCANNING</c>, <c>FINISHED</c>, <c>CANCELED</c>.</param>
/// <param name="StartedAt">Epoch seconds; 0 = not known (text of older versions has no start of a finished one).</param>
/// <param name="EndedAt">Epoch seconds; 0 = it runs.</param>
/// <param name="IsPaused">A scrub that was paused.</param>
/// <param name="ToDoBytes">All that it has to go through; 0 = not known.</param>
/// <param name="DoneBytes">What it has gone through.</param>
/// <param name="RepairedBytes">What it mended, or wrote to a new disk.</param>
/// <param name="Errors">Blocks that could not be mended.</param>
public sealed record PoolScan(
    string Function, string State, long StartedAt, long EndedAt, bool IsPaused, long ToDoBytes, long DoneBytes, long RepairedBytes, long Errors)
{
    public bool IsRunning => State == "SCANNING";

    /// <summary>0 to 100, rounded down.</summary>
    public int Percent => ToDoBytes <= 0 ? 0 : (int)Math.Clamp(DoneBytes * 100.0 / ToDoBytes, 0, 100);
}

/// <summary>A part of a pool: a disk, or a group of disks.</summary>
/// <param name="Guid">ZFS's number of it, decimal; empty where only text is to be had.</param>
/// <param name="Type"><c>disk</c>, <c>file</c>, <c>mirror</c>, <c>raidz</c>, <c>draid</c>, <c>spare</c>, <c>replacing</c>, <c>root</c>.</param>
/// <param name="Class"><c>normal</c>, <c>special</c>, <c>dedup</c>, <c>log</c>, <c>cache</c>, <c>spare</c>.</param>
/// <param name="State"><c>ONLINE</c>, <c>DEGRADED</c>, <c>FAULTED</c>, <c>OFFLINE</c>, <c>UNAVAIL</c>, <c>REMOVED</c>; spares <c>AVAIL</c> or
/// <c>INUSE</c>.</param>
/// <param name="Path">Of a disk: its device, or where it was.</param>
/// <param name="Parent">Name of the part that it belongs to; null = the pool itself.</param>
public sealed record Vdev(
    string Name, string Guid, string Type, string Class, string State, string? Path, string? Parent, long ReadErrors, long WriteErrors,
    long ChecksumErrors, long SlowIos)
{
    public bool IsDisk => Type is "disk" or "file";

    /// <summary>Whether it does its part.</summary>
    public bool IsWell => State is "ONLINE" or "AVAIL" or "INUSE";

    public long Errors => ReadErrors + WriteErrors + ChecksumErrors;
}

/// <summary>A pool.</summary>
/// <param name="Guid">Decimal; stays when the pool is renamed.</param>
/// <param name="State"><c>ONLINE</c>, <c>DEGRADED</c>, <c>FAULTED</c>, <c>SUSPENDED</c>, <c>UNAVAIL</c>.</param>
/// <param name="MessageId">ZFS's number of what is wrong, <c>ZFS-8000-2Q</c>; null = nothing is.</param>
/// <param name="Scan">Null: never scanned.</param>
/// <param name="Vdevs">All parts, groups before their disks.</param>
/// <param name="FragmentationPercent">Null: not known.</param>
/// <param name="DamagedFiles">Paths of files with data that can't be read any more, at most <see cref="DamagedFilesMax"/>.</param>
/// <param name="DamagedCount">How many such places there are in all.</param>
public sealed record Pool(
    string Name, string Guid, string State, string? MessageId, PoolScan? Scan, IReadOnlyList<Vdev> Vdevs, long SizeBytes, long AllocatedBytes,
    int? FragmentationPercent, bool IsReadOnly, IReadOnlyList<string> DamagedFiles, long DamagedCount)
{
    /// <summary>State of a pool that has stopped, as too many of its disks do not answer: whatever touches it waits (zpoolprops(7), failmode=wait).
    /// </summary>
    public const string Suspended = "SUSPENDED";

    public const int DamagedFilesMax = 1000;

    public double UsedPercent => SizeBytes > 0 ? 100.0 * AllocatedBytes / SizeBytes : 0;
}

/// <summary>A file system in a pool.</summary>
/// <param name="Name"><c>tank/main</c>.</param>
/// <param name="MountPoint">Null: it has none.</param>
/// <param name="QuotaBytes">0 = none.</param>
/// <param name="Sync"><c>standard</c>, <c>always</c>, <c>disabled</c>.</param>
/// <param name="RefQuotaBytes">As the quota, of its own data alone: snapshots and children don't count; 0 = none.</param>
public sealed record PoolDataset(
    string Name, string? MountPoint, bool IsMounted, long UsedBytes, long AvailableBytes, long QuotaBytes, string Sync, long RecordSizeBytes,
    string Compression, string Atime, long RefQuotaBytes = 0);

/// <summary>A snapshot of a file system.</summary>
/// <param name="Name"><c>tank/main@before</c>.</param>
/// <param name="Holds">How many holds keep it from being destroyed.</param>
public sealed record DatasetSnapshot(string Name, long CreatedAt, long UsedBytes, long Holds);

/// <summary>All pools of the machine. Answered by <see cref="PoolsSeen"/>.</summary>
public sealed record ReadPools : AgentRequest;

/// <summary>Pools that are on attached disks and not imported. Answered by <see cref="ImportablePools"/>.</summary>
public sealed record ListImportablePools : AgentRequest;

/// <summary>Events of the pools as they happen, a watch; each answer is a <see cref="PoolEvent"/>.</summary>
public sealed record WatchPools : AgentRequest;

/// <summary>What there is. <paramref name="Problem"/>: why nothing could be found out; null = all is said.</summary>
public sealed record PoolsSeen(IReadOnlyList<Pool> Pools, IReadOnlyList<PoolDataset> Datasets, IReadOnlyList<DatasetSnapshot> Snapshots, string? Problem)
    : AgentAnswer;

/// <summary>A pool that could be imported.</summary>
/// <param name="State">As it would be.</param>
public sealed record ImportablePool(string Name, string Guid, string State, string? Why);

/// <summary>Pools that are not in use.</summary>
public sealed record ImportablePools(IReadOnlyList<ImportablePool> Pools) : AgentAnswer;

/// <summary>Something happened to a pool: the state is to be read again.</summary>
/// <param name="Class"><c>ereport.fs.zfs.checksum</c> and the like, ZFS's own (zpool-events(8)).</param>
public sealed record PoolEvent(string Class) : AgentAnswer;
