// Streams a stored file to a peer, in blocks, with its length announced: index files, blobs and chunks all leave this way.
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Sends files.</summary>
public static class FileDownload
{
    private const int BlockBytes = 128 * 1024;

    /// <summary>Sends the whole file as <c>application/octet-stream</c>; returns its bytes.</summary>
    public static async Task<long> SendAsync(Exchange exchange, VolumeFile file)
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
