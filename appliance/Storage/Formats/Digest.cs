// A SHA-256 value: name of a chunk, checksum of an index. A plain 32-byte value that lives in arrays without objects.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>32 bytes, ordered and compared bytewise; written as 64 lower-case hex digits, any case is read.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Digest : IEquatable<Digest>, IComparable<Digest>
{
    public const int Size = 32;

    // The bytes in memory order; only equality and copies use the words.
    private readonly ulong word0;
    private readonly ulong word1;
    private readonly ulong word2;
    private readonly ulong word3;

    public Digest(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException("a digest has 32 bytes", nameof(bytes));
        }

        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        (word0, word1, word2, word3) = (words[0], words[1], words[2], words[3]);
    }

    /// <summary>The unwritten slot of a fixed index.</summary>
    public bool IsZero => (word0 | word1 | word2 | word3) == 0;

    /// <summary>First two bytes, big-endian: the number of the chunk folder.</summary>
    public int Prefix => (Bytes[0] << 8) | Bytes[1];

    /// <summary>Eight of its bytes in the machine's order: as good as random where the digest is one of data.</summary>
    internal ulong Word1 => word1;

    /// <summary>Eight others.</summary>
    internal ulong Word2 => word2;

    /// <summary>The 32 bytes of this very variable.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Bytes =>
        MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(in word0, 4));

    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);

    /// <summary>SHA-256 over the data: the digest of a plain chunk.</summary>
    public static Digest Of(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(data, hash);
        return new Digest(hash);
    }

    /// <summary>Exactly 64 hex digits of any case.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length == Size * 2
            && Convert.FromHexString(hex, bytes, out _, out _) == System.Buffers.OperationStatus.Done)
        {
            digest = new Digest(bytes);
            return true;
        }

        digest = default;
        return false;
    }

    /// <summary>As <see cref="TryParse"/>, for text that is known to be a digest.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static Digest Parse(ReadOnlySpan<char> hex) =>
        TryParse(hex, out var digest) ? digest : throw new FormatException("not a digest of 64 hex digits");

    public void CopyTo(Span<byte> target) => Bytes.CopyTo(target);

    /// <summary>Writes 64 lower-case hex digits.</summary>
    public void Format(Span<char> target) => Convert.TryToHexStringLower(Bytes, target, out _);

    public bool Equals(Digest other) =>
        word0 == other.word0 && word1 == other.word1 && word2 == other.word2 && word3 == other.word3;

    public override bool Equals(object? obj) => obj is Digest other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(word0, word3);

    public int CompareTo(Digest other) => Bytes.SequenceCompareTo(other.Bytes);

    public override string ToString() => Convert.ToHexStringLower(Bytes);
}
