// The client's side of a backup session (pbs-protocol 2.2), on blobs that are already encoded: it knows digests and
// bytes, not how either is made. Uploads in flight are bounded in number and in bytes.
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Holdfast.Wire;

/// <summary>Fixed (`.fidx`) or dynamic (`.didx`) index.</summary>
public enum IndexKind
{
    Fixed,
    Dynamic,
}

/// <summary>A running backup session. Disposing it without <see cref="FinishAsync"/> aborts the backup.</summary>
public sealed class BackupWriter : IAsyncDisposable
{
    public const int MaxUploads = 16;
    public const int MaxUploadBytes = 64 * 1024 * 1024;
    public const int MaxAppend = 64;
    private const int MaxIndexBytes = 1024 * 1024 * 1024;
    private readonly UpgradedConnection _connection;
    private readonly ByteBudget _budget = new(MaxUploads, MaxUploadBytes);

    internal BackupWriter(UpgradedConnection connection)
    {
        _connection = connection;
    }

    /// <summary>Epoch seconds of the snapshot that <see cref="PreviousAsync"/> reads from; null if there is
    /// none.</summary>
    public async Task<long?> PreviousBackupTimeAsync(CancellationToken cancel = default)
    {
        JsonElement data = await CallAsync(HttpMethod.Get, "/previous_backup_time", null, cancel);
        return data.ValueKind == JsonValueKind.Number ? data.GetInt64() : null;
    }

    /// <summary>A file of the previous snapshot; its chunks may then be appended without upload.</summary>
    public async Task<byte[]> PreviousAsync(string archiveName, CancellationToken cancel = default)
    {
        using HttpResponseMessage response = await _connection.SendAsync(
            HttpMethod.Get, $"/previous?archive-name={Percent.Encode(archiveName)}", null, cancel);
        return await Bodies.ReadAsync(response.Content, MaxIndexBytes, cancel);
    }

    /// <summary>Opens a fixed index and returns its writer id; <paramref name="reuseCsum"/> starts from the
    /// previous.</summary>
    public async Task<int> CreateFixedIndexAsync(
        string archiveName, long sizeBytes, string? reuseCsum = null, CancellationToken cancel = default)
    {
        string query = Invariant($"/fixed_index?archive-name={Percent.Encode(archiveName)}&size={sizeBytes}");
        query += reuseCsum is null ? "" : $"&reuse-csum={reuseCsum}";
        return (await CallAsync(HttpMethod.Post, query, null, cancel)).GetInt32();
    }

    /// <summary>Opens a dynamic index and returns its writer id.</summary>
    public async Task<int> CreateDynamicIndexAsync(string archiveName, CancellationToken cancel = default) =>
        (await CallAsync(
            HttpMethod.Post, $"/dynamic_index?archive-name={Percent.Encode(archiveName)}", null, cancel)).GetInt32();

    /// <summary>Uploads an encoded chunk. Waits while too much is in flight. <paramref name="sizeBytes"/>:
    /// decoded.</summary>
    public async Task UploadChunkAsync(
        IndexKind kind, int wid, string digest, int sizeBytes, ReadOnlyMemory<byte> blob,
        CancellationToken cancel = default)
    {
        string query = Invariant($"/{Name(kind)}_chunk?wid={wid}&digest={digest}&size={sizeBytes}")
            + Invariant($"&encoded-size={blob.Length}");
        await _budget.EnterAsync(blob.Length, cancel);
        try
        {
            await CallAsync(HttpMethod.Post, query, Octets(blob), cancel);
        }
        finally
        {
            _budget.Leave(blob.Length);
        }
    }

    /// <summary>Appends known digests at their start offsets, in requests of at most 64.</summary>
    public async Task AppendAsync(
        IndexKind kind, int wid, IReadOnlyList<string> digests, IReadOnlyList<long> offsets,
        CancellationToken cancel = default)
    {
        for (int at = 0; at < digests.Count; at += MaxAppend)
        {
            var body = new Dictionary<string, object>
            {
                ["wid"] = wid,
                ["digest-list"] = digests.Skip(at).Take(MaxAppend),
                ["offset-list"] = offsets.Skip(at).Take(MaxAppend),
            };
            var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            await CallAsync(HttpMethod.Put, $"/{Name(kind)}_index", content, cancel);
        }
    }

    /// <summary>Closes an index; the server compares count, size and checksum.</summary>
    public async Task CloseIndexAsync(
        IndexKind kind, int wid, long chunkCount, long sizeBytes, string csum, CancellationToken cancel = default) =>
        await CallAsync(
            HttpMethod.Post,
            Invariant($"/{Name(kind)}_close?wid={wid}&chunk-count={chunkCount}&size={sizeBytes}&csum={csum}"),
            null, cancel);

    /// <summary>Uploads a complete `.blob` file.</summary>
    public async Task UploadBlobAsync(string fileName, ReadOnlyMemory<byte> blob, CancellationToken cancel = default) =>
        await CallAsync(
            HttpMethod.Post, Invariant($"/blob?file-name={Percent.Encode(fileName)}&encoded-size={blob.Length}"),
            Octets(blob), cancel);

    /// <summary>Uploads bytes that the server throws away, to measure the line.</summary>
    public async Task SpeedtestAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel = default) =>
        await CallAsync(HttpMethod.Post, "/speedtest", Octets(bytes), cancel);

    /// <summary>The snapshot is complete: on return it is durable.</summary>
    public async Task FinishAsync(CancellationToken cancel = default) =>
        await CallAsync(HttpMethod.Post, "/finish", null, cancel);

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    private async Task<JsonElement> CallAsync(
        HttpMethod method, string pathAndQuery, HttpContent? content, CancellationToken cancel)
    {
        using HttpResponseMessage response = await _connection.SendAsync(method, pathAndQuery, content, cancel);
        JsonElement answer = Bodies.Json(await Bodies.ReadAsync(response.Content, 1024 * 1024, cancel));
        return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("data", out JsonElement data)
            ? data
            : throw new PbsException(502, "got result without data property");
    }

    private static ReadOnlyMemoryContent Octets(ReadOnlyMemory<byte> bytes)
    {
        var content = new ReadOnlyMemoryContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return content;
    }

    private static string Name(IndexKind kind) => kind == IndexKind.Fixed ? "fixed" : "dynamic";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
