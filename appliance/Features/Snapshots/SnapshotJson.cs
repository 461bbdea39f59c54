// The JSON that PBS's clients expect of snapshots and groups (pbs-protocol.md 4.2), rendered once per change and copied into listings.
using System.Buffers;
using System.Text.Json;

namespace Holdfast.Features.Snapshots;

/// <summary>List items of snapshots, groups and files.</summary>
public static class SnapshotJson
{
    /// <summary>The client's log, listed beside the manifest's files but not part of them.</summary>
    public const string ClientLog = "client.log.blob";

    /// <summary>The manifest's file name.</summary>
    public const string ManifestName = "index.json.blob";

    /// <summary>One item of <c>GET admin/datastore/S/snapshots</c>.</summary>
    public static byte[] ListItem(GroupKey group, string owner, Snapshot snapshot)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("backup-id", group.BackupId);
        json.WriteNumber("backup-time", snapshot.BackupTime);
        json.WriteString("backup-type", group.BackupType);
        if (FirstLine(snapshot.Content.Comment) is { Length: > 0 } comment)
        {
            json.WriteString("comment", comment);
        }

        json.WritePropertyName("files");
        WriteFiles(json, snapshot);
        if (snapshot.Content.Fingerprint is { } fingerprint)
        {
            json.WriteString("fingerprint", fingerprint);
        }

        json.WriteString("owner", owner);
        json.WriteBoolean("protected", snapshot.Content.Protected);
        if (snapshot.Content.ManifestBytes() is not null)
        {
            json.WriteNumber("size", snapshot.Content.Files.Sum(file => file.Size ?? 0));
        }

        if (snapshot.Content.VerifyState is { } state)
        {
            json.WriteStartObject("verification");
            json.WriteString("state", state);
            json.WriteString("upid", snapshot.Content.VerifyUpid ?? "");
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The same of a snapshot without a manifest: files without sizes, and no size.</summary>
    public static byte[] UnfinishedItem(GroupKey group, string owner, UnfinishedSnapshot snapshot)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("backup-id", group.BackupId);
        json.WriteNumber("backup-time", snapshot.BackupTime);
        json.WriteString("backup-type", group.BackupType);
        json.WriteStartArray("files");
        foreach (var name in snapshot.Files)
        {
            json.WriteStartObject();
            json.WriteString("filename", name);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("owner", owner);
        json.WriteBoolean("protected", snapshot.Protected);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The <c>files</c> array: the manifest's files, the manifest itself, and the log where there is one.</summary>
    public static void WriteFiles(Utf8JsonWriter json, Snapshot snapshot)
    {
        json.WriteStartArray();
        var listsLog = false;
        foreach (var file in snapshot.Content.Files)
        {
            listsLog |= file.Filename == ClientLog;
            json.WriteStartObject();
            if (file.CryptMode is { } mode)
            {
                json.WriteString("crypt-mode", mode);
            }

            json.WriteString("filename", file.Filename);
            if (file.Size is { } size)
            {
                json.WriteNumber("size", size);
            }

            json.WriteEndObject();
        }

        if (snapshot.HasLog && !listsLog)
        {
            json.WriteStartObject();
            json.WriteString("filename", ClientLog);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>One item of <c>GET admin/datastore/S/groups</c>. <c>last-verified</c> is ours: when the newest verification ended, if there was one.</summary>
    public static void WriteGroup(Utf8JsonWriter json, GroupState group)
    {
        json.WriteStartObject();
        json.WriteNumber("backup-count", group.ListedCount);
        json.WriteString("backup-id", group.Key.BackupId);
        json.WriteString("backup-type", group.Key.BackupType);
        if (group.Notes is { Length: > 0 } notes)
        {
            var newline = notes.IndexOf('\n');
            json.WriteString("comment", newline < 0 ? notes : notes[..(newline + 1)]);
        }

        var (time, files) = Shown(group);
        json.WriteStartArray("files");
        foreach (var name in files)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteNumber("last-backup", time);
        if (group.Snapshots.Values.Max(snapshot => snapshot.LastVerifiedS) is { } verified)
        {
            json.WriteNumber("last-verified", verified);
        }

        json.WriteString("owner", group.Owner);
        json.WriteEndObject();
    }

    /// <summary>The newest finished snapshot; where there is none, the only one that is not.</summary>
    private static (long BackupTime, IEnumerable<string> Files) Shown(GroupState group)
    {
        if (group.Newest is { } newest)
        {
            var names = newest.Content.Files.Select(file => file.Filename);
            return (newest.BackupTime, newest.HasLog ? names.Append(ClientLog).Distinct() : names);
        }

        return group.Unfinished.Count == 1 ? (group.Unfinished.Keys.First(), group.Unfinished.Values.First().Files)
            : group.Open.Count == 1 ? (group.Open[0].BackupTime, [])
            : (0, []);
    }

    private static string? FirstLine(string? notes)
    {
        var newline = notes?.IndexOf('\n') ?? -1;
        return newline < 0 ? notes : notes![..newline];
    }
}
