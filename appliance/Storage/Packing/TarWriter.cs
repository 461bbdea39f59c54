// Writes a tar archive in GNU's form, in which names are bytes of any length: front to back into a buffer that its owner drains.
using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Holdfast.Storage;

/// <summary>Encoder of one tar archive. Not for several threads.</summary>
public sealed class TarWriter(IBufferWriter<byte> output)
{
    private const int BlockBytes = 512;
    private const int NameBytes = 100;

    private long contentLeft;
    private int padding;

    /// <summary>Type letters of GNU tar.</summary>
    public enum Kind : byte
    {
        File = (byte)'0',
        HardLink = (byte)'1',
        Symlink = (byte)'2',
        CharDevice = (byte)'3',
        BlockDevice = (byte)'4',
        Folder = (byte)'5',
        Fifo = (byte)'6',
    }

    /// <summary>Starts an entry; a file's content of exactly that many bytes must follow by <see cref="Write"/>.</summary>
    /// <param name="path">Without a slash in front; folders get one behind.</param>
    public void Add(
        Kind kind, ReadOnlySpan<byte> path, PxarMetadata metadata, long sizeBytes = 0, ReadOnlySpan<byte> target = default, ulong major = 0,
        ulong minor = 0)
    {
        if (contentLeft != 0)
        {
            throw new InvalidOperationException("content of the entry before is missing");
        }

        byte[] name = kind == Kind.Folder ? [.. path, (byte)'/'] : path.ToArray();
        Long('L', name);
        Long('K', target);
        Span<byte> block = stackalloc byte[BlockBytes];
        Head(block, (byte)kind, name, sizeBytes, target);
        Octal(block.Slice(100, 8), (long)(metadata.Mode & FileModes.PermissionMask));
        Octal(block.Slice(108, 8), metadata.Uid);
        Octal(block.Slice(116, 8), metadata.Gid);
        Octal(block.Slice(136, 12), metadata.MtimeS);
        Octal(block.Slice(329, 8), (long)major);
        Octal(block.Slice(337, 8), (long)minor);
        Seal(block);
        contentLeft = sizeBytes;
        padding = (int)((BlockBytes - (sizeBytes % BlockBytes)) % BlockBytes);
    }

    /// <summary>Content of the file that was started.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        contentLeft -= content.Length;
        ArgumentOutOfRangeException.ThrowIfNegative(contentLeft, nameof(content));
        output.Write(content);
        if (contentLeft == 0)
        {
            Zeros(padding);
            padding = 0;
        }
    }

    /// <summary>Two empty blocks: the archive is complete.</summary>
    public void Finish() => Zeros(2 * BlockBytes);

    /// <summary>A text that does not fit its field gets an entry of its own in front.</summary>
    private void Long(char type, ReadOnlySpan<byte> text)
    {
        if (text.Length <= NameBytes)
        {
            return;
        }

        Span<byte> block = stackalloc byte[BlockBytes];
        Head(block, (byte)type, "././@LongLink"u8, text.Length + 1, default);
        Seal(block);
        output.Write(text);
        Zeros(BlockBytes - (text.Length % BlockBytes));
    }

    private static void Head(Span<byte> block, byte type, ReadOnlySpan<byte> name, long sizeBytes, ReadOnlySpan<byte> target)
    {
        block.Clear();
        name[..Math.Min(NameBytes, name.Length)].CopyTo(block);
        Octal(block.Slice(124, 12), sizeBytes);
        block[156] = type;
        target[..Math.Min(NameBytes, target.Length)].CopyTo(block[157..]);
        "ustar  \0"u8.CopyTo(block[257..]);
    }

    private void Seal(Span<byte> block)
    {
        block.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var one in block)
        {
            sum += one;
        }

        Octal(block.Slice(148, 7), sum);
        output.Write(block);
    }

    /// <summary>Octal digits and a NUL; what does not fit goes in binary, as GNU does.</summary>
    private static void Octal(Span<byte> field, long value)
    {
        var digits = field.Length - 1;
        if (value >= 0 && (digits >= 21 || value < 1L << (3 * digits)))
        {
            Encoding.ASCII.GetBytes(Convert.ToString(value, 8).PadLeft(digits, '0'), field);
            field[digits] = 0;
            return;
        }

        field.Fill(value < 0 ? (byte)0xff : (byte)0);
        BinaryPrimitives.WriteInt64BigEndian(field[^Math.Min(8, field.Length)..], value);
        field[0] |= 0x80;
    }

    private void Zeros(int count)
    {
        while (count > 0)
        {
            var span = output.GetSpan(1);
            var part = Math.Min(count, span.Length);
            span[..part].Clear();
            output.Advance(part);
            count -= part;
        }
    }
}
