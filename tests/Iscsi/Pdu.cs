// A PDU of iSCSI on the wire (RFC 7143, 11): a header of 48 bytes, additional headers, data padded to words, and CRC32C of either where that was agreed on.
// Lengths are checked before anything is made room for.
using System.Buffers.Binary;
using System.Numerics;

namespace Holdfast.Tests.Iscsi;

/// <summary>What the other side sent can't be.</summary>
internal sealed class IscsiException(string message) : Exception(message);

/// <summary>Numbers of the protocol, RFC 7143 11.2.1.2.</summary>
internal static class Opcode
{
    public const byte NopOut = 0x00;
    public const byte Command = 0x01;
    public const byte TaskManagement = 0x02;
    public const byte Login = 0x03;
    public const byte Text = 0x04;
    public const byte DataOut = 0x05;
    public const byte Logout = 0x06;
    public const byte NopIn = 0x20;
    public const byte Response = 0x21;
    public const byte TaskManaged = 0x22;
    public const byte LoginAnswer = 0x23;
    public const byte TextAnswer = 0x24;
    public const byte DataIn = 0x25;
    public const byte LogoutAnswer = 0x26;
    public const byte ReadyToTransfer = 0x31;
    public const byte Reject = 0x3F;
}

/// <summary>Which parts carry a CRC32C.</summary>
internal readonly record struct Digests(bool Header, bool Data);

/// <summary>One PDU.</summary>
internal sealed class Pdu(byte opcode)
{
    public const int HeaderBytes = 48;
    public const uint NoTag = 0xFFFF_FFFF;
    private const int DigestBytes = 4;

    public byte[] Header { get; private init; } = NewHeader(opcode);

    public byte[] Data { get; set; } = [];

    /// <summary>The data came damaged; the header did not.</summary>
    public bool IsDataDamaged { get; private init; }

    public byte Code => (byte)(Header[0] & 0x3F);

    public bool IsImmediate => (Header[0] & 0x40) != 0;

    public byte Flags
    {
        get => Header[1];
        set => Header[1] = value;
    }

    public bool IsFinal => (Flags & 0x80) != 0;

    public uint Tag
    {
        get => this[16];
        set => this[16] = value;
    }

    /// <summary>A number of four bytes at a place of the header.</summary>
    public uint this[int at]
    {
        get => BinaryPrimitives.ReadUInt32BigEndian(Header.AsSpan(at));
        set => BinaryPrimitives.WriteUInt32BigEndian(Header.AsSpan(at), value);
    }

    /// <summary>The unit that is meant; -1 = addressed in a way that no unit here has (SAM-5, 4.7).</summary>
    public int Lun => Header[8] == 0 && Header.AsSpan(10, 6).IndexOfAnyExcept((byte)0) < 0 ? Header[9] : -1;

    /// <summary>Reads one; null = the other side hung up between two.</summary>
    /// <param name="dataMaxBytes">What was announced as the longest data segment.</param>
    /// <exception cref="IscsiException">Too long, or a damaged header: the stream can't be trusted any more.</exception>
    public static async Task<Pdu?> ReadAsync(Stream stream, Digests digests, int dataMaxBytes, CancellationToken cancel)
    {
        var header = new byte[HeaderBytes];
        var got = await stream.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, cancel);
        if (got < HeaderBytes)
        {
            return got == 0 ? null : throw new IscsiException("the connection ended in a header");
        }

        var length = (header[5] << 16) | (header[6] << 8) | header[7];
        if (header[4] != 0)
        {
            throw new IscsiException("additional headers are for commands that no unit here has");
        }

        if (length > dataMaxBytes)
        {
            throw new IscsiException($"a data segment of {length} bytes; {dataMaxBytes} were announced");
        }

        if (digests.Header && await DigestAsync() != Crc(header))
        {
            throw new IscsiException("a damaged header");
        }

        var padded = new byte[(length + 3) & ~3];
        await stream.ReadExactlyAsync(padded, cancel);
        var isDamaged = length > 0 && digests.Data && await DigestAsync() != Crc(padded);
        return new Pdu(0) { Header = header, Data = padded[..length], IsDataDamaged = isDamaged };

        async Task<uint> DigestAsync()
        {
            var digest = new byte[DigestBytes];
            await stream.ReadExactlyAsync(digest, cancel);
            return BinaryPrimitives.ReadUInt32LittleEndian(digest);
        }
    }

    /// <summary>Its bytes, digests included.</summary>
    public byte[] ToBytes(Digests digests)
    {
        (Header[5], Header[6], Header[7]) = ((byte)(Data.Length >> 16), (byte)(Data.Length >> 8), (byte)Data.Length);
        var padded = (Data.Length + 3) & ~3;
        var bytes = new byte[HeaderBytes + (digests.Header ? DigestBytes : 0) + padded + (digests.Data && padded > 0 ? DigestBytes : 0)];
        Header.CopyTo(bytes, 0);
        var at = HeaderBytes;
        if (digests.Header)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), Crc(Header));
            at += DigestBytes;
        }

        Data.CopyTo(bytes, at);
        if (digests.Data && padded > 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + padded), Crc(bytes.AsSpan(at, padded)));
        }

        return bytes;
    }

    /// <summary>CRC32C, RFC 7143 13.1.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }

    private static byte[] NewHeader(byte opcode)
    {
        var header = new byte[HeaderBytes];
        header[0] = opcode;
        return header;
    }
}
