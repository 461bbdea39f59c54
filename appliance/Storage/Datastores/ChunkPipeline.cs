// Reads the chunks of an index in order, a bounded number of them ahead on other threads, and writes checked data.
using System.Buffers;

namespace Holdfast.Storage;

internal sealed class ChunkPipeline(ChunkStore chunks, CryptConfig? crypt, bool mustBeEncrypted)
{
    public async Task CopyAsync(
        IndexReader index, Stream output, IProgress<long>? progress, int readAhead, CancellationToken cancel)
    {
        var ahead = new Queue<Task<Loaded>>(readAhead);
        try
        {
            for (var i = 0; i < index.Count || ahead.Count > 0;)
            {
                if (i < index.Count && ahead.Count < readAhead)
                {
                    var entry = index[i++];
                    ahead.Enqueue(Task.Run(() => Load(entry), cancel));
                    continue;
                }

                var loaded = await ahead.Dequeue().ConfigureAwait(false);
                try
                {
                    await output.WriteAsync(loaded.Buffer.AsMemory(0, loaded.Length), cancel).ConfigureAwait(false);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(loaded.Buffer);
                }

                progress?.Report(loaded.End);
            }
        }
        finally
        {
            foreach (var task in ahead)
            {
                await DiscardAsync(task).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits for work that nobody wants any more; the failure that ended the copy is the one to
    /// report.</summary>
    private static async Task DiscardAsync(Task<Loaded> task)
    {
        try
        {
            ArrayPool<byte>.Shared.Return((await task.ConfigureAwait(false)).Buffer);
        }
        catch (Exception fault) when (fault is StorageException or OperationCanceledException)
        {
            // See above.
        }
    }

    private Loaded Load(IndexEntry entry)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)entry.SizeBytes);
        try
        {
            chunks.ReadData(entry.Digest, buffer.AsSpan(0, (int)entry.SizeBytes), crypt, mustBeEncrypted);
            return new Loaded(buffer, (int)entry.SizeBytes, entry.End);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private readonly record struct Loaded(byte[] Buffer, int Length, long End);
}
