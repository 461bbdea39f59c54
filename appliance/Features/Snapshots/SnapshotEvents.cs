// Facts about snapshots that are not the making of one: found on disk, missing from it, forgotten, log added.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Snapshots;

/// <summary>One file of a snapshot as its manifest lists it.</summary>
/// <param name="Filename">Name on disk (<c>drive-scsi0.img.fidx</c>).</param>
/// <param name="CryptMode"><c>none</c>, <c>encrypt</c> or <c>sign-only</c>; null for a file that the manifest does not list.</param>
/// <param name="Size">Stream size of an index, file size of a blob; null where unknown.</param>
/// <param name="Csum">Hex checksum from the manifest.</param>
public sealed record SnapshotFile(string Filename, string? CryptMode, long? Size, string? Csum);

/// <summary>What a finished snapshot holds, as far as listings need it, so that no listing reads a manifest.</summary>
/// <param name="Files">Files of the manifest, in its order, then <c>index.json.blob</c>.</param>
/// <param name="Fingerprint">Fingerprint of the client's encryption key, if any.</param>
/// <param name="Comment">Notes of the snapshot (full text).</param>
/// <param name="VerifyState">Verify state that the manifest carries (<c>ok</c>, <c>failed</c>) with <paramref name="VerifyUpid"/>.</param>
public sealed record SnapshotContent(
    IReadOnlyList<SnapshotFile> Files, string? Fingerprint, string? Comment, string? VerifyState, string? VerifyUpid, bool Protected)
{
    /// <summary>Size of the manifest's file; null if it could not be read when it was found.</summary>
    public long? ManifestBytes() => Files.FirstOrDefault(file => file.Filename == SnapshotJson.ManifestName)?.Size;

    /// <summary>The same, its manifest rewritten with this size.</summary>
    public SnapshotContent WithManifestBytes(long sizeBytes) => this with
    {
        Files = [.. Files.Select(file => file.Filename == SnapshotJson.ManifestName ? file with { Size = sizeBytes } : file)],
    };
}

/// <summary>A complete snapshot lies on disk that no event explains; adopted as it is, and an alarm.</summary>
/// <param name="Owner">From the group's owner file.</param>
/// <param name="Why">What is known of where it came from.</param>
public sealed record SnapshotDiscovered(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Owner, SnapshotContent Content, string Why)
    : IEventData<SnapshotDiscovered>
{
    public static string EventType => "SnapshotDiscovered/1";
    public static JsonTypeInfo<SnapshotDiscovered> Json => EventJson.Default.SnapshotDiscovered;
}

/// <summary>The ledger has a snapshot that the disk lacks: an alarm. Nothing is repaired silently.</summary>
public sealed record SnapshotMissing(string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Why)
    : IEventData<SnapshotMissing>
{
    public static string EventType => "SnapshotMissing/1";
    public static JsonTypeInfo<SnapshotMissing> Json => EventJson.Default.SnapshotMissing;
}

/// <summary>Somebody decided that a snapshot goes; its folder is removed after this is recorded.</summary>
public sealed record SnapshotForgotten(string Store, string Ns, string BackupType, string BackupId, long BackupTime)
    : IEventData<SnapshotForgotten>
{
    public static string EventType => "SnapshotForgotten/1";
    public static JsonTypeInfo<SnapshotForgotten> Json => EventJson.Default.SnapshotForgotten;
}

/// <summary>Forgotten snapshots of one group are gone from the disk: the outcome of their <see cref="SnapshotForgotten"/>. Until it is recorded, a start
/// goes on removing them.</summary>
/// <param name="BackupTimes">Oldest first.</param>
public sealed record SnapshotsRemoved(string Store, string Ns, string BackupType, string BackupId, IReadOnlyList<long> BackupTimes)
    : IEventData<SnapshotsRemoved>
{
    public static string EventType => "SnapshotsRemoved/1";
    public static JsonTypeInfo<SnapshotsRemoved> Json => EventJson.Default.SnapshotsRemoved;
}

/// <summary>A client named a time for its backup that is more than an hour ahead of the server's clock: an alarm, for retention that counts by backup
/// times keeps such a snapshot before all real ones.</summary>
/// <param name="AheadSeconds">How far ahead, when the backup finished or was discovered.</param>
public sealed record BackupTimeInFuture(string Store, string Ns, string BackupType, string BackupId, long BackupTime, long AheadSeconds)
    : IEventData<BackupTimeInFuture>
{
    /// <summary>Clocks of clients may be wrong by as much without a word.</summary>
    public const long AllowedSeconds = 3600;

    public static string EventType => "BackupTimeInFuture/1";
    public static JsonTypeInfo<BackupTimeInFuture> Json => EventJson.Default.BackupTimeInFuture;

    /// <summary>The event if this time is too far ahead of <paramref name="now"/>, else null.</summary>
    public static BackupTimeInFuture? If(GroupKey group, long backupTime, DateTimeOffset now) =>
        backupTime - now.ToUnixTimeSeconds() is var ahead && ahead > AllowedSeconds
            ? new(group.Store, group.Ns, group.BackupType, group.BackupId, backupTime, ahead)
            : null;
}

/// <summary>A folder without a manifest lies on disk that no backup of ours explains: listed as unfinished, left as it is.</summary>
/// <param name="Owner">From the group's owner file.</param>
/// <param name="Files">Names of the archives and blobs in it.</param>
public sealed record UnfinishedSnapshotDiscovered(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Owner, IReadOnlyList<string> Files, bool Protected)
    : IEventData<UnfinishedSnapshotDiscovered>
{
    public static string EventType => "UnfinishedSnapshotDiscovered/1";
    public static JsonTypeInfo<UnfinishedSnapshotDiscovered> Json => EventJson.Default.UnfinishedSnapshotDiscovered;
}

/// <summary>A snapshot has other notes; its manifest is rewritten after this is recorded.</summary>
/// <param name="Notes">Full text; <c>""</c> = none.</param>
/// <param name="ManifestBytes">Size of the manifest's file then.</param>
public sealed record SnapshotNotesChanged(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, string Notes, long ManifestBytes)
    : IEventData<SnapshotNotesChanged>
{
    public static string EventType => "SnapshotNotesChanged/1";
    public static JsonTypeInfo<SnapshotNotesChanged> Json => EventJson.Default.SnapshotNotesChanged;
}

/// <summary>A snapshot was protected from removal, or is no longer; the marker is set after this is recorded.</summary>
/// <param name="Discovered">The marker was found changed on disk.</param>
public sealed record SnapshotProtectionChanged(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, bool Protected, bool Discovered)
    : IEventData<SnapshotProtectionChanged>
{
    public static string EventType => "SnapshotProtectionChanged/1";
    public static JsonTypeInfo<SnapshotProtectionChanged> Json => EventJson.Default.SnapshotProtectionChanged;
}

/// <summary>The client's log was added to a finished snapshot.</summary>
public sealed record BackupLogUploaded(
    string Store, string Ns, string BackupType, string BackupId, long BackupTime, long SizeBytes) : IEventData<BackupLogUploaded>
{
    public static string EventType => "BackupLogUploaded/1";
    public static JsonTypeInfo<BackupLogUploaded> Json => EventJson.Default.BackupLogUploaded;
}
