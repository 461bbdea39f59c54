// Reads the chunks of an index in order, a bounded number of them ahead on other threads, and writes checked data. Where the
// chunks come from (a store's folder, a server) is the caller's.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Copies the stream of an index to an output.</summary>
/// <param name="load">Fills the memory, which is as long as the chunk must be, with checked data, or throws.</param>
public sealed class ChunkPipeline(Func<IndexEntry, Memory<byte>, CancellationToken, ValueTask> load)
{
    /// <summary>Writes the whole stream in order; at most <paramref name="readAhead"/> chunks are in memory.</summary>
    /// <param name="progress">Gets the bytes written so far.</param>
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
                    ahead.Enqueue(Task.Run(() => LoadAsync(entry, cancel), cancel));
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
        catch (Exception)
        {
            // See above: whatever the source threw, an earlier failure is already on its way up.
        }
    }

    private async Task<Loaded> LoadAsync(IndexEntry entry, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)entry.SizeBytes);
        try
        {
            await load(entry, buffer.AsMemory(0, (int)entry.SizeBytes), cancel).ConfigureAwait(false);
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
