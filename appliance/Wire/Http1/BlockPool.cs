// The buffers of Kestrel's transport and pipes. Kestrel's own are 4 KiB, so a GiB passes in a quarter of a million
// system calls and pipe hops; blocks of 64 KiB make that sixteen times fewer. Spare blocks are kept up to a limit.
using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Holdfast.Wire;

/// <summary>Gives Kestrel <see cref="BlockPool"/>s.</summary>
public sealed class BlockPoolFactory : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BlockPool();
}

/// <summary>A pool of equal blocks; keeps at most <see cref="KeptBytes"/> when they are not in use.</summary>
public sealed class BlockPool : MemoryPool<byte>
{
    public const int BlockBytes = 64 * 1024;
    public const int KeptBytes = 64 * 1024 * 1024;
    private readonly ConcurrentQueue<Block> _spare = new();
    private int _spareCount;
    private volatile bool _disposed;

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_spare.TryDequeue(out Block? block))
        {
            Interlocked.Decrement(ref _spareCount);
            block.Rented = 1;
            return block;
        }

        return new Block(this) { Rented = 1 };
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _spare.Clear();
    }

    private void Return(Block block)
    {
        if (_disposed || Volatile.Read(ref _spareCount) >= KeptBytes / BlockBytes)
        {
            return; // the garbage collector takes it
        }

        Interlocked.Increment(ref _spareCount);
        _spare.Enqueue(block);
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        public int Rented;

        // Pinned once and for all: sockets and OpenSSL take its address on every call.
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref Rented, 0) == 1)
            {
                pool.Return(this);
            }
        }
    }
}
