// Looking into archives through the API (pbs-protocol.md 4.2): lists of folders, a file or folder out of an archive, a whole file of a snapshot decoded.
// Nothing encrypted is touched. What leaves is told to the ledger before its first byte.
using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Verify;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Endpoints on the content of archives.</summary>
public sealed class ArchiveEndpoints(
    SnapshotArchives archives, DatastoreRegistry stores, StorageFaults faults, CorruptChunks corrupt, Recorder recorder, TimeProvider clock)
{
    private const string Root = "/admin/datastore/{store}/";
    private const int BlockBytes = 128 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Downloads last as long as their client reads; lists are short, and do not wait for them.</summary>
    private readonly DownloadPlaces downloads = new(8, 3);

    private readonly DownloadPlaces lists = new(4, 2);

    private static readonly Parameter FilePath = Parameter.Text("filepath") with { MaxLength = 16 * 1024 };

    /// <summary>The endpoints of this slice.</summary>
    public IEnumerable<ApiEndpoint> Endpoints => new ApiEndpoint[]
    {
        new("GET", Root + "catalog", SnapshotArchives.Parameters.With(FilePath).With(PbsSchema.ArchiveName().AsOptional()),
            call => WithPlaceAsync(call, "GET catalog", lists, CatalogAsync)),
        new("GET", Root + "pxar-file-download",
            SnapshotArchives.Parameters.With(FilePath).With(PbsSchema.ArchiveName().AsOptional()).With(Parameter.Boolean("tar")),
            call => WithPlaceAsync(call, "GET pxar-file-download", downloads, DownloadAsync)) { Kind = ApiKind.Stream },
        new("GET", Root + "download-decoded", SnapshotArchives.Parameters.With(PbsSchema.FileName()),
            call => WithPlaceAsync(call, "GET download-decoded", downloads, DecodedAsync)) { Kind = ApiKind.Stream },
    }.Select(endpoint => faults.Guard(endpoint, call => stores.Find(call.Parameters.Text("store"), out _)));

    private async ValueTask<ApiResult> WithPlaceAsync(
        ApiCall call, string verb, DownloadPlaces places, Func<ApiCall, OpenSnapshot, Task<ApiResult>> work)
    {
        using var snapshot = archives.Open(call);
        var (place, why) = await places.TryEnterAsync(snapshot.Caller.AuthId, Patience, call.Aborted).ConfigureAwait(false);
        if (place is null)
        {
            return ApiResult.Error(503, why!);
        }

        try
        {
            using (place)
            {
                return await work(call, snapshot).ConfigureAwait(false);
            }
        }
        finally
        {
            if (snapshot.Suspects.Count > 0)
            {
                // Searching for all that it hits may take a while: with the snapshot held, but nobody else kept waiting.
                await corrupt.LookAgainAsync(snapshot.Store, snapshot.Suspects, snapshot.Caller.Because(verb), static _ => { })
                    .ConfigureAwait(false);
            }
        }
    }

    private static Task<ApiResult> CatalogAsync(ApiCall call, OpenSnapshot snapshot)
    {
        var given = call.Parameters.Text("filepath");
        var path = given is "root" or "/" ? "/"u8.ToArray() : Decode(given, "base64 decoding of path failed - ");
        return Task.FromResult(call.Parameters.OptionalText("archive-name") is { } archive
            ? ListArchive(snapshot.OpenArchive(archive, withPayload: false), path)
            : ListCatalog(snapshot, path));
    }

    private static ApiResult ListCatalog(OpenSnapshot snapshot, byte[] path)
    {
        var catalog = CatalogReader.Open(snapshot.OpenStream(CatalogFormat.ArchiveName));
        if (catalog.Find(path) is not { } folder)
        {
            throw new ApiException($"path \"{Lossy(path)}\" not found in catalog");
        }

        if (folder.Kind != CatalogKind.Folder)
        {
            throw new ApiException("parent is not a directory - internal error");
        }

        var entries = catalog.List(folder);
        var above = path.AsSpan();
        byte[] prefix = above.StartsWith("/"u8) ? above[1..].ToArray() : path;
        return ApiResult.Data(json => Write(
            json, prefix, entries.Select(one => (one.Name, one.Kind, one.SizeBytes, one.MtimeS))));
    }

    private static ApiResult ListArchive(PxarArchive archive, byte[] path)
    {
        var found = archive.Find(path, out var folder) ?? throw new ApiException($"lookup failed - error opening '\"{TreeNode.Show(path)}\"'");
        if (folder is null)
        {
            throw new ApiException($"expected directory entry, got entry kind '{found.Kind}'");
        }

        var entries = archive.List(folder).ToList();
        byte[] prefix = [(byte)'/', .. PathRules.Normalized(path).AsSpan().Trim((byte)'/')];
        return ApiResult.Data(json => Write(
            json, prefix.Length == 1 ? [] : prefix,
            entries.Select(one => (one.Name, CatalogFormat.KindOf(one.Kind), one.SizeBytes, one.Metadata.MtimeS))));
    }

    private static void Write(
        Utf8JsonWriter json, byte[] prefix, IEnumerable<(ReadOnlyMemory<byte> Name, CatalogKind Kind, long SizeBytes, long MtimeS)> entries)
    {
        json.WriteStartArray();
        foreach (var (name, kind, sizeBytes, mtimeS) in entries)
        {
            json.WriteStartObject();
            json.WriteBase64String("filepath"u8, (byte[])[.. prefix, (byte)'/', .. name.Span]);
            json.WriteBoolean("leaf"u8, kind != CatalogKind.Folder);
            if (kind == CatalogKind.File)
            {
                json.WriteNumber("mtime"u8, mtimeS);
                json.WriteNumber("size"u8, sizeBytes);
            }

            json.WriteString("text"u8, Lossy(name.Span));
            json.WriteString("type"u8, ((char)kind).ToString());
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private async Task<ApiResult> DownloadAsync(ApiCall call, OpenSnapshot snapshot)
    {
        var (name, path) = Named(call);
        var archive = snapshot.OpenArchive(name, withPayload: true);
        var found = archive.Find(path, out var folder) ?? throw new ApiException($"error opening '\"{TreeNode.Show(path)}\"'");
        var form = found.Kind switch
        {
            PxarKind.File or PxarKind.HardLink => "file",
            PxarKind.Folder => call.Parameters.Flag("tar") ? "tar.zst" : "zip",
            _ => throw new ApiException($"cannot download file of type {Describe(found)}"),
        };
        return await TellAsync(call, snapshot, name, TreeNode.Show(path), form, async body =>
        {
            if (form == "file")
            {
                var file = found.Kind == PxarKind.File ? found : archive.Follow(found);
                await FolderDownload.CopyAsync(archive, file, new byte[BlockBytes], part => body.Write(part.Span), body, call.Aborted)
                    .ConfigureAwait(false);
            }
            else
            {
                await (form == "zip" ? FolderDownload.ZipAsync(archive, folder!.Entry, path, body, call.Aborted)
                    : FolderDownload.TarAsync(archive, folder!.Entry, path, body, call.Aborted)).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
    }

    private async Task<ApiResult> DecodedAsync(ApiCall call, OpenSnapshot snapshot)
    {
        var name = call.Parameters.Text("file-name");
        snapshot.RequirePlain(name);
        if (!SafeId.TryArchiveKind(name, out var kind))
        {
            throw new ApiException("unknown archive type");
        }

        if (kind != ArchiveKind.Blob)
        {
            var stream = snapshot.OpenStream(name);
            return await TellAsync(call, snapshot, name, null, "decoded", async body =>
            {
                var block = new byte[BlockBytes];
                for (long offset = 0; offset < stream.SizeBytes; offset += block.Length)
                {
                    body.Write(block.AsSpan(0, stream.Read(block, offset)));
                    await body.SendAsync().ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
        }

        if (!snapshot.Folder.ListFiles().Any(file => file.Name == name))
        {
            throw new ApiException("File open failed: No such file or directory (os error 2)");
        }

        var raw = snapshot.Folder.ReadBlobRaw(name);
        _ = DataBlob.Parse(raw, out var header);
        if (header.IsEncrypted)
        {
            throw new ApiException($"cannot decode '{name}' - is encrypted");
        }

        var data = DataBlob.DecodeToArray(raw, header.IsCompressed ? DataBlob.MaxBlobSize : raw.Length, null, name);
        return await TellAsync(call, snapshot, name, null, "decoded", async body =>
        {
            for (var offset = 0; offset < data.Length; offset += BlockBytes)
            {
                body.Write(data.AsSpan(offset, Math.Min(BlockBytes, data.Length - offset)));
                await body.SendAsync().ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
    }

    /// <summary>Records the download, makes it, and records what came of it.</summary>
    private async Task<ApiResult> TellAsync(
        ApiCall call, OpenSnapshot snapshot, string archive, string? path, string form, Func<DownloadBody, Task> send)
    {
        var (id, started) = (Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), clock.GetTimestamp());
        var (key, metadata) = (snapshot.Key, snapshot.Caller.Because($"GET {(form == "decoded" ? "download-decoded" : "pxar-file-download")}", id));
        await recorder.NoteAsync("download:" + id, new FileDownloadStarted(
            id, key.Store, key.Ns, key.BackupType, key.BackupId, snapshot.Snapshot.BackupTime, archive, path, form), metadata).ConfigureAwait(false);
        var body = new DownloadBody(call.Exchange);
        string? problem = null;
        try
        {
            await send(body).ConfigureAwait(false);
            await body.SendAllAsync().ConfigureAwait(false);
            return ApiResult.Written.Instance;
        }
        catch (Exception error)
        {
            problem = error is OperationCanceledException ? "ended by the client" : error.Message;
            throw;
        }
        finally
        {
            await recorder.NoteAsync("download:" + id, new FileDownloadFinished(
                id, body.Bytes, (long)clock.GetElapsedTime(started).TotalMilliseconds, problem), metadata).ConfigureAwait(false);
        }
    }

    /// <summary>Archive and path: either apart, or the archive in front of the path.</summary>
    private static (string Archive, byte[] Path) Named(ApiCall call)
    {
        var path = Decode(call.Parameters.Text("filepath"), "");
        if (call.Parameters.OptionalText("archive-name") is { } given)
        {
            return (given, path);
        }

        var whole = path.AsSpan(path.AsSpan().StartsWith("/"u8) ? 1 : 0);
        var slash = whole.IndexOf((byte)'/');
        return (Lossy(slash < 0 ? whole : whole[..slash]), slash < 0 ? "/"u8.ToArray() : whole[(slash + 1)..].ToArray());
    }

    private static byte[] Decode(string base64, string before)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length) ? bytes[..length] : throw new ApiException(before + "error decoding base64 data");
    }

    private static string Lossy(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name);

    /// <summary>As PBS's own words print an entry.</summary>
    private static string Describe(PxarEntry entry) => entry.Kind switch
    {
        PxarKind.Symlink => $"Symlink(Symlink {{ data: [{string.Join(", ", entry.Target.ToArray())}, 0] }})",
        PxarKind.BlockDevice or PxarKind.CharDevice => $"Device(Device {{ major: {entry.DeviceMajor}, minor: {entry.DeviceMinor} }})",
        _ => entry.Kind.ToString(),
    };
}
