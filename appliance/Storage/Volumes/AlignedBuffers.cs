// Page-aligned memory for direct I/O, outside the managed heap, from a small pool: fresh memory would cost the page
// faults that direct I/O is there to avoid.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

internal static unsafe class AlignedBuffers
{
    public const int Alignment = 4096;

    public const int Size = 1024 * 1024;

    private static readonly nint[] Pool = new nint[32];

    /// <summary>1 MiB; give it back with <see cref="Return"/>.</summary>
    public static nint Rent()
    {
        for (var i = 0; i < Pool.Length; i++)
        {
            if (Pool[i] != 0 && Interlocked.Exchange(ref Pool[i], 0) is var buffer and not 0)
            {
                return buffer;
            }
        }

        return (nint)NativeMemory.AlignedAlloc(Size, Alignment);
    }

    public static void Return(nint buffer)
    {
        for (var i = 0; i < Pool.Length; i++)
        {
            if (Pool[i] == 0 && Interlocked.CompareExchange(ref Pool[i], buffer, 0) == 0)
            {
                return;
            }
        }

        NativeMemory.AlignedFree((void*)buffer);
    }
}
