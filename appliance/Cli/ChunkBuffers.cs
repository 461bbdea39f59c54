// The memory of an upload: a fixed number of buffers, each for one chunk raw and encoded. Whoever wants one waits until one is
// free, which is what bounds reading ahead and sending behind.
using System.Collections.Concurrent;
using Holdfast.Storage;

namespace Holdfast.Cli;

/// <summary>Room for one chunk.</summary>
internal sealed class ChunkBuffer(int chunkBytes)
{
    private byte[]? encoded;

    public byte[] Raw { get; } = GC.AllocateUninitializedArray<byte>(chunkBytes);

    /// <summary>Made when first needed: known chunks are never encoded.</summary>
    public byte[] Encoded => encoded ??= GC.AllocateUninitializedArray<byte>(DataBlob.MaxEncodedSize(chunkBytes));
}

/// <param name="count">Buffers at most.</param>
/// <param name="chunkBytes">The largest chunk.</param>
internal sealed class ChunkBuffers(int count, int chunkBytes)
{
    private readonly SemaphoreSlim free = new(count);
    private readonly ConcurrentBag<ChunkBuffer> idle = [];

    public async ValueTask<ChunkBuffer> TakeAsync(CancellationToken cancel)
    {
        await free.WaitAsync(cancel);
        return idle.TryTake(out ChunkBuffer? buffer) ? buffer : new ChunkBuffer(chunkBytes);
    }

    public void Return(ChunkBuffer buffer)
    {
        idle.Add(buffer);
        free.Release();
    }
}
