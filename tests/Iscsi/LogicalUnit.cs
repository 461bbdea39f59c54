// A unit behind a target: takes commands of SCSI and answers with data, a status and a sense. What all units have in common (SPC-5) is here; a
// disk, and later a tape drive or a changer, adds its own.
using System.Buffers.Binary;
using System.Text;

namespace Holdfast.Tests.Iscsi;

/// <summary>Why a command failed (SPC-5, 4.4): key, additional code and qualifier.</summary>
internal readonly record struct Sense(byte Key, byte Code, byte Qualifier)
{
    public static readonly Sense InvalidCommand = new(5, 0x20, 0);
    public static readonly Sense OutOfRange = new(5, 0x21, 0);
    public static readonly Sense InvalidField = new(5, 0x24, 0);
    public static readonly Sense NoSuchUnit = new(5, 0x25, 0);
    public static readonly Sense PowerOn = new(6, 0x29, 0);
    public static readonly Sense DataDamaged = new(11, 0x47, 5);
    public static readonly Sense WriteFailed = new(3, 0x0C, 0);
    public static readonly Sense ReadFailed = new(3, 0x11, 0);

    /// <summary>Fixed format, 18 bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[18];
        (bytes[0], bytes[2], bytes[7], bytes[12], bytes[13]) = (0x70, Key, 10, Code, Qualifier);
        return bytes;
    }
}

/// <summary>How a command ended.</summary>
/// <param name="Data">For the initiator.</param>
/// <param name="Failure">Null = GOOD, else CHECK CONDITION.</param>
internal sealed record Outcome(byte[] Data, Sense? Failure = null)
{
    public const byte Good = 0;
    public const byte CheckCondition = 2;

    public static readonly Outcome Done = new([]);

    public byte Status => Failure is null ? Good : CheckCondition;

    public static Outcome Failed(Sense sense) => new([], sense);
}

/// <summary>A unit. Commands come one at a time.</summary>
/// <param name="deviceType">SPC-5, 6.7.2: 0 disk, 1 tape, 8 changer.</param>
/// <param name="serial">Up to 32 characters.</param>
internal abstract class LogicalUnit(byte deviceType, string vendor, string product, string revision, string serial)
{
    /// <summary>Longest transfer of a command.</summary>
    public const int TransferMaxBytes = 8 * 1024 * 1024;

    /// <summary>Commands that the unit knows, for REPORT SUPPORTED OPERATION CODES.</summary>
    protected abstract IReadOnlyList<byte> Opcodes { get; }

    /// <summary>Does a command.</summary>
    /// <param name="written">All data that the initiator had for it.</param>
    public Outcome Execute(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> written) => cdb[0] switch
    {
        0x00 => TestReady(),
        0x03 => Cut(default(Sense).ToBytes(), cdb[4]),
        0x12 => Inquire(cdb),
        0xA3 when (cdb[1] & 0x1F) == 0x0C => Cut(Supported(), U32(cdb, 6)),
        _ => Do(cdb, written),
    };

    /// <summary>Bytes that a command wants to be written; -1 = more than a command may.</summary>
    public virtual long WriteLength(ReadOnlySpan<byte> cdb) => 0;

    protected virtual Outcome TestReady() => Outcome.Done;

    protected abstract Outcome Do(ReadOnlySpan<byte> cdb, ReadOnlySpan<byte> written);

    /// <summary>A page of vital product data (SPC-5, 7.7); null = it has no such page.</summary>
    protected virtual byte[]? Page(byte code) => null;

    protected virtual IReadOnlyList<byte> Pages => [0x00, 0x80, 0x83];

    /// <summary>Data up to the length that the command allows.</summary>
    protected static Outcome Cut(byte[] data, uint most) => new(data.Length <= most ? data : data[..(int)most]);

    protected static uint U32(ReadOnlySpan<byte> cdb, int at) => BinaryPrimitives.ReadUInt32BigEndian(cdb[at..]);

    protected static ushort U16(ReadOnlySpan<byte> cdb, int at) => BinaryPrimitives.ReadUInt16BigEndian(cdb[at..]);

    private Outcome Inquire(ReadOnlySpan<byte> cdb)
    {
        var most = U16(cdb, 3);
        if ((cdb[1] & 1) == 0)
        {
            return cdb[2] != 0 ? Outcome.Failed(Sense.InvalidField) : Cut(Standard(), most);
        }

        var content = cdb[2] switch
        {
            0x00 => [.. Pages],
            0x80 => Encoding.ASCII.GetBytes(serial),
            0x83 => Designator(),
            var other => Page(other),
        };
        return content is null ? Outcome.Failed(Sense.InvalidField)
            : Cut([deviceType, cdb[2], (byte)(content.Length >> 8), (byte)content.Length, .. content], most);
    }

    private byte[] Standard()
    {
        var data = new byte[36];
        (data[0], data[2], data[3], data[4], data[7]) = (deviceType, 6, 2, 31, 2);
        Encoding.ASCII.GetBytes(vendor.PadRight(8)[..8]).CopyTo(data, 8);
        Encoding.ASCII.GetBytes(product.PadRight(16)[..16]).CopyTo(data, 16);
        Encoding.ASCII.GetBytes(revision.PadRight(4)[..4]).CopyTo(data, 32);
        return data;
    }

    /// <summary>T10 vendor identification: vendor, product and serial, ASCII.</summary>
    private byte[] Designator()
    {
        var name = Encoding.ASCII.GetBytes(vendor.PadRight(8)[..8] + product.PadRight(16)[..16] + serial);
        return [2, 1, 0, (byte)name.Length, .. name];
    }

    private byte[] Supported()
    {
        byte[] all = [0x00, 0x03, 0x12, 0xA0, 0xA3, .. Opcodes];
        var data = new byte[4 + (all.Length * 8)];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)(data.Length - 4));
        for (var i = 0; i < all.Length; i++)
        {
            data[4 + (i * 8)] = all[i];
            data[4 + (i * 8) + 7] = all[i] switch { < 0x20 => 6, < 0x60 => 10, >= 0x80 and < 0xA0 => 16, _ => 12 };
        }

        return data;
    }
}
