// A disk as a unit (SBC-4): blocks of 512 bytes over a stream that can be sought.
using System.Buffers.Binary;

namespace Holdfast.Tests.Iscsi;

/// <summary>The disk.</summary>
/// <param name="content">Read, written, sought and flushed; its length is the disk's.</param>
internal sealed class DiskUnit(Stream content, string serial) : LogicalUnit(0, "HOLDFAST", "RIG DISK", "1", serial)
{
    public const int BlockBytes = 512;

    /// <summary>How often somebody asked for what was written to be made durable.</summary>
    public int Flushes { get; private set; }

    private long Blocks => content.Length / BlockBytes;

    protected override IReadOnlyList<byte> Opcodes => [0x08, 0x0A, 0x1A, 0x25, 0x28, 0x2A, 0x2F, 0x35, 0x5A, 0x88, 0x8A, 0x91, 0x9E];

    protected override IReadOnlyList<byte> Pages => [0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2];

    public override long WriteLength(ReadOnlySpan<byte> cdb) =>
        cdb[0] is 0x0A or 0x2A or 0x8A ? Range(cdb) is var (_, count) && count * BlockBytes <= TransferMaxBytes ? count * BlockBytes : -1 : 0;

    protected override Outcome Do(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> written)
    {
        switch (cdb[0])
        {
            case 0x08 or 0x28 or 0x88 or 0x0A or 0x2A or 0x8A:
                return Transfer(cdb, written);
            case 0x2F: // VERIFY: that the blocks are there; their bytes are not sent along.
                var (at, count) = Range(cdb);
                return (cdb[1] & 6) != 0 ? Outcome.Failed(Sense.InvalidField) : at + count > Blocks ? Outcome.Failed(Sense.OutOfRange) : Outcome.Done;
            case 0x35 or 0x91:
                content.Flush();
                Flushes++;
                return Outcome.Done;
            case 0x25:
                return new Outcome(Capacity10());
            case 0x9E when (cdb[1] & 0x1F) == 0x10:
                return Cut(Capacity16(), U32(cdb, 10));
            case 0x1A:
                return Cut(Mode(cdb[2], 4), cdb[4]);
            case 0x5A:
                return Cut(Mode(cdb[2], 8), U16(cdb, 7));
            default:
                return Outcome.Failed(Sense.InvalidCommand);
        }
    }

    protected override byte[]? Page(byte code)
    {
        var page = new byte[60];
        switch (code)
        {
            case 0xB0: // Block limits: longest transfer.
                BinaryPrimitives.WriteUInt32BigEndian(page.AsSpan(4), TransferMaxBytes / BlockBytes);
                return page;
            case 0xB1: // Nothing turns.
                page[1] = 1;
                return page;
            case 0xB2:
                return new byte[4];
            default:
                return null;
        }
    }

    private Outcome Transfer(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> written)
    {
        var (at, count) = Range(cdb);
        if (at > Blocks || count > Blocks - at)
        {
            return Outcome.Failed(Sense.OutOfRange);
        }

        if (count * BlockBytes > TransferMaxBytes)
        {
            return Outcome.Failed(Sense.InvalidField);
        }

        var isWrite = cdb[0] is 0x0A or 0x2A or 0x8A;
        try
        {
            content.Position = at * BlockBytes;
            if (isWrite)
            {
                // What the initiator has beyond the blocks that it names is not written (it is told so: the residual).
                content.Write(written[..(int)Math.Min(written.Length, count * BlockBytes)]);
                if (cdb[0] != 0x0A && (cdb[1] & 8) != 0) // FUA
                {
                    content.Flush();
                    Flushes++;
                }

                return Outcome.Done;
            }

            var data = new byte[count * BlockBytes];
            content.ReadExactly(data);
            return new Outcome(data);
        }
        catch (IOException)
        {
            return Outcome.Failed(isWrite ? Sense.WriteFailed : Sense.ReadFailed);
        }
    }

    /// <summary>First block and how many.</summary>
    private static (long At, long Count) Range(ReadOnlySpan<byte> cdb) => cdb[0] switch
    {
        0x08 or 0x0A => (((cdb[1] & 0x1F) << 16) | U16(cdb, 2), cdb[4] == 0 ? 256 : cdb[4]),
        0x88 or 0x8A => ((long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(cdb[2..]), long.MaxValue), U32(cdb, 10)),
        _ => (U32(cdb, 2), U16(cdb, 7)),
    };

    private byte[] Capacity10()
    {
        var data = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)Math.Min(Blocks - 1, uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), BlockBytes);
        return data;
    }

    private byte[] Capacity16()
    {
        var data = new byte[32];
        BinaryPrimitives.WriteInt64BigEndian(data, Blocks - 1);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(8), BlockBytes);
        return data;
    }

    /// <summary>Mode parameters: a header, and the caching page, which says that there is a cache to be flushed (SBC-4, 6.5.5). DPOFUA: FUA is kept.</summary>
    private static byte[] Mode(byte wanted, int headerBytes)
    {
        byte[] caching = (wanted & 0x3F) is 0x08 or 0x3F ? [0x08, 18, 4, .. new byte[17]] : [];
        var header = new byte[headerBytes];
        if (headerBytes == 4)
        {
            (header[0], header[2]) = ((byte)(3 + caching.Length), 0x10);
        }
        else
        {
            (header[1], header[3]) = ((byte)(6 + caching.Length), 0x10);
        }

        return [.. header, .. caching];
    }
}
