// Snapshots of a server: lists by its API, contents by a reader session. The server is not trusted with more than bytes: index
// and blobs are checked against the manifest, chunks against the index, the manifest against the key where there is one.
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal sealed class RemoteStore(ServerAccess server) : ISnapshotSource
{
    private const int MaxManifestBytes = Manifest.MaxJsonSize + DataBlob.PlainHeaderSize;

    public async Task<List<SnapshotLine>> ListAsync(BackupGroup? group, CancellationToken cancel)
    {
        string[] query = group is null ? [server.NamespaceQuery]
            : [server.NamespaceQuery, $"backup-type={group.TypeName}", $"backup-id={group.Id}"];
        JsonElement answer = await server.Client.GetAsync(
            $"admin/datastore/{server.Store}/snapshots", string.Join('&', query.Where(part => part.Length > 0)), cancel);
        return [.. Items(answer).Select(Line).Where(line => group is null || line.Name.Group == group)
            .OrderBy(line => line.Name)];
    }

    public async Task<List<FileLine>> FilesAsync(SnapshotName snapshot, CancellationToken cancel)
    {
        string query = string.Join('&', ((string[])[server.NamespaceQuery, $"backup-type={snapshot.Group.TypeName}",
            $"backup-id={snapshot.Group.Id}", $"backup-time={snapshot.Time}"]).Where(part => part.Length > 0));
        JsonElement answer = await server.Client.GetAsync($"admin/datastore/{server.Store}/files", query, cancel);
        return [.. Items(answer).Select(item => new FileLine(
            Tables.Printable(Text(item, "filename") ?? "?"),
            item.TryGetProperty("size", out JsonElement size) && size.TryGetInt64(out long bytes) ? bytes : null,
            Text(item, "crypt-mode") is { } mode ? Tables.Printable(mode) : null)).OrderBy(file => file.Name, StringComparer.Ordinal)];
    }

    public async Task<IOpenSnapshot> OpenAsync(SnapshotName snapshot, CryptConfig? crypt, CancellationToken cancel)
    {
        BackupReader reader = await server.Client.StartReaderAsync(server.Target(snapshot), cancel);
        try
        {
            byte[] raw = await reader.DownloadAsync(SafeId.ManifestName, MaxManifestBytes, cancel);
            Manifest manifest = Manifest.FromBlob(raw, $"{snapshot}/{SafeId.ManifestName}");
            SnapshotChecks.RequireIsOf(manifest, snapshot);
            return crypt is not null && manifest.Signature is not null && manifest.CheckSignature(crypt) is { } fault
                ? throw new FailedException($"the manifest of {snapshot} is not what the key signed: {Tables.Printable(fault)}")
                : new RemoteSnapshot(reader, manifest, crypt);
        }
        catch
        {
            await reader.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    internal static IEnumerable<JsonElement> Items(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("data", out JsonElement data)
            && data.ValueKind == JsonValueKind.Array
            ? data.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object)
            : throw new FailedException("the server's answer is no list");

    internal static string? Text(JsonElement item, string name) =>
        item.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private SnapshotLine Line(JsonElement item)
    {
        if (!BackupGroup.TryParse($"{Text(item, "backup-type")}/{Text(item, "backup-id")}", out BackupGroup? group)
            || !item.TryGetProperty("backup-time", out JsonElement at) || !at.TryGetInt64(out long time)
            || time is < 1 or > SnapshotName.MaxTime)
        {
            throw new FailedException("the server lists something that is no snapshot");
        }

        var remarks = new List<string>();
        if (item.TryGetProperty("protected", out JsonElement isProtected) && isProtected.ValueKind == JsonValueKind.True)
        {
            remarks.Add("protected");
        }

        if (item.TryGetProperty("verification", out JsonElement verified) && verified.ValueKind == JsonValueKind.Object)
        {
            remarks.Add("verify " + Tables.Printable(Text(verified, "state") ?? "?"));
        }

        long size = item.TryGetProperty("size", out JsonElement bytes) && bytes.TryGetInt64(out long given) ? given : 0;
        IEnumerable<string> files = item.TryGetProperty("files", out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(file => Tables.Printable(
                file.ValueKind == JsonValueKind.Object ? Text(file, "filename") ?? "?" : file.ToString()))
            : [];
        return new SnapshotLine(
            server.Namespace, SnapshotName.Create(group!, time), size,
            [.. files.Where(name => name != SafeId.ManifestName)], string.Join(", ", remarks));
    }
}

internal sealed class RemoteSnapshot(BackupReader reader, Manifest manifest, CryptConfig? crypt) : IOpenSnapshot
{
    private const int ReadAhead = 12;
    private const int MaxIndexBytes = 1024 * 1024 * 1024;

    public Manifest Manifest => manifest;

    public async Task RestoreAsync(ManifestFile file, Stream output, IProgress<long> progress, CancellationToken cancel)
    {
        if (file.Kind == ArchiveKind.Blob)
        {
            byte[] data = await ReadBlobAsync(file, cancel);
            await output.WriteAsync(data, cancel);
            progress.Report(data.Length);
            return;
        }

        using IndexReader index = await OpenIndexAsync(file, cancel);
        await new ChunkPipeline(Loader(file)).CopyAsync(index, output, progress, ReadAhead, cancel);
    }

    public async Task<ReadableFile> OpenStreamAsync(ManifestFile file, CancellationToken cancel) =>
        new AheadFile(await OpenIndexAsync(file, cancel), Loader(file), cancel);

    public ValueTask DisposeAsync() => reader.DisposeAsync();

    private async Task<IndexReader> OpenIndexAsync(ManifestFile file, CancellationToken cancel)
    {
        byte[] bytes = await reader.DownloadAsync(file.Name, MaxIndexBytes, cancel);
        IndexReader index = IndexReader.Open(new MemoryFile(file.Name, bytes));
        return index is FixedIndexReader == (file.Kind == ArchiveKind.FixedIndex) && index.TotalSize == file.SizeBytes && index.ComputeCsum() == file.Csum
            ? index
            : throw new CorruptDataException(file.Name, "index does not match the manifest");
    }

    private Func<IndexEntry, Memory<byte>, CancellationToken, ValueTask> Loader(ManifestFile file)
    {
        bool mustBeEncrypted = file.CryptMode == CryptMode.Encrypt;
        return async (entry, target, stop) =>
        {
            byte[] raw = await reader.ChunkAsync(entry.Digest.ToString(), stop);
            ChunkStore.Decode(entry.Digest, raw, target.Span, crypt, mustBeEncrypted);
        };
    }

    private async Task<byte[]> ReadBlobAsync(ManifestFile file, CancellationToken cancel)
    {
        byte[] raw = await reader.DownloadAsync(file.Name, SnapshotFolder.MaxBlobFileSize, cancel);
        if (raw.Length != file.SizeBytes || Digest.Of(raw) != file.Csum)
        {
            throw new CorruptDataException(file.Name, "file does not match the manifest");
        }

        _ = DataBlob.Parse(raw, out BlobHeader header);
        int bound = header.IsCompressed ? DataBlob.MaxBlobSize : raw.Length;
        return DataBlob.DecodeToArray(raw, bound, crypt, file.Name);
    }
}
