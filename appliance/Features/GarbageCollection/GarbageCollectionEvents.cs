// What the ledger is told of a garbage collection: that it began, what it is about to remove (before it does), and what came of it.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.GarbageCollection;

/// <summary>A collection began.</summary>
public sealed record GarbageCollectionStarted(string Store, string Upid) : IEventData<GarbageCollectionStarted>
{
    public static string EventType => "GarbageCollectionStarted/1";
    public static JsonTypeInfo<GarbageCollectionStarted> Json => EventJson.Default.GarbageCollectionStarted;
}

/// <summary>Decided: these files are garbage and will be removed now. A collection with much garbage decides several times.</summary>
/// <param name="Batch">Counts from 1 within the collection.</param>
/// <param name="Chunks">In no index, and relied on by no running session.</param>
/// <param name="BadChunks">Set aside as corrupt, and needed by nobody.</param>
/// <param name="Leftovers">Temporary files of inserts that were interrupted.</param>
/// <param name="SizeBytes">Of all these files.</param>
public sealed record GarbageCollectionMarked(string Store, string Upid, int Batch, long Chunks, long BadChunks, long Leftovers, long SizeBytes)
    : IEventData<GarbageCollectionMarked>
{
    public static string EventType => "GarbageCollectionMarked/1";
    public static JsonTypeInfo<GarbageCollectionMarked> Json => EventJson.Default.GarbageCollectionMarked;
}

/// <summary>A collection ended well.</summary>
/// <param name="Looked"><c>full</c>, <c>grown</c> (only at what was new) or <c>unchanged</c>.</param>
public sealed record GarbageCollectionFinished(string Store, string Upid, GarbageCollectionStatus Status, string Looked, long DurationMs)
    : IEventData<GarbageCollectionFinished>
{
    public static string EventType => "GarbageCollectionFinished/1";
    public static JsonTypeInfo<GarbageCollectionFinished> Json => EventJson.Default.GarbageCollectionFinished;
}

/// <summary>A collection ended before it was done. What it had decided by then may be removed in part.</summary>
public sealed record GarbageCollectionFailed(string Store, string Upid, string Reason, long DurationMs) : IEventData<GarbageCollectionFailed>
{
    public static string EventType => "GarbageCollectionFailed/1";
    public static JsonTypeInfo<GarbageCollectionFailed> Json => EventJson.Default.GarbageCollectionFailed;
}

/// <summary>The figures of a collection; names and meaning are PBS's (pbs-protocol.md 3.8) but for the last two.</summary>
/// <param name="PutBack">Set aside, and put back because an index turned up that names them.</param>
/// <param name="MeasuredChunks">Chunks whose size went into <paramref name="DiskBytes"/>; if fewer than there are, the rest is put at their mean.</param>
public sealed record GarbageCollectionStatus(
    long IndexFileCount, long IndexDataBytes, long DiskBytes, long DiskChunks, long RemovedBytes, long RemovedChunks, long PendingBytes, long PendingChunks,
    long RemovedBad, long StillBad, long CacheHits, long CacheMisses, long PutBack, long MeasuredChunks);
