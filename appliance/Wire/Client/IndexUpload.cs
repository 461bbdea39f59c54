// Uploads the chunks of one archive without waiting for each: uploads run beside each other within the session's
// budget, and digests are appended in order, in batches, once their chunks are there.
namespace Holdfast.Wire;

/// <summary>One open index of a <see cref="BackupWriter"/>. Calls one at a time; faults surface at the next
/// call.</summary>
public sealed class IndexUpload(BackupWriter writer, IndexKind kind, int wid)
{
    private readonly List<(string Digest, long Offset, Task Upload)> _pending = [];
    private readonly SemaphoreSlim _slots = new(BackupWriter.MaxUploads);
    private Task _appends = Task.CompletedTask;
    private long _count;

    /// <summary>
    /// Uploads the chunk that starts at <paramref name="offset"/>. Waits while too much is in flight. The blob's memory
    /// must stay unchanged until <paramref name="release"/> is called.
    /// </summary>
    public async ValueTask AddAsync(
        string digest, long offset, int sizeBytes, ReadOnlyMemory<byte> blob, Action? release = null,
        CancellationToken cancel = default)
    {
        await _slots.WaitAsync(cancel);
        await NoteAsync(digest, offset, UploadAsync(digest, sizeBytes, blob, release, cancel), cancel);
    }

    /// <summary>Names a chunk that the server is known to have (from the previous snapshot, or uploaded before).</summary>
    public ValueTask AddKnownAsync(string digest, long offset, CancellationToken cancel = default) =>
        NoteAsync(digest, offset, Task.CompletedTask, cancel);

    /// <summary>Waits for all uploads and appends, then closes the index.</summary>
    public async Task CloseAsync(string csum, long sizeBytes, CancellationToken cancel = default)
    {
        Queue(cancel);
        await _appends;
        await writer.CloseIndexAsync(kind, wid, _count, sizeBytes, csum, cancel);
    }

    private async ValueTask NoteAsync(string digest, long offset, Task upload, CancellationToken cancel)
    {
        _pending.Add((digest, offset, upload));
        _count++;
        if (_pending.Count >= BackupWriter.MaxAppend)
        {
            Queue(cancel);
        }

        if (_appends.IsFaulted)
        {
            await _appends;
        }
    }

    private void Queue(CancellationToken cancel)
    {
        if (_pending.Count > 0)
        {
            _appends = AppendAsync(_appends, [.. _pending], cancel);
            _pending.Clear();
        }
    }

    private async Task AppendAsync(
        Task before, (string Digest, long Offset, Task Upload)[] batch, CancellationToken cancel)
    {
        await before;
        await Task.WhenAll(batch.Select(b => b.Upload));
        await writer.AppendAsync(
            kind, wid, [.. batch.Select(b => b.Digest)], [.. batch.Select(b => b.Offset)], cancel);
    }

    private async Task UploadAsync(
        string digest, int sizeBytes, ReadOnlyMemory<byte> blob, Action? release, CancellationToken cancel)
    {
        try
        {
            await writer.UploadChunkAsync(kind, wid, digest, sizeBytes, blob, cancel);
        }
        finally
        {
            release?.Invoke();
            _slots.Release();
        }
    }
}
