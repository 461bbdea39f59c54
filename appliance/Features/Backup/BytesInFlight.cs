// One budget for all uploads and downloads: a chunk's bytes are read from the network only into a buffer that this budget has granted, so a thousand
// sessions can't take more memory than one number says. Buffers are reused; waiting is first come, first served.
using System.Runtime.InteropServices;

namespace Holdfast.Features.Backup;

/// <summary>Hands out chunk buffers within a budget of bytes.</summary>
public sealed class BytesInFlight : IDisposable
{
    /// <summary>Buffer for a fixed index's chunk: 4 MiB with the largest blob header, rounded to a page.</summary>
    public const int SmallBytes = 4 * 1024 * 1024 + 4096;

    /// <summary>Buffer for the largest chunk: 16 MiB with the largest blob header, rounded to a page.</summary>
    public const int LargeBytes = 16 * 1024 * 1024 + 4096;

    private readonly Lock gate = new();
    private readonly LinkedList<Waiter> waiters = [];
    private readonly Stack<ChunkBuffer> small = [];
    private readonly Stack<ChunkBuffer> large = [];
    private readonly long budget;
    private long free;
    private long allocated;
    private bool disposed;

    /// <param name="budgetBytes">All buffers together; at least two large ones, so that one session can always go on.</param>
    public BytesInFlight(long budgetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(budgetBytes, 2L * LargeBytes);
        budget = budgetBytes;
        free = budgetBytes;
    }

    /// <summary>A buffer of at least <paramref name="sizeBytes"/>, as soon as the budget allows.</summary>
    public ValueTask<ChunkBuffer> RentAsync(int sizeBytes, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, LargeBytes);
        var capacity = sizeBytes <= SmallBytes ? SmallBytes : LargeBytes;
        Waiter waiter;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (waiters.Count == 0 && TryTake(capacity) is { } ready)
            {
                return ValueTask.FromResult(ready);
            }

            waiter = new Waiter(capacity);
            waiters.AddLast(waiter);
        }

        return WaitAsync(waiter, cancellationToken);
    }

    /// <summary>Frees what is not rented; rented buffers are freed as they come back.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            FreeAll(small);
            FreeAll(large);
        }
    }

    internal void Return(ChunkBuffer buffer)
    {
        List<(Waiter Waiter, ChunkBuffer Buffer)>? granted = null;
        lock (gate)
        {
            if (disposed)
            {
                buffer.Free();
                return;
            }

            free += buffer.Capacity;
            (buffer.Capacity == SmallBytes ? small : large).Push(buffer);
            if (waiters.Count > 0)
            {
                Grant(granted = []);
            }
        }

        foreach (var (waiter, ready) in granted ?? [])
        {
            waiter.Source.SetResult(ready);
        }
    }

    private async ValueTask<ChunkBuffer> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((Action<CancellationToken>)state!)(token), (Action<CancellationToken>)(token => GiveUp(waiter, token)));
        return await waiter.Source.Task.ConfigureAwait(false);
    }

    private void GiveUp(Waiter waiter, CancellationToken token)
    {
        bool removed;
        lock (gate)
        {
            removed = waiters.Remove(waiter);
        }

        if (removed)
        {
            waiter.Source.TrySetCanceled(token);
        }
    }

    private void Grant(List<(Waiter Waiter, ChunkBuffer Buffer)> granted)
    {
        while (waiters.First is { } next && TryTake(next.Value.Capacity) is { } buffer)
        {
            waiters.RemoveFirst();
            granted.Add((next.Value, buffer));
        }
    }

    private ChunkBuffer? TryTake(int capacity)
    {
        if (free < capacity)
        {
            return null;
        }

        free -= capacity;
        var idle = capacity == SmallBytes ? small : large;
        if (!idle.TryPop(out var buffer))
        {
            // Idle buffers of the other kind make room, so that rented and idle ones together stay within the budget.
            while (allocated + capacity > budget && (capacity == SmallBytes ? large : small).TryPop(out var other))
            {
                allocated -= other.Capacity;
                other.Free();
            }

            buffer = new ChunkBuffer(this, capacity);
            allocated += capacity;
        }

        buffer.Rented();
        return buffer;
    }

    private static void FreeAll(Stack<ChunkBuffer> idle)
    {
        while (idle.TryPop(out var buffer))
        {
            buffer.Free();
        }
    }

    private sealed class Waiter(int capacity)
    {
        public int Capacity => capacity;

        public TaskCompletionSource<ChunkBuffer> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>A rented buffer outside the garbage-collected heap; dispose returns it. Use after that is an error that memory pays for.</summary>
public sealed unsafe class ChunkBuffer : System.Buffers.MemoryManager<byte>
{
    private readonly BytesInFlight owner;
    private byte* start;
    private int rented;

    internal ChunkBuffer(BytesInFlight owner, int capacity)
    {
        this.owner = owner;
        Capacity = capacity;
        start = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, 4096);
    }

    /// <summary>Bytes that it holds.</summary>
    public int Capacity { get; }

    public override Span<byte> GetSpan() => new(start, Capacity);

    public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex);

    public override void Unpin()
    {
    }

    /// <summary>Gives the buffer back to the budget.</summary>
    public void Return()
    {
        if (Interlocked.Exchange(ref rented, 0) == 1)
        {
            owner.Return(this);
        }
    }

    internal void Rented() => rented = 1;

    internal void Free()
    {
        NativeMemory.AlignedFree(start);
        start = null;
    }

    protected override void Dispose(bool disposing) => Return();
}
