// What the ledger is told of pools: each is a change of what was known, found by looking; what was done to a pool is told by AgentAsked and AgentAnswered.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Pools;

/// <summary>A pool is there that was not before.</summary>
/// <param name="Guid">ZFS's number of it; empty where the version does not say.</param>
/// <param name="State">ZFS's word: <c>ONLINE</c>, <c>DEGRADED</c> and so on.</param>
/// <param name="Disks">Names of its disks.</param>
/// <param name="ScannedAt">End of the last scrub or resilver that it had before, epoch seconds; 0 = none.</param>
public sealed record PoolDiscovered(string Pool, string Guid, string State, long SizeBytes, IReadOnlyList<string> Disks, long ScannedAt)
    : IEventData<PoolDiscovered>
{
    public static string EventType => "PoolDiscovered/1";
    public static JsonTypeInfo<PoolDiscovered> Json => EventJson.Default.PoolDiscovered;
}

/// <summary>A pool is no longer there.</summary>
/// <param name="IsLetGo">We were asked to export it. Else: exported past us, or all of it gone.</param>
public sealed record PoolGone(string Pool, string Guid, bool IsLetGo) : IEventData<PoolGone>
{
    public static string EventType => "PoolGone/1";
    public static JsonTypeInfo<PoolGone> Json => EventJson.Default.PoolGone;
}

/// <summary>A pool does not do its part in full, or does it less than before.</summary>
/// <param name="State">As it is now; <paramref name="Before"/>: as it was.</param>
/// <param name="MessageId">ZFS's number of the trouble, <c>ZFS-8000-2Q</c>; null = none given.</param>
/// <param name="Disks">Disks that are not well: name and state.</param>
public sealed record PoolDegraded(string Pool, string Guid, string State, string Before, string? MessageId, IReadOnlyList<string> Disks)
    : IEventData<PoolDegraded>
{
    public static string EventType => "PoolDegraded/1";
    public static JsonTypeInfo<PoolDegraded> Json => EventJson.Default.PoolDegraded;
}

/// <summary>A pool is whole again.</summary>
public sealed record PoolHealthy(string Pool, string Guid, string Before) : IEventData<PoolHealthy>
{
    public static string EventType => "PoolHealthy/1";
    public static JsonTypeInfo<PoolHealthy> Json => EventJson.Default.PoolHealthy;
}

/// <summary>A disk of a pool is in another state than it was.</summary>
/// <param name="Disk">Its name in the pool, mostly a path.</param>
/// <param name="Guid">ZFS's number of it.</param>
/// <param name="State">As it is; <c>ABSENT</c>: no longer a part of the pool.</param>
/// <param name="Before">As it was; <c>ABSENT</c>: new in the pool.</param>
public sealed record PoolDiskChanged(string Pool, string Disk, string Guid, string State, string Before) : IEventData<PoolDiskChanged>
{
    public static string EventType => "PoolDiskChanged/1";
    public static JsonTypeInfo<PoolDiskChanged> Json => EventJson.Default.PoolDiskChanged;
}

/// <summary>A disk of a pool made errors: told when there are any, and again when there are twice as many.</summary>
/// <param name="Reads">All since the counters were cleared.</param>
public sealed record PoolDiskErrorsFound(string Pool, string Disk, string Guid, long Reads, long Writes, long Checksums) : IEventData<PoolDiskErrorsFound>
{
    public static string EventType => "PoolDiskErrorsFound/1";
    public static JsonTypeInfo<PoolDiskErrorsFound> Json => EventJson.Default.PoolDiskErrorsFound;
}

/// <summary>Its counters are at nothing again: somebody cleared them, or the machine was started anew.</summary>
public sealed record PoolDiskErrorsCleared(string Pool, string Disk, string Guid) : IEventData<PoolDiskErrorsCleared>
{
    public static string EventType => "PoolDiskErrorsCleared/1";
    public static JsonTypeInfo<PoolDiskErrorsCleared> Json => EventJson.Default.PoolDiskErrorsCleared;
}

/// <summary>A scrub or a resilver began.</summary>
/// <param name="Function"><c>SCRUB</c>, <c>RESILVER</c>.</param>
public sealed record PoolScanStarted(string Pool, string Function, long ToDoBytes) : IEventData<PoolScanStarted>
{
    public static string EventType => "PoolScanStarted/1";
    public static JsonTypeInfo<PoolScanStarted> Json => EventJson.Default.PoolScanStarted;
}

/// <summary>It ended.</summary>
/// <param name="State"><c>FINISHED</c>, <c>CANCELED</c>.</param>
/// <param name="Errors">Blocks that could not be mended.</param>
public sealed record PoolScanFinished(string Pool, string Function, string State, long RepairedBytes, long Errors, long EndedAt) : IEventData<PoolScanFinished>
{
    public static string EventType => "PoolScanFinished/1";
    public static JsonTypeInfo<PoolScanFinished> Json => EventJson.Default.PoolScanFinished;
}

/// <summary>A pool's use reached a threshold.</summary>
public sealed record PoolSpaceLow(string Pool, int Threshold, double UsedPercent) : IEventData<PoolSpaceLow>
{
    public static string EventType => "PoolSpaceLow/1";
    public static JsonTypeInfo<PoolSpaceLow> Json => EventJson.Default.PoolSpaceLow;
}

/// <summary>Its use fell clearly below one.</summary>
/// <param name="Threshold">The one that still counts; 0 = none.</param>
public sealed record PoolSpaceRegained(string Pool, int Threshold, double UsedPercent) : IEventData<PoolSpaceRegained>
{
    public static string EventType => "PoolSpaceRegained/1";
    public static JsonTypeInfo<PoolSpaceRegained> Json => EventJson.Default.PoolSpaceRegained;
}

/// <summary>A pool names data that it can't read any more. Chunks among them are told of as <c>ChunkFoundCorrupt</c>, with the snapshots that they
/// hit.</summary>
/// <param name="Places">How many there are; <paramref name="Files"/>: the first of them.</param>
public sealed record PoolDataDamaged(string Pool, long Places, IReadOnlyList<string> Files, long Chunks) : IEventData<PoolDataDamaged>
{
    public static string EventType => "PoolDataDamaged/1";
    public static JsonTypeInfo<PoolDataDamaged> Json => EventJson.Default.PoolDataDamaged;
}

/// <summary>It names none any more.</summary>
public sealed record PoolDataMended(string Pool) : IEventData<PoolDataMended>
{
    public static string EventType => "PoolDataMended/1";
    public static JsonTypeInfo<PoolDataMended> Json => EventJson.Default.PoolDataMended;
}
