// A file or folder taken out of a snapshot through the API, without a session. Told before the first byte leaves, and again when it is over, in a stream of
// its own.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Restore;

/// <summary>Somebody took data out of a snapshot; it is about to be sent.</summary>
/// <param name="Download">Names this download.</param>
/// <param name="Archive">File of the snapshot, <c>root.pxar.didx</c>.</param>
/// <param name="Path">Path inside the archive; what is not printable UTF-8 is written as <c>\xNN</c>. Null for a whole file of the snapshot.</param>
/// <param name="Form">How it leaves: <c>file</c>, <c>zip</c>, <c>tar.zst</c>, or <c>decoded</c> for a whole file of the snapshot.</param>
public sealed record FileDownloadStarted(
    string Download, string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Archive, string? Path, string Form)
    : IEventData<FileDownloadStarted>
{
    public static string EventType => "FileDownloadStarted/1";
    public static JsonTypeInfo<FileDownloadStarted> Json => EventJson.Default.FileDownloadStarted;
}

/// <summary>It is over.</summary>
/// <param name="BytesSent">Bytes of the answer's body.</param>
/// <param name="Problem">Null if all of it was sent, or why not.</param>
public sealed record FileDownloadFinished(string Download, long BytesSent, long DurationMs, string? Problem) : IEventData<FileDownloadFinished>
{
    public static string EventType => "FileDownloadFinished/1";
    public static JsonTypeInfo<FileDownloadFinished> Json => EventJson.Default.FileDownloadFinished;
}
