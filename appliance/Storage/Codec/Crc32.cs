// CRC-32 as zlib computes it (polynomial EDB88320, reflected), by carry-less multiplication where the processor has
// it, by slicing-by-8 elsewhere and for the tails. No allocation.
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Holdfast.Storage;

/// <summary>CRC-32/ISO-HDLC.</summary>
public static class Crc32
{
    private static readonly uint[] Tables = MakeTables();

    /// <summary>The checksum of the bytes; 0xCBF43926 for "123456789".</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => ~Update(0xFFFFFFFF, data);

    /// <summary>CRC of what <paramref name="crc"/> covers with more data behind it; 0 covers nothing.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> data) => ~Update(~crc, data);

    /// <summary>The same by tables only, for comparison in tests and on other processors.</summary>
    public static uint ComputeByTables(ReadOnlySpan<byte> data) => ~UpdateByTables(0xFFFFFFFF, data);

    private static uint Update(uint crc, ReadOnlySpan<byte> data)
    {
        if (data.Length >= 64 && Pclmulqdq.IsSupported && Sse41.IsSupported)
        {
            var blocks = data.Length & ~15;
            crc = Fold(crc, data[..blocks]);
            data = data[blocks..];
        }

        return UpdateByTables(crc, data);
    }

    private static uint UpdateByTables(uint crc, ReadOnlySpan<byte> data)
    {
        ref var table = ref MemoryMarshal.GetArrayDataReference(Tables);
        while (data.Length >= 8)
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = Unsafe.Add(ref table, (int)(0x700 + (low & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(0x600 + ((low >> 8) & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(0x500 + ((low >> 16) & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(0x400 + (low >> 24)))
                ^ Unsafe.Add(ref table, (int)(0x300 + (high & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(0x200 + ((high >> 8) & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(0x100 + ((high >> 16) & 0xFF)))
                ^ Unsafe.Add(ref table, (int)(high >> 24));
            data = data[8..];
        }

        foreach (var value in data)
        {
            crc = (crc >> 8) ^ Unsafe.Add(ref table, (int)((crc ^ value) & 0xFF));
        }

        return crc;
    }

    /// <summary>
    /// Folding by four 128-bit lanes and Barrett reduction after Intel's paper "Fast CRC Computation Using PCLMULQDQ";
    /// the constants are powers of x modulo the reflected polynomial. At least 64 bytes, a multiple of 16.
    /// </summary>
    private static uint Fold(uint crc, ReadOnlySpan<byte> data)
    {
        ref var source = ref MemoryMarshal.GetReference(data);
        var lane1 = Load(ref source, 0) ^ Vector128.CreateScalar(crc).AsUInt64();
        var lane2 = Load(ref source, 16);
        var lane3 = Load(ref source, 32);
        var lane4 = Load(ref source, 48);
        nuint offset = 64;
        var length = (nuint)data.Length;
        var by512 = Vector128.Create(0x0154442bd4UL, 0x01c6e41596UL);
        while (length - offset >= 64)
        {
            lane1 = Step(lane1, by512) ^ Load(ref source, offset);
            lane2 = Step(lane2, by512) ^ Load(ref source, offset + 16);
            lane3 = Step(lane3, by512) ^ Load(ref source, offset + 32);
            lane4 = Step(lane4, by512) ^ Load(ref source, offset + 48);
            offset += 64;
        }

        var by128 = Vector128.Create(0x01751997d0UL, 0x00ccaa009eUL);
        lane1 = Step(lane1, by128) ^ lane2;
        lane1 = Step(lane1, by128) ^ lane3;
        lane1 = Step(lane1, by128) ^ lane4;
        while (length - offset >= 16)
        {
            lane1 = Step(lane1, by128) ^ Load(ref source, offset);
            offset += 16;
        }

        return Reduce(lane1, by128);
    }

    private static uint Reduce(Vector128<ulong> lane, Vector128<ulong> by128)
    {
        var low32 = Vector128.Create(0x00000000FFFFFFFFUL, 0x00000000FFFFFFFFUL);
        var folded = Sse2.ShiftRightLogical128BitLane(lane, 8) ^ Pclmulqdq.CarrylessMultiply(lane, by128, 0x10);
        var by64 = Vector128.CreateScalar(0x0163cd6124UL);
        folded = Sse2.ShiftRightLogical128BitLane(folded, 4)
            ^ Pclmulqdq.CarrylessMultiply(folded & low32, by64, 0x00);
        var barrett = Vector128.Create(0x01db710641UL, 0x01f7011641UL);
        var quotient = Pclmulqdq.CarrylessMultiply(folded & low32, barrett, 0x10) & low32;
        folded ^= Pclmulqdq.CarrylessMultiply(quotient, barrett, 0x00);
        return folded.AsUInt32().GetElement(1);
    }

    private static Vector128<ulong> Step(Vector128<ulong> lane, Vector128<ulong> constants) =>
        Pclmulqdq.CarrylessMultiply(lane, constants, 0x00) ^ Pclmulqdq.CarrylessMultiply(lane, constants, 0x11);

    private static Vector128<ulong> Load(ref byte source, nuint offset) =>
        Vector128.LoadUnsafe(ref source, offset).AsUInt64();

    private static uint[] MakeTables()
    {
        var tables = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value >> 1) ^ ((value & 1) * 0xEDB88320u);
            }

            tables[i] = value;
        }

        for (var i = 256; i < tables.Length; i++)
        {
            var above = tables[i - 256];
            tables[i] = (above >> 8) ^ tables[above & 0xFF];
        }

        return tables;
    }
}
