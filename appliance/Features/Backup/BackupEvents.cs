// The life of one backup, in the stream of its group. Chunks are never events; their counts and bytes are.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;

namespace Holdfast.Features.Backup;

/// <summary>A session opened a snapshot for writing. Times are epoch seconds, UTC.</summary>
/// <param name="Owner">Owner of the group: who made its first backup.</param>
/// <param name="Previous">Base for an incremental backup, if the group has a finished snapshot.</param>
/// <param name="Benchmark">A speed test: its snapshot is always removed.</param>
public sealed record BackupStarted(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime,
    string Owner, string Upid, long? Previous, bool Benchmark) : IEventData<BackupStarted>
{
    public static string EventType => "BackupStarted/1";
    public static JsonTypeInfo<BackupStarted> Json => EventJson.Default.BackupStarted;
}

/// <summary>One archive or blob of a backup was closed with its checksum proven.</summary>
/// <param name="SizeBytes">Stream size of an index, file size of a blob.</param>
/// <param name="ChunkCount">Entries of the index; 0 for a blob.</param>
/// <param name="Csum">Index checksum, or SHA-256 of the blob file; hex.</param>
/// <param name="NewChunks">Chunks this session stored for it that the datastore did not have.</param>
/// <param name="NewBytes">Their size before compression.</param>
/// <param name="NewDiskBytes">Their size on disk.</param>
/// <param name="ReusedChunks">Entries that needed no new chunk.</param>
/// <param name="ReusedBytes">Their size before compression.</param>
public sealed record ArchiveFinished(
    long BackupTime, string Filename, long SizeBytes, long ChunkCount, string Csum,
    long NewChunks, long NewBytes, long NewDiskBytes, long ReusedChunks, long ReusedBytes) : IEventData<ArchiveFinished>
{
    public static string EventType => "ArchiveFinished/1";
    public static JsonTypeInfo<ArchiveFinished> Json => EventJson.Default.ArchiveFinished;
}

/// <summary>The backup is durable and complete: everything its manifest names can be read back. Committed before <c>finish</c> is answered.</summary>
public sealed record BackupFinished(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, SnapshotContent Content,
    long UploadedChunks, long UploadedBytes, long DuplicateChunks, long DurationMs) : IEventData<BackupFinished>
{
    public static string EventType => "BackupFinished/1";
    public static JsonTypeInfo<BackupFinished> Json => EventJson.Default.BackupFinished;
}

/// <summary>The backup came to nothing; its folder is removed after this is recorded.</summary>
public sealed record BackupAborted(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Reason) : IEventData<BackupAborted>
{
    public static string EventType => "BackupAborted/1";
    public static JsonTypeInfo<BackupAborted> Json => EventJson.Default.BackupAborted;
}
