// Writes a zip archive front to back into a buffer that its owner drains: sizes follow each entry, everything with 64 bits, names as UTF-8 where they are. The
// directory at the end is kept as bytes until then, which is what bounds the number of entries.
using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace Holdfast.Storage;

/// <summary>Encoder of one zip archive. Not for several threads.</summary>
public sealed class ZipWriter(IBufferWriter<byte> output)
{
    /// <summary>Largest directory: some two million entries.</summary>
    public const int MaxDirectoryBytes = 256 * 1024 * 1024;

    private const ushort Version = 45;
    private const ushort SizesFollow = 0x0008;
    private const ushort Utf8Name = 0x0800;
    private const ushort Deflated = 8;

    private readonly CountingOutput counted = new(output);
    private readonly ArrayBufferWriter<byte> directory = new(4096);
    private DeflateStream? deflate;
    private Entry current;
    private long count;

    private record struct Entry(byte[] Name, uint Mode, uint DosTime, ushort Flags, ushort Method, long Start, long ContentStart, uint Crc, long SizeBytes);

    /// <summary>A folder; the slash behind its name is added.</summary>
    public void AddFolder(ReadOnlySpan<byte> path, uint mode, long mtimeS)
    {
        Begin([.. path, (byte)'/'], mode, mtimeS, 0);
        End();
    }

    /// <summary>Starts a file; its content comes by <see cref="Write"/>.</summary>
    /// <exception cref="RefusedException">Too many entries for one archive.</exception>
    public void BeginFile(ReadOnlySpan<byte> path, uint mode, long mtimeS)
    {
        Begin(path.ToArray(), mode, mtimeS, Deflated);
        deflate = new DeflateStream(new OutputStream(counted), CompressionLevel.Fastest);
    }

    public void Write(ReadOnlySpan<byte> content)
    {
        deflate!.Write(content);
        current.Crc = Crc32.Continue(current.Crc, content);
        current.SizeBytes += content.Length;
    }

    public void EndFile()
    {
        deflate!.Dispose();
        deflate = null;
        End();
    }

    /// <summary>Writes the directory: the archive is complete.</summary>
    public void Finish()
    {
        var start = counted.Bytes;
        counted.Write(directory.WrittenSpan);
        var size = counted.Bytes - start;
        var end = counted.Bytes;
        Put(0x06064b50u, 44ul, Version, Version, 0u, 0u, (ulong)count, (ulong)count, (ulong)size, (ulong)start);
        Put(0x07064b50u, 0u, (ulong)end, 1u);
        var few = (ushort)Math.Min(count, ushort.MaxValue);
        Put(0x06054b50u, (ushort)0, (ushort)0, few, few, Small(size), Small(start), (ushort)0);
    }

    private static uint Small(long value) => value < uint.MaxValue ? (uint)value : uint.MaxValue;

    /// <summary>The time as FAT has it: two seconds fine, from 1980 to 2107.</summary>
    private static uint DosTime(long mtimeS)
    {
        var time = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(mtimeS, 315_532_800, 4_354_819_198)).UtcDateTime;
        return ((uint)(time.Year - 1980) << 25) | ((uint)time.Month << 21) | ((uint)time.Day << 16)
            | ((uint)time.Hour << 11) | ((uint)time.Minute << 5) | ((uint)time.Second / 2);
    }

    private void Begin(byte[] name, uint mode, long mtimeS, ushort method)
    {
        if (directory.WrittenCount > MaxDirectoryBytes)
        {
            throw new RefusedException("too many files for a zip archive: a tar archive takes them");
        }

        var flags = (ushort)(SizesFollow | (System.Text.Unicode.Utf8.IsValid(name) ? Utf8Name : 0));
        current = new Entry(name, mode, DosTime(mtimeS), flags, method, counted.Bytes, 0, 0, 0);
        Put(0x04034b50u, Version, flags, method, current.DosTime, 0u, uint.MaxValue, uint.MaxValue, (ushort)name.Length, (ushort)20);
        counted.Write(name);
        Put((ushort)1, (ushort)16, 0ul, 0ul);
        current.ContentStart = counted.Bytes;
    }

    private void End()
    {
        var packed = counted.Bytes - current.ContentStart;
        Put(0x08074b50u, current.Crc, (ulong)packed, (ulong)current.SizeBytes);
        var isFolder = current.Name[^1] == (byte)'/';
        PutTo(directory, 0x02014b50u, (ushort)(0x0300 | Version), Version, current.Flags, current.Method, current.DosTime, current.Crc, uint.MaxValue,
            uint.MaxValue, (ushort)current.Name.Length, (ushort)28, (ushort)0, (ushort)0, (ushort)0, (current.Mode << 16) | (isFolder ? 0x10u : 0u),
            uint.MaxValue);
        directory.Write(current.Name);
        PutTo(directory, (ushort)1, (ushort)24, (ulong)current.SizeBytes, (ulong)packed, (ulong)current.Start);
        count++;
    }

    private void Put(params ReadOnlySpan<object> fields) => PutTo(counted, fields);

    /// <summary>Little-endian numbers, each as wide as its type.</summary>
    private static void PutTo(IBufferWriter<byte> target, params ReadOnlySpan<object> fields)
    {
        var span = target.GetSpan(fields.Length * 8);
        var at = 0;
        foreach (var field in fields)
        {
            switch (field)
            {
                case ushort two:
                    BinaryPrimitives.WriteUInt16LittleEndian(span[at..], two);
                    at += 2;
                    break;
                case uint four:
                    BinaryPrimitives.WriteUInt32LittleEndian(span[at..], four);
                    at += 4;
                    break;
                default:
                    BinaryPrimitives.WriteUInt64LittleEndian(span[at..], (ulong)field);
                    at += 8;
                    break;
            }
        }

        target.Advance(at);
    }
}

/// <summary>Counts what passes.</summary>
internal sealed class CountingOutput(IBufferWriter<byte> output) : IBufferWriter<byte>
{
    public long Bytes { get; private set; }

    public void Advance(int count)
    {
        output.Advance(count);
        Bytes += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => output.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => output.GetSpan(sizeHint);
}

/// <summary>A buffer as a stream, for code that writes to streams.</summary>
internal sealed class OutputStream(IBufferWriter<byte> output) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer) => output.Write(buffer);

    public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
