// Streams a file of a snapshot to a peer, in blocks, with its length announced, and only after it was checked against what the ledger knows of it. Indexes and
// blobs leave by this door alone.
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Sends files.</summary>
public static class FileDownload
{
    private const int BlockBytes = 128 * 1024;

    /// <summary>Sends a whole file of a snapshot as <c>application/octet-stream</c>; returns its bytes.</summary>
    /// <param name="indexChecked">Sees a checked index before it is sent.</param>
    /// <exception cref="CorruptDataException">It is not what was stored: nothing was sent.</exception>
    public static async Task<long> SendAsync(
        Exchange exchange, SnapshotFolder folder, SnapshotContent content, string name, Action<IndexReader>? indexChecked = null)
    {
        if (SafeId.TryArchiveKind(name, out var kind) && kind != ArchiveKind.Blob)
        {
            using var index = folder.OpenIndex(name);
            SnapshotContents.CheckIndex(index, content, name);
            indexChecked?.Invoke(index);
        }

        using var file = folder.OpenFile(name);
        if (kind == ArchiveKind.Blob)
        {
            SnapshotContents.CheckBlob(file, content, name);
        }

        return await SendAsync(exchange, file).ConfigureAwait(false);
    }

    /// <summary>The refusal of a file that is not there: sync relies on 404 for a blob, and 400 for an index (pbs-protocol.md 2.2, 2.4).</summary>
    public static ApiResult Missing(string name, ArchiveKind kind) =>
        kind == ArchiveKind.Blob
            ? ApiResult.Error(404, $"open file \"{name}\" failed - not found")
            : ApiResult.Error($"File open failed: {name}: No such file or directory (os error 2)");

    private static async Task<long> SendAsync(Exchange exchange, VolumeFile file)
    {
        var length = file.SizeBytes;
        var writer = exchange.Start(200, "application/octet-stream", length);
        for (long position = 0; position < length;)
        {
            var wanted = (int)Math.Min(BlockBytes, length - position);
            var read = file.Read(writer.GetMemory(wanted).Span[..wanted], position);
            if (read == 0)
            {
                throw new IOException("the file became shorter while it was sent");
            }

            writer.Advance(read);
            position += read;
            var flushed = await writer.FlushAsync(exchange.Aborted).ConfigureAwait(false);
            if (flushed.IsCompleted)
            {
                break;
            }
        }

        return length;
    }
}
