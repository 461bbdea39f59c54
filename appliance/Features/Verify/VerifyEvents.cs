// Facts that verification finds: about snapshots, one event each; about single chunks only where one is bad, or good again. A good chunk is never an event.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;

namespace Holdfast.Features.Verify;

/// <summary>One check of a verification.</summary>
/// <param name="Checked">How often it was made; references, not chunks.</param>
/// <param name="Failed">How often it found damage.</param>
public sealed record VerifyCheck(long Checked, long Failed);

/// <summary>A snapshot was verified. Unless something could not be read, its manifest says so, too, from now on.</summary>
/// <param name="Upid">The task.</param>
/// <param name="Outcome"><c>ok</c>; <c>failed</c>: damage was found; <c>unreadable</c>: none was found, but not everything could be read, and the
/// verify state stays what it was.</param>
/// <param name="ChunkExists">Chunks and blobs that are named are there.</param>
/// <param name="ChunkDigest">Their content has the digest that they are named by (of encrypted ones nobody without the key knows).</param>
/// <param name="ChunkDecodable">Head and CRC are right, and they can be decompressed.</param>
/// <param name="IndexConsistent">Indexes are whole, the manifest's, and right about their chunks.</param>
/// <param name="ManifestValid">The manifest can be read and is that of the snapshot.</param>
/// <param name="BadChunks">Digests of missing and corrupt chunks, at most <see cref="BadChunksMax"/>.</param>
/// <param name="BadChunkCount">How many there are.</param>
/// <param name="Unreadable">Files and chunks that could not be read; <paramref name="UnreadableWhy"/> is the first reason.</param>
/// <param name="ChunksRead">Chunks read for it; others had been read in the same task.</param>
/// <param name="BytesRead">As stored.</param>
/// <param name="ManifestBytes">Size of the manifest's file with the new verify state; null if it was not written.</param>
public sealed record SnapshotVerified(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Upid, string Outcome,
    VerifyCheck ChunkExists, VerifyCheck ChunkDigest, VerifyCheck ChunkDecodable, VerifyCheck IndexConsistent, VerifyCheck ManifestValid,
    IReadOnlyList<string> BadChunks, long BadChunkCount, long Unreadable, string? UnreadableWhy, long ChunksRead, long BytesRead, long DurationMs,
    long? ManifestBytes) : IEventData<SnapshotVerified>
{
    public const int BadChunksMax = 100;

    public static string EventType => "SnapshotVerified/1";
    public static JsonTypeInfo<SnapshotVerified> Json => EventJson.Default.SnapshotVerified;
}

/// <summary>A snapshot by its place within a datastore.</summary>
public sealed record SnapshotRef(string Ns, string BackupType, string BackupId, long BackupTime)
{
    /// <summary>Its group.</summary>
    public GroupKey In(string store) => new(store, Ns, BackupType, BackupId);
}

/// <summary>A chunk does not hold what its name says, read twice. It is set aside after this is recorded, unless somebody uploaded it anew by then.</summary>
/// <param name="Fault">What is wrong with it, in words.</param>
/// <param name="Snapshots">Snapshots that name it, the first of <paramref name="SnapshotCount"/>.</param>
/// <param name="UnreadIndexes">Indexes that could not be searched for it.</param>
public sealed record ChunkFoundCorrupt(
    string Store, string Digest, string Fault, IReadOnlyList<SnapshotRef> Snapshots, long SnapshotCount, long UnreadIndexes)
    : IEventData<ChunkFoundCorrupt>
{
    public static string EventType => "ChunkFoundCorrupt/1";
    public static JsonTypeInfo<ChunkFoundCorrupt> Json => EventJson.Default.ChunkFoundCorrupt;
}

/// <summary>A chunk that snapshots name is not there. Members as in <see cref="ChunkFoundCorrupt"/>.</summary>
public sealed record ChunkFoundMissing(
    string Store, string Digest, IReadOnlyList<SnapshotRef> Snapshots, long SnapshotCount, long UnreadIndexes) : IEventData<ChunkFoundMissing>
{
    public static string EventType => "ChunkFoundMissing/1";
    public static JsonTypeInfo<ChunkFoundMissing> Json => EventJson.Default.ChunkFoundMissing;
}

/// <summary>Bad chunks that nobody needs any more: the snapshots that named them are gone, no running backup relies on them, and a collection that looked
/// at every index found them neither named nor there. They count as never seen from now on.</summary>
/// <param name="Upid">The collection.</param>
public sealed record BadChunksForgotten(string Store, string Upid, IReadOnlyList<string> Digests) : IEventData<BadChunksForgotten>
{
    /// <summary>Most digests of one event.</summary>
    public const int DigestsMax = 5000;

    public static string EventType => "BadChunksForgotten/1";
    public static JsonTypeInfo<BadChunksForgotten> Json => EventJson.Default.BadChunksForgotten;
}

/// <summary>After an unclean end (a power cut, a crash) the chunks written last were read back, and these do not read: their data never came to the disk. They
/// are about to be removed; no snapshot names them, so nothing is lost but what a backup without its end had uploaded.</summary>
/// <param name="Digests">The first <see cref="DigestsMax"/>.</param>
/// <param name="Count">How many they are.</param>
public sealed record TornChunksFound(string Store, IReadOnlyList<string> Digests, long Count) : IEventData<TornChunksFound>
{
    public const int DigestsMax = 5000;

    public static string EventType => "TornChunksFound/1";
    public static JsonTypeInfo<TornChunksFound> Json => EventJson.Default.TornChunksFound;
}

/// <summary>A chunk that was corrupt or missing is there again and good: uploaded anew by a backup, or found good by a verification. Snapshots that name
/// it are verified again by the next task that comes by them.</summary>
/// <param name="How"><c>uploaded</c> or <c>verified</c>.</param>
public sealed record ChunkHealed(string Store, string Digest, string How, IReadOnlyList<SnapshotRef> Snapshots, long SnapshotCount)
    : IEventData<ChunkHealed>
{
    public static string EventType => "ChunkHealed/1";
    public static JsonTypeInfo<ChunkHealed> Json => EventJson.Default.ChunkHealed;
}
