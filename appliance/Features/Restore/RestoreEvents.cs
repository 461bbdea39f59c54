// The life of one reader session, in a stream of its own.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Restore;

/// <summary>A reader session opened a snapshot.</summary>
public sealed record RestoreStarted(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Upid) : IEventData<RestoreStarted>
{
    public static string EventType => "RestoreStarted/1";
    public static JsonTypeInfo<RestoreStarted> Json => EventJson.Default.RestoreStarted;
}

/// <summary>A reader session ended. What was read is counted; a reader never says whether it was content.</summary>
/// <param name="Files">Files downloaded, in order, each once.</param>
/// <param name="Chunks">Chunks sent.</param>
/// <param name="BytesSent">Bytes of files and chunks sent, as stored.</param>
/// <param name="Problem">Null, or the first error that the session met (a chunk missing, a read error).</param>
public sealed record RestoreFinished(
    string Upid, IReadOnlyList<string> Files, long Chunks, long BytesSent, long DurationMs, string? Problem) : IEventData<RestoreFinished>
{
    public static string EventType => "RestoreFinished/1";
    public static JsonTypeInfo<RestoreFinished> Json => EventJson.Default.RestoreFinished;
}
