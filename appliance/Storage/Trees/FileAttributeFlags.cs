// File attributes (chattr, FAT) in the numbering of pxar archives, and what they are in the kernel's.
namespace Holdfast.Storage;

/// <summary>The two numberings.</summary>
public static class FileAttributeFlags
{
    private static readonly (ulong Archive, uint Kernel)[] Chattr =
    [
        (0x0001_0000, 0x0000_0020), // append only
        (0x0002_0000, 0x0000_0080), // no access time
        (0x0004_0000, 0x0000_0004), // compressed
        (0x0008_0000, 0x0080_0000), // no copy on write
        (0x0010_0000, 0x0000_0040), // no dump
        (0x0020_0000, 0x0001_0000), // synchronous folder
        (0x0040_0000, 0x0000_0010), // immutable
        (0x0080_0000, 0x0000_0008), // synchronous
        (0x0100_0000, 0x0000_0400), // not compressed
        (0x0200_0000, 0x2000_0000), // inherits the project
    ];

    private static readonly (ulong Archive, uint Kernel)[] Fat =
    [
        (0x2000, 2), // hidden
        (0x4000, 4), // system
        (0x8000, 32), // archive
    ];

    /// <summary>Kernel flags that must be set while a file is still empty: no access time, (not) compressed, no copy on write, project.</summary>
    public const uint InitialKernelFlags = 0x0000_0080 | 0x0000_0004 | 0x0080_0000 | 0x0000_0400 | 0x2000_0000;

    /// <summary>All kernel flags that an archive can hold.</summary>
    public static uint KernelMask { get; } = Chattr.Aggregate(0u, static (mask, pair) => mask | pair.Kernel);

    public static ulong FromKernel(uint flags) => Map(Chattr, flags);

    public static ulong FromFat(uint flags) => Map(Fat, flags);

    public static uint ToKernel(ulong flags) => Map(Chattr, flags);

    public static uint ToFat(ulong flags) => Map(Fat, flags);

    private static ulong Map((ulong Archive, uint Kernel)[] table, uint kernel)
    {
        var result = 0ul;
        foreach (var (archive, one) in table)
        {
            result |= (kernel & one) != 0 ? archive : 0;
        }

        return result;
    }

    private static uint Map((ulong Archive, uint Kernel)[] table, ulong archive)
    {
        var result = 0u;
        foreach (var (one, kernel) in table)
        {
            result |= (archive & one) != 0 ? kernel : 0;
        }

        return result;
    }
}
