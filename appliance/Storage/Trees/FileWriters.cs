// Threads that make files: batches of small files of one folder come in through a bounded queue. The first fault that ends all is kept and thrown to whoever
// feeds them.
using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Holdfast.Storage;

/// <summary>Small files of one folder, with their content.</summary>
internal sealed class FileBatch(TreeTarget folder) : IDisposable
{
    /// <summary>Files, and bytes of content, after which a batch is full.</summary>
    public const int MaxFiles = 32;
    public const int FullBytes = 256 * 1024;

    private byte[] buffer = ArrayPool<byte>.Shared.Rent(FullBytes + FileWriters.SmallBytes);
    private int length;

    public TreeTarget Folder => folder;

    public List<(ReadOnlyMemory<byte> Name, PxarMetadata Metadata, ReadOnlyMemory<byte> Content)> Files { get; } = new(MaxFiles);

    public bool IsFull => Files.Count >= MaxFiles || length >= FullBytes;

    /// <summary>Room for the content of the next file, which the caller fills.</summary>
    public Span<byte> Add(ReadOnlyMemory<byte> name, PxarMetadata metadata, int sizeBytes)
    {
        Files.Add((name, metadata, buffer.AsMemory(length, sizeBytes)));
        length += sizeBytes;
        return buffer.AsSpan(length - sizeBytes, sizeBytes);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }
}

internal sealed class FileWriters : IDisposable
{
    /// <summary>Larger files are not batched.</summary>
    public const int SmallBytes = 256 * 1024;

    private const int MaxBatches = 24;
    private const int HoleBytes = 64 * 1024;

    private readonly BlockingCollection<FileBatch> queue = new(MaxBatches);
    private readonly ExtractOptions options;
    private readonly ExtractCount count;
    private readonly List<Thread> threads = [];
    private readonly Lock idleGate = new();
    private readonly ManualResetEventSlim idle = new(true);
    private readonly CancellationToken cancel;
    private int waiting;
    private ExceptionDispatchInfo? fault;

    public FileWriters(ExtractOptions options, ExtractCount count, CancellationToken cancel)
    {
        (this.options, this.count, this.cancel) = (options, count, cancel);
        for (var i = 0; i < Math.Max(1, options.Writers); i++)
        {
            var thread = new Thread(Run) { IsBackground = true, Name = "restore" };
            threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Makes one file, with holes where its content is zero for long.</summary>
    /// <param name="write">Writes the content through the second argument: bytes and their offset.</param>
    public static void Make(
        TreeTarget folder, ReadOnlySpan<byte> name, PxarMetadata metadata, long sizeBytes, ExtractOptions options,
        Action<Action<ReadOnlyMemory<byte>, long>> write)
    {
        using var file = Create(folder, name, options);
        NodeMetadata.SetInitialFlags(file, metadata, Tell(folder, name.ToArray()));
        write((data, offset) => WriteWithHoles(file, data.Span, offset));
        file.SetLength(sizeBytes);
        NodeMetadata.Set(file, metadata, options.WithOwner, Tell(folder, name.ToArray()));
    }

    /// <summary>Takes a batch over, waiting while too many are queued.</summary>
    public void Add(FileBatch batch)
    {
        ThrowIfFailed();
        batch.Folder.Hold();
        lock (idleGate)
        {
            waiting++;
            idle.Reset();
        }

        queue.Add(batch, cancel);
    }

    /// <summary>Returns when everything that was added is written.</summary>
    public void Drain()
    {
        idle.Wait(cancel);
        ThrowIfFailed();
    }

    public void ThrowIfFailed() => Volatile.Read(ref fault)?.Throw();

    public void Dispose()
    {
        queue.CompleteAdding();
        threads.ForEach(static thread => thread.Join());
        queue.Dispose();
        idle.Dispose();
    }

    private static Action<string> Tell(TreeTarget folder, byte[] name) => text => folder.Problem(name, text);

    private static TreeNode Create(TreeTarget folder, ReadOnlySpan<byte> name, ExtractOptions options)
    {
        var node = folder.Open()!;
        try
        {
            return node.CreateFile(name);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.Exists && options.Replaces)
        {
            node.Unlink(name);
            return node.CreateFile(name);
        }
    }

    private static void WriteWithHoles(TreeNode file, ReadOnlySpan<byte> data, long offset)
    {
        while (!data.IsEmpty)
        {
            var part = data[..Math.Min(HoleBytes, data.Length)];
            if (part.Length < HoleBytes || part.ContainsAnyExcept((byte)0))
            {
                file.Write(part, offset);
            }

            offset += part.Length;
            data = data[part.Length..];
        }
    }

    private void Run()
    {
        foreach (var batch in queue.GetConsumingEnumerable(CancellationToken.None))
        {
            using (batch)
            {
                Write(batch);
                batch.Folder.Release();
            }

            lock (idleGate)
            {
                if (--waiting == 0)
                {
                    idle.Set();
                }
            }
        }
    }

    private void Write(FileBatch batch)
    {
        try
        {
            foreach (var (name, metadata, content) in batch.Files)
            {
                if (Volatile.Read(ref fault) is not null || cancel.IsCancellationRequested)
                {
                    return;
                }

                Write(batch.Folder, name.Span, metadata, content.Span);
            }
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref fault, ExceptionDispatchInfo.Capture(error), null);
        }
    }

    private void Write(TreeTarget folder, ReadOnlySpan<byte> name, PxarMetadata metadata, ReadOnlySpan<byte> content)
    {
        try
        {
            using var file = Create(folder, name, options);
            var tell = Tell(folder, name.ToArray());
            NodeMetadata.SetInitialFlags(file, metadata, tell);
            file.Write(content, 0);
            NodeMetadata.Set(file, metadata, options.WithOwner, tell);
            count.AddFile(content.Length);
        }
        catch (VolumeException error) when (!ExtractOptions.EndsAll(error))
        {
            folder.Problem(name, error.Message);
        }
    }
}
