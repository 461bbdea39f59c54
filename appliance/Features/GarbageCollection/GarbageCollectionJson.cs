// The status of garbage collections in PBS's form (pbs-protocol.md 3.8): members of answers, and of the file beside the chunks.
using System.Text.Json;

namespace Holdfast.Features.GarbageCollection;

/// <summary>Writes the members of a status.</summary>
public static class GarbageCollectionJson
{
    /// <summary>All fields into an object that is open. Never run: <paramref name="status"/> null, numbers 0, no cache-stats.</summary>
    public static void WriteFields(Utf8JsonWriter json, string? upid, GarbageCollectionStatus? status)
    {
        if (status is not null)
        {
            json.WriteStartObject("cache-stats");
            json.WriteNumber("hits", status.CacheHits);
            json.WriteNumber("misses", status.CacheMisses);
            json.WriteEndObject();
        }

        json.WriteNumber("disk-bytes", status?.DiskBytes ?? 0);
        json.WriteNumber("disk-chunks", status?.DiskChunks ?? 0);
        json.WriteNumber("index-data-bytes", status?.IndexDataBytes ?? 0);
        json.WriteNumber("index-file-count", status?.IndexFileCount ?? 0);
        json.WriteNumber("pending-bytes", status?.PendingBytes ?? 0);
        json.WriteNumber("pending-chunks", status?.PendingChunks ?? 0);
        json.WriteNumber("removed-bad", status?.RemovedBad ?? 0);
        json.WriteNumber("removed-bytes", status?.RemovedBytes ?? 0);
        json.WriteNumber("removed-chunks", status?.RemovedChunks ?? 0);
        json.WriteNumber("still-bad", status?.StillBad ?? 0);
        json.WriteString("upid", upid);
    }

    /// <summary>The object of a datastore's last collection, for a verbose status: <c>gc-status</c>.</summary>
    public static void WriteGcStatus(Utf8JsonWriter json, StoreCollections store)
    {
        json.WriteStartObject("gc-status");
        WriteFields(json, store.StatusUpid, store.Status);
        json.WriteEndObject();
    }
}
