// One budget for all uploads and downloads: a chunk's bytes are read from the network only into a buffer that this budget has granted, so a thousand
// sessions can't take more memory than one number says. Buffers are reused. Whoever has least is served next, so that slow sessions don't starve quick ones;
// a peer that stands still on a buffer while others starve loses it.
using System.Runtime.InteropServices;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>Hands out chunk buffers within a budget of bytes.</summary>
public sealed class BytesInFlight : IDisposable
{
    /// <summary>Buffer for a fixed index's chunk: 4 MiB with the largest blob header, rounded to a page.</summary>
    public const int SmallBytes = 4 * 1024 * 1024 + 4096;

    /// <summary>Buffer for the largest chunk: 16 MiB with the largest blob header, rounded to a page.</summary>
    public const int LargeBytes = 16 * 1024 * 1024 + 4096;

    /// <summary>So long somebody must have waited before anybody is looked at who stands still.</summary>
    public static readonly TimeSpan StarvedAfter = TimeSpan.FromSeconds(20);

    /// <summary>So long not one byte must have moved before a peer loses its buffer to those who starve.</summary>
    public static readonly TimeSpan StalledAfter = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly List<ChunkBuffer> buffers = [];
    private readonly LinkedList<Waiter> waiters = [];
    private readonly Stack<ChunkBuffer> small = [];
    private readonly Stack<ChunkBuffer> large = [];
    private readonly long budget;
    private long free;
    private long allocated;
    private ITimer? watch;
    private bool disposed;

    /// <param name="budgetBytes">All buffers together; at least two large ones, so that one session can always go on.</param>
    /// <param name="clock">Measures how long peers stand still.</param>
    public BytesInFlight(long budgetBytes, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(budgetBytes, 2L * LargeBytes);
        budget = budgetBytes;
        free = budgetBytes;
        this.clock = clock;
    }

    /// <summary>A buffer of at least <paramref name="sizeBytes"/>, as soon as the budget allows.</summary>
    /// <param name="holder">What the buffer is for; aborted if its peer stands still while others starve.</param>
    /// <param name="share">What the session has already; null: it is none.</param>
    public ValueTask<ChunkBuffer> RentAsync(int sizeBytes, Exchange holder, BytesShare? share = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, LargeBytes);
        var capacity = sizeBytes <= SmallBytes ? SmallBytes : LargeBytes;
        Waiter waiter;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (waiters.Count == 0 && TryTake(capacity, holder, share) is { } ready)
            {
                return ValueTask.FromResult(ready);
            }

            waiter = new Waiter(capacity, holder, share, clock.GetTimestamp());
            waiters.AddLast(waiter);
            watch ??= clock.CreateTimer(_ => TakeFromStalled(), null, LookEvery, LookEvery);
        }

        return WaitAsync(waiter, holder.Aborted);
    }

    /// <summary>Frees what is not rented; rented buffers are freed as they come back.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            watch?.Dispose();
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
            buffer.Share?.Add(-buffer.Capacity);
            buffer.Idle();
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
        while (Neediest() is { } next && TryTake(next.Value.Capacity, next.Value.Holder, next.Value.Share) is { } buffer)
        {
            waiters.Remove(next);
            granted.Add((next.Value, buffer));
        }
    }

    /// <summary>Who has least; of those who have the same, who came first.</summary>
    private LinkedListNode<Waiter>? Neediest()
    {
        var neediest = waiters.First;
        for (var node = neediest?.Next; node is not null && neediest!.Value.Held > 0; node = node.Next)
        {
            neediest = node.Value.Held < neediest.Value.Held ? node : neediest;
        }

        return neediest;
    }

    private void TakeFromStalled()
    {
        List<Exchange>? stalled = null;
        lock (gate)
        {
            var isStarving = !disposed && waiters.First is { } first && clock.GetElapsedTime(first.Value.Since) >= StarvedAfter;
            foreach (var buffer in buffers)
            {
                if (buffer.StandsStill(clock) && isStarving)
                {
                    (stalled ??= []).Add(buffer.Holder!);
                }
            }
        }

        foreach (var holder in stalled ?? [])
        {
            holder.Abort();
        }
    }

    private ChunkBuffer? TryTake(int capacity, Exchange holder, BytesShare? share)
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
                buffers.Remove(other);
                other.Free();
            }

            buffer = new ChunkBuffer(this, capacity);
            buffers.Add(buffer);
            allocated += capacity;
        }

        buffer.Rented(holder, share, clock.GetTimestamp());
        share?.Add(capacity);
        return buffer;
    }

    private static void FreeAll(Stack<ChunkBuffer> idle)
    {
        while (idle.TryPop(out var buffer))
        {
            buffer.Free();
        }
    }

    private sealed class Waiter(int capacity, Exchange holder, BytesShare? share, long since)
    {
        public int Capacity => capacity;

        public Exchange Holder => holder;

        public BytesShare? Share => share;

        public long Since => since;

        public long Held => share?.Held ?? 0;

        public TaskCompletionSource<ChunkBuffer> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>What one session has of the budget.</summary>
public sealed class BytesShare
{
    private long held;

    /// <summary>Bytes of its rented buffers.</summary>
    public long Held => Interlocked.Read(ref held);

    internal void Add(long bytes) => Interlocked.Add(ref held, bytes);
}

/// <summary>A rented buffer outside the garbage-collected heap; dispose returns it. Use after that is an error that memory pays for.</summary>
public sealed unsafe class ChunkBuffer : System.Buffers.MemoryManager<byte>
{
    private readonly BytesInFlight owner;
    private byte* start;
    private int rented;
    private long movedBytes;
    private long movedAt;

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

    /// <summary>What it is rented for; null while it is idle.</summary>
    internal Exchange? Holder { get; private set; }

    internal BytesShare? Share { get; private set; }

    internal void Rented(Exchange holder, BytesShare? share, long now)
    {
        (Holder, Share, movedBytes, movedAt) = (holder, share, holder.BodyBytesMoved, now);
        rented = 1;
    }

    /// <summary>Looks whether bytes have moved since the last look; true if none have for too long. Under the budget's lock.</summary>
    internal bool StandsStill(TimeProvider clock)
    {
        if (Holder is not { } holder)
        {
            return false;
        }

        if (holder.BodyBytesMoved != movedBytes)
        {
            (movedBytes, movedAt) = (holder.BodyBytesMoved, clock.GetTimestamp());
        }

        return clock.GetElapsedTime(movedAt) >= BytesInFlight.StalledAfter;
    }

    /// <summary>Back in the budget. Under its lock.</summary>
    internal void Idle() => (Holder, Share) = (null, null);

    internal void Free()
    {
        NativeMemory.AlignedFree(start);
        start = null;
    }

    protected override void Dispose(bool disposing) => Return();
}
