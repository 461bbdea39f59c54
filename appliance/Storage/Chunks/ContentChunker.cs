// Cuts a stream into chunks where its content says so (reference 3.5), with exactly PBS's rule, so that our chunks and those of the real client are the same
// ones: a cyclic polynomial over the last 64 bytes, tested from the smallest chunk size on, and a cut at the largest size in any case.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

/// <summary>Finds the end of one chunk after the other. One thread at a time.</summary>
public sealed partial class ContentChunker
{
    /// <summary>Average chunk of an archive: 4 MiB.</summary>
    public const int ArchiveAverageBytes = 4 * 1024 * 1024;

    /// <summary>Average chunk of a catalog: 512 KiB.</summary>
    public const int CatalogAverageBytes = 512 * 1024;

    private const int WindowBytes = 64;

    private readonly uint mask;
    private readonly uint breakFrom;
    private uint hash;
    private int seen;

    /// <param name="averageBytes">A power of two; chunks are a quarter of it at least and four times it at most.</param>
    public ContentChunker(int averageBytes)
    {
        if (!BitOperations.IsPow2(averageBytes) || averageBytes < 4 * WindowBytes || averageBytes > ArchiveAverageBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(averageBytes), averageBytes, "a power of two up to 4 MiB is wanted");
        }

        MinBytes = averageBytes / 4;
        MaxBytes = averageBytes * 4;
        mask = ((uint)averageBytes * 2) - 1;
        breakFrom = mask - 2;
    }

    /// <summary>No chunk but the last is smaller.</summary>
    public int MinBytes { get; }

    public int MaxBytes { get; }

    /// <summary>Looks at the bytes that are new since the last call. Returns the chunk's length once its end is found, else 0.</summary>
    /// <param name="chunk">Everything of the chunk so far, from its first byte; longer than at the last call.</param>
    public int FindEnd(ReadOnlySpan<byte> chunk)
    {
        var position = seen;
        var end = Math.Min(chunk.Length, MaxBytes);
        if (position < MinBytes - 1)
        {
            // Only the last 64 bytes count, so nothing before that window needs a look.
            if (end < MinBytes)
            {
                return 0;
            }

            hash = 0;
            foreach (var entering in chunk[(MinBytes - WindowBytes)..(MinBytes - 1)])
            {
                hash = BitOperations.RotateLeft(hash, 1) ^ Table[entering];
            }

            position = MinBytes - 1;
            hash = BitOperations.RotateLeft(hash, 1) ^ Table[chunk[position++]];
            if ((hash & mask) >= breakFrom)
            {
                return Restart(position);
            }
        }

        var cut = Roll(chunk[..end], position);
        if (cut > 0 || end == MaxBytes)
        {
            return Restart(cut > 0 ? cut : end);
        }

        seen = end;
        return 0;
    }

    /// <summary>Forgets the chunk that was begun.</summary>
    public void Reset() => Restart(0);

    /// <summary>Runs over every byte of a backup: compiled at once for the machine it runs on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Roll(ReadOnlySpan<byte> chunk, int position)
    {
        ref var table = ref MemoryMarshal.GetReference(Table);
        var rolled = hash;
        var entering = chunk[position..];
        var leaving = chunk.Slice(position - WindowBytes, entering.Length);
        for (var i = 0; i < entering.Length && i < leaving.Length; i++)
        {
            // The leaving byte was turned 64 times since it came, which is not at all for 32 bits.
            rolled = BitOperations.RotateLeft(rolled, 1)
                ^ Unsafe.Add(ref table, leaving[i])
                ^ Unsafe.Add(ref table, entering[i]);
            if ((rolled & mask) >= breakFrom)
            {
                return position + i + 1;
            }
        }

        hash = rolled;
        return 0;
    }

    private int Restart(int cut)
    {
        hash = 0;
        seen = 0;
        return cut;
    }
}
