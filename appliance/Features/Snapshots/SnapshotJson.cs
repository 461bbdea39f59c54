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
        json.WriteNumber("size", snapshot.Content.Files.Sum(file => file.Size ?? 0));
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

    /// <summary>One item of <c>GET admin/datastore/S/groups</c>. The group must have a finished snapshot.</summary>
    public static void WriteGroup(Utf8JsonWriter json, GroupState group, string? notes)
    {
        json.WriteStartObject();
        json.WriteNumber("backup-count", group.Snapshots.Count);
        json.WriteString("backup-id", group.Key.BackupId);
        json.WriteString("backup-type", group.Key.BackupType);
        if (notes is { Length: > 0 })
        {
            var newline = notes.IndexOf('\n');
            json.WriteString("comment", newline < 0 ? notes : notes[..(newline + 1)]);
        }

        var newest = group.Newest ?? group.Snapshots.Values.Last();
        json.WriteStartArray("files");
        foreach (var file in newest.Content.Files)
        {
            json.WriteStringValue(file.Filename);
        }

        json.WriteEndArray();
        json.WriteNumber("last-backup", newest.BackupTime);
        json.WriteString("owner", group.Owner);
        json.WriteEndObject();
    }

    private static string? FirstLine(string? notes)
    {
        var newline = notes?.IndexOf('\n') ?? -1;
        return newline < 0 ? notes : notes![..newline];
    }
}
