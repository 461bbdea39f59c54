// The client's side of a reader session (pbs-protocol 2.4): files of one snapshot, then the chunks that its downloaded
// indexes name.
namespace Holdfast.Wire;

/// <summary>A running reader session; at most 16 chunks are asked for at once.</summary>
public sealed class BackupReader : IAsyncDisposable
{
    public const int MaxRequests = 16;
    private const int MaxBlobBytes = PbsSchema.BlobMaxBytes + PbsSchema.BlobOverheadBytes;
    private readonly UpgradedConnection _connection;
    private readonly SemaphoreSlim _slots = new(MaxRequests);

    internal BackupReader(UpgradedConnection connection)
    {
        _connection = connection;
    }

    /// <summary>Copies a file of the snapshot; afterwards the chunks of an index may be read.</summary>
    public async Task DownloadAsync(string fileName, Stream target, CancellationToken cancel = default)
    {
        using HttpResponseMessage response = await _connection.SendAsync(
            HttpMethod.Get, $"/download?file-name={Percent.Encode(fileName)}", null, cancel);
        await response.Content.CopyToAsync(target, cancel);
    }

    /// <summary>A file of the snapshot as bytes; PbsException 502 if it is longer than the limit.</summary>
    public async Task<byte[]> DownloadAsync(string fileName, int maxBytes, CancellationToken cancel = default)
    {
        using HttpResponseMessage response = await _connection.SendAsync(
            HttpMethod.Get, $"/download?file-name={Percent.Encode(fileName)}", null, cancel);
        return await Bodies.ReadAsync(response.Content, maxBytes, cancel);
    }

    /// <summary>A chunk as it is stored: an encoded blob, not checked.</summary>
    public async Task<byte[]> ChunkAsync(string digest, CancellationToken cancel = default)
    {
        await _slots.WaitAsync(cancel);
        try
        {
            using HttpResponseMessage response = await _connection.SendAsync(
                HttpMethod.Get, $"/chunk?digest={digest}", null, cancel);
            return await Bodies.ReadAsync(response.Content, MaxBlobBytes, cancel);
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>1 MiB of `A`.</summary>
    public async Task<byte[]> SpeedtestAsync(CancellationToken cancel = default)
    {
        using HttpResponseMessage response = await _connection.SendAsync(HttpMethod.Get, "/speedtest", null, cancel);
        return await Bodies.ReadAsync(response.Content, MaxBlobBytes, cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        _slots.Dispose();
    }
}
