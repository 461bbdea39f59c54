// The stream of an index as a file for code that reads and waits: while chunks are read in order, more and more of the next ones are fetched ahead; after a
// jump only what is wanted. For a thread of its own: it blocks until a chunk is there.
using System.Buffers;
using System.Runtime.ExceptionServices;
using Holdfast.Storage;

namespace Holdfast.Cli;

/// <summary>Random access to an archive. One thread at a time; it owns the index.</summary>
/// <param name="load">Fills the memory, which is as long as the chunk must be, with checked data, or throws.</param>
internal sealed class AheadFile(
    IndexReader index, Func<IndexEntry, Memory<byte>, CancellationToken, ValueTask> load, CancellationToken cancel) : ReadableFile
{
    private const int MaxAhead = 8;

    private readonly CancellationTokenSource stopping = CancellationTokenSource.CreateLinkedTokenSource(cancel);
    private readonly Queue<Slot> next = new();
    private Slot? current;
    private int ahead = 1;

    public override string Name => index.Name;

    public override long SizeBytes => index.TotalSize;

    public override int Read(Span<byte> buffer, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int done = 0;
        while (done < buffer.Length && offset < index.TotalSize)
        {
            Slot slot = Chunk(offset);
            int count = (int)Math.Min(buffer.Length - done, slot.Entry.End - offset);
            slot.Data.AsSpan((int)(offset - slot.Entry.Start), count).CopyTo(buffer[done..]);
            done += count;
            offset += count;
        }

        return done;
    }

    protected override void Dispose(bool disposing)
    {
        stopping.Cancel();
        current?.Drop();
        current = null;
        Forget();
        stopping.Dispose();
        index.Dispose();
    }

    private Slot Chunk(long offset)
    {
        if (current is { } here && offset >= here.Entry.Start && offset < here.Entry.End)
        {
            return here;
        }

        int number = index.Find(offset);
        bool isNext = current is { } before && number == before.Number + 1;
        current?.Drop();
        current = null;
        ahead = isNext ? Math.Min(MaxAhead, ahead * 2) : 1;
        while (next.Count > 0 && next.Peek().Number != number)
        {
            next.Dequeue().Drop();
        }

        int wanted = Math.Min(index.Count, number + ahead);
        for (int i = number + next.Count; i < wanted; i++)
        {
            next.Enqueue(new Slot(i, index[i], load, stopping.Token));
        }

        current = next.Dequeue();
        current.Wait(cancel);
        return current;
    }

    private void Forget()
    {
        while (next.TryDequeue(out Slot? slot))
        {
            slot.Drop();
        }
    }

    /// <summary>One chunk, on its way or here.</summary>
    private sealed class Slot
    {
        private readonly ManualResetEventSlim done = new();
        private ExceptionDispatchInfo? fault;
        private int owners = 2;

        public Slot(int number, IndexEntry entry, Func<IndexEntry, Memory<byte>, CancellationToken, ValueTask> load, CancellationToken cancel)
        {
            (Number, Entry) = (number, entry);
            Data = ArrayPool<byte>.Shared.Rent((int)entry.SizeBytes);
            _ = Task.Run(() => FillAsync(load, cancel), CancellationToken.None);
        }

        public int Number { get; }

        public IndexEntry Entry { get; }

        public byte[] Data { get; }

        public void Wait(CancellationToken cancel)
        {
            done.Wait(cancel);
            fault?.Throw();
        }

        /// <summary>Reader and loader each say once that they are done with the memory.</summary>
        public void Drop()
        {
            if (Interlocked.Decrement(ref owners) == 0)
            {
                ArrayPool<byte>.Shared.Return(Data);
                done.Dispose();
            }
        }

        private async Task FillAsync(Func<IndexEntry, Memory<byte>, CancellationToken, ValueTask> load, CancellationToken cancel)
        {
            try
            {
                await load(Entry, Data.AsMemory(0, (int)Entry.SizeBytes), cancel);
            }
            catch (Exception error)
            {
                fault = ExceptionDispatchInfo.Capture(error);
            }

            done.Set();
            Drop();
        }
    }
}
