// The set of marked chunks. It may err in one direction only: a chunk that was marked is always found; one that was not may be taken for marked, which keeps
// garbage until the next run and loses nothing. So 64 bits of a digest are enough, and for very many chunks a Bloom filter is.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>Marked chunks; any number of threads add and ask.</summary>
internal abstract class ChunkMarks
{
    /// <summary>Bits a chunk needs in a <see cref="BloomMarks"/> so that at most about 2 % of the garbage is overlooked.</summary>
    public const int BitsPerChunkMin = 8;

    /// <summary>Marks all entries of a block of an index; how many were new. Negative: the set is full and worthless.</summary>
    public abstract int AddAll(ReadOnlySpan<byte> entries, int entryBytes, int digestOffset, PrefixRange range);

    public abstract bool Contains(in Digest digest);

    /// <summary>Marked chunks that nobody asked for: they are not there. Null if the set can't tell.</summary>
    public abstract bool? IsUnseen(in Digest digest);

    /// <summary>A multiplier that nobody outside knows, so that chosen digests do not crowd.</summary>
    protected static ulong Secret()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes) | 1;
    }
}

/// <summary>Chunk folders from <paramref name="First"/> up to, without, <paramref name="End"/>.</summary>
internal readonly record struct PrefixRange(int First, int End)
{
    public static readonly PrefixRange All = new(0, 65536);

    public bool Contains(int prefix) => prefix >= First && prefix < End;
}

/// <summary>64-bit fingerprints in an open table: 8 bytes a slot, no locks.</summary>
internal sealed class FingerprintMarks : ChunkMarks
{
    private const ulong Seen = 1;

    /// <summary>Smallest table: its last eighth takes a group of every thread.</summary>
    public const int SlotsMin = 4096;

    private readonly ulong[] slots;
    private readonly ulong secret = Secret();
    private readonly int shift;
    private readonly int countMax;
    private int count;

    /// <param name="slotCount">A power of two; seven eighths of it can be used.</param>
    public FingerprintMarks(int slotCount)
    {
        slots = new ulong[slotCount];
        shift = 64 - BitOperations.Log2((uint)slotCount);
        countMax = (int)(slotCount / 8L * 7);
    }

    /// <summary>Different chunks marked.</summary>
    public int Count => Volatile.Read(ref count);

    public override int AddAll(ReadOnlySpan<byte> entries, int entryBytes, int digestOffset, PrefixRange range)
    {
        var added = 0;
        while (!entries.IsEmpty)
        {
            // The table is larger than the caches: ask for a group of slots before the first is needed.
            var group = entries[..Math.Min(entries.Length, entryBytes * 32)];
            for (var at = digestOffset; at < group.Length; at += entryBytes)
            {
                Prefetch(IndexOf(Fingerprint(Unsafe.ReadUnaligned<Digest>(in group[at]))));
            }

            var fresh = 0;
            for (var at = digestOffset; at < group.Length; at += entryBytes)
            {
                var digest = Unsafe.ReadUnaligned<Digest>(in group[at]);
                if (range.Contains(digest.Prefix) && !digest.IsZero && Add(Fingerprint(digest)))
                {
                    fresh++;
                }
            }

            if (Interlocked.Add(ref count, fresh) > countMax)
            {
                return -1;
            }

            added += fresh;
            entries = entries[group.Length..];
        }

        return added;
    }

    public override bool Contains(in Digest digest)
    {
        var at = Find(Fingerprint(digest), out var value);
        if (value == 0)
        {
            return false;
        }

        if ((value & Seen) == 0)
        {
            Volatile.Write(ref slots[at], value | Seen);
        }

        return true;
    }

    public override bool? IsUnseen(in Digest digest)
    {
        Find(Fingerprint(digest), out var value);
        return value != 0 && (value & Seen) == 0;
    }

    /// <summary>Marked chunks that were never asked for.</summary>
    public int CountUnseen() => slots.Count(slot => slot != 0 && (slot & Seen) == 0);

    private static ulong Fingerprint(in Digest digest)
    {
        var value = digest.Word1 & ~Seen;
        return value == 0 ? 2 : value;
    }

    private int IndexOf(ulong fingerprint) => (int)((fingerprint * secret) >> shift);

    private unsafe void Prefetch(int at)
    {
        if (Sse.IsSupported)
        {
            // Only a hint: should the array move in between, nothing is lost but time.
            Sse.Prefetch0(Unsafe.AsPointer(ref slots[at]));
        }
    }

    private bool Add(ulong fingerprint)
    {
        // Threads look at the bound after each group, so a table may be a little fuller, never full: a few groups are less than its last eighth.
        for (var at = IndexOf(fingerprint); ; at = (at + 1) & (slots.Length - 1))
        {
            var value = Volatile.Read(ref slots[at]);
            if (value == 0)
            {
                value = Interlocked.CompareExchange(ref slots[at], fingerprint, 0);
                if (value == 0)
                {
                    return true;
                }
            }

            if ((value & ~Seen) == fingerprint)
            {
                return false;
            }
        }
    }

    private int Find(ulong fingerprint, out ulong value)
    {
        for (var at = IndexOf(fingerprint); ; at = (at + 1) & (slots.Length - 1))
        {
            value = Volatile.Read(ref slots[at]);
            if (value == 0 || (value & ~Seen) == fingerprint)
            {
                return at;
            }
        }
    }
}

/// <summary>A Bloom filter of fixed size whose bits for one chunk lie in one cache line.</summary>
internal sealed class BloomMarks : ChunkMarks
{
    private const int LineWords = 8;
    private const int BitsPerChunk = 6;

    private readonly ulong[] words;
    private readonly ulong secret = Secret();
    private readonly ulong secret2 = Secret();
    private readonly uint lines;

    public BloomMarks(long bytes)
    {
        lines = (uint)Math.Clamp(bytes / (LineWords * 8), 1, int.MaxValue / LineWords);
        words = new ulong[lines * LineWords];
    }

    public override int AddAll(ReadOnlySpan<byte> entries, int entryBytes, int digestOffset, PrefixRange range)
    {
        var added = 0;
        for (var at = digestOffset; at < entries.Length; at += entryBytes)
        {
            var digest = Unsafe.ReadUnaligned<Digest>(in entries[at]);
            if (range.Contains(digest.Prefix) && !digest.IsZero && Add(digest))
            {
                added++;
            }
        }

        return added;
    }

    /// <summary>True if it was not (taken for) marked before.</summary>
    public bool Add(in Digest digest)
    {
        var (line, bits) = Place(digest);
        var isNew = false;
        for (var i = 0; i < BitsPerChunk; i++, bits >>= 9)
        {
            var bit = 1UL << (int)(bits & 63);
            ref var word = ref words[line + (int)((bits >> 6) & 7)];
            if ((Volatile.Read(ref word) & bit) == 0)
            {
                isNew |= (Interlocked.Or(ref word, bit) & bit) == 0;
            }
        }

        return isNew;
    }

    public override bool Contains(in Digest digest)
    {
        var (line, bits) = Place(digest);
        for (var i = 0; i < BitsPerChunk; i++, bits >>= 9)
        {
            if ((Volatile.Read(ref words[line + (int)((bits >> 6) & 7)]) & (1UL << (int)(bits & 63))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    public override bool? IsUnseen(in Digest digest) => null;

    private (long Line, ulong Bits) Place(in Digest digest)
    {
        var place = Math.BigMul(digest.Word1 * secret, lines, out _);
        return ((long)place * LineWords, (digest.Word2 * secret2) >> 10);
    }
}
