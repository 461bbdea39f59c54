// An open file of a volume, and the read-only half of it that parsers need. Offsets are explicit, so one file may be
// read by several threads.
namespace Holdfast.Storage;

/// <summary>Bytes that can be read at any offset.</summary>
public abstract class ReadableFile : IDisposable
{
    /// <summary>Name for messages: the path inside the datastore.</summary>
    public abstract string Name { get; }

    public abstract long SizeBytes { get; }

    /// <summary>Reads up to <paramref name="buffer"/>.Length bytes; fewer only at the end of the file.</summary>
    public abstract int Read(Span<byte> buffer, long offset);

    /// <summary>Fills the whole buffer or throws <see cref="CorruptDataException"/>: the file is shorter than it
    /// says.</summary>
    public void ReadExactly(Span<byte> buffer, long offset)
    {
        if (Read(buffer, offset) != buffer.Length)
        {
            throw new CorruptDataException(Name, "file is truncated") { IsShortRead = offset + buffer.Length <= SizeBytes };
        }
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>An open file of a <see cref="Volume"/>.</summary>
public abstract class VolumeFile : ReadableFile
{
    /// <summary>Writes the whole span at the offset.</summary>
    public abstract void Write(ReadOnlySpan<byte> data, long offset);

    public abstract void Truncate(long sizeBytes);

    /// <summary>fsync. A failure marks the volume failed and is never retried.</summary>
    public abstract void Sync();

    /// <summary>Asks the kernel to start writing the dirty pages, without waiting. Promises nothing.</summary>
    public abstract void StartWriteBack();
}

/// <summary>A read-only file over memory, for indexes that arrived over the network.</summary>
public sealed class MemoryFile(string name, ReadOnlyMemory<byte> data) : ReadableFile
{
    public override string Name => name;

    public override long SizeBytes => data.Length;

    public override int Read(Span<byte> buffer, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (offset >= data.Length)
        {
            return 0;
        }

        var part = data.Span[(int)offset..];
        var count = Math.Min(part.Length, buffer.Length);
        part[..count].CopyTo(buffer);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        // Nothing is held: the memory belongs to the caller.
    }
}
