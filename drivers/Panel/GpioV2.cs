// Lines of a GPIO character device, version 2 of its interface (linux/gpio.h; hardware-interfaces 6.1), by ioctl: outputs that are set, inputs whose edges
// are read with the kernel's own debounce. Layouts are fixed and asserted; padding is zero or the kernel refuses.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Panel;

/// <summary>The requests.</summary>
public static partial class GpioV2
{
    public const int ChipInfoBytes = 68;
    public const int LineRequestBytes = 592;
    public const int EventBytes = 48;
    private const uint GetChipInfo = 0x8044b401;
    private const uint GetLine = 0xc250b407;
    private const uint SetValues = 0xc010b40f;
    private const ulong ActiveLow = 1 << 1;
    private const ulong Input = 1 << 2;
    private const ulong Output = 1 << 3;
    private const ulong Edges = (1 << 4) | (1 << 5);

    /// <summary>The label of an open chip.</summary>
    /// <exception cref="IOException">No GPIO chip.</exception>
    public static string Label(SafeFileHandle chip)
    {
        var info = new byte[ChipInfoBytes];
        Call(chip, GetChipInfo, info, "GPIO_GET_CHIPINFO");
        var label = info.AsSpan(32, 32);
        return Encoding.ASCII.GetString(label[..(label.IndexOf((byte)0) is >= 0 and var end ? end : label.Length)]);
    }

    /// <summary>The bytes that ask for one line: offsets[64]@0, consumer[32]@256, config@288 (flags u64, num_attrs u32@296, attrs@320), num_lines@560,
    /// fd@588.</summary>
    /// <param name="debounceMs">Of an input; 0 = none.</param>
    public static byte[] Request(int line, bool isInput, bool isActiveLow, int debounceMs)
    {
        const int attributeBytes = 24;
        var request = new byte[LineRequestBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(request, (uint)line);
        Encoding.ASCII.GetBytes("holdfast").CopyTo(request, 256);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(288), (isActiveLow ? ActiveLow : 0) | (isInput ? Input | Edges : Output));
        if (debounceMs > 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(296), 1);
            var attribute = request.AsSpan(320, attributeBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(attribute, 3);
            BinaryPrimitives.WriteUInt32LittleEndian(attribute[8..], (uint)debounceMs * 1000);
            BinaryPrimitives.WriteUInt64LittleEndian(attribute[16..], 1);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(560), 1);
        return request;
    }

    /// <summary>Takes a line; it is let go of when the handle is closed.</summary>
    /// <exception cref="IOException">It is taken, or not there.</exception>
    public static SafeFileHandle Take(SafeFileHandle chip, int line, bool isInput, bool isActiveLow, int debounceMs)
    {
        var request = Request(line, isInput, isActiveLow, debounceMs);
        Call(chip, GetLine, request, "GPIO_V2_GET_LINE");
        return new SafeFileHandle(BinaryPrimitives.ReadInt32LittleEndian(request.AsSpan(588)), ownsHandle: true);
    }

    /// <summary>Sets a line that was taken: bits@0, mask@8; bits count the lines of the request.</summary>
    /// <exception cref="IOException">It can't be set.</exception>
    public static void Set(SafeFileHandle line, bool isOn)
    {
        var values = new byte[16];
        values[0] = isOn ? (byte)1 : (byte)0;
        values[8] = 1;
        Call(line, SetValues, values, "GPIO_V2_LINE_SET_VALUES");
    }

    /// <summary>An edge: timestamp_ns@0, id@8 (1 rising, 2 falling). With active-low, rising is becoming active.</summary>
    public static (long AtMs, bool IsActive) Edge(ReadOnlySpan<byte> record) =>
        ((long)(BinaryPrimitives.ReadUInt64LittleEndian(record) / 1_000_000), BinaryPrimitives.ReadUInt32LittleEndian(record[8..]) == 1);

    /// <summary>Waits for something to read: a reader that is to end must not wait in the kernel for ever, with the line taken.</summary>
    /// <exception cref="IOException">The line is gone.</exception>
    public static bool IsReadable(SafeFileHandle handle, int withinMs)
    {
        const short readable = 1;
        const short gone = 8 | 16 | 32; // POLLERR, POLLHUP, POLLNVAL
        const int interrupted = 4;
        var asked = new PollEntry { File = (int)handle.DangerousGetHandle(), Events = readable };
        var ready = Poll(ref asked, 1, withinMs);
        if (ready > 0 && (asked.Returned & readable) == 0 && (asked.Returned & gone) != 0)
        {
            throw new IOException("the line is gone");
        }

        return ready >= 0 || Marshal.GetLastPInvokeError() == interrupted ? ready > 0 && (asked.Returned & readable) != 0
            : throw new IOException($"poll: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    private static void Call(SafeFileHandle handle, uint request, byte[] argument, string name)
    {
        if (Ioctl(handle, request, argument) < 0)
        {
            throw new IOException($"{name}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int File;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollEntry entries, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle handle, nuint request, byte[] argument);
}
