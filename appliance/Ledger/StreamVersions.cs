// Stream name -> last version, keyed by UTF-8 bytes so that a verifier looks up what it reads without making strings.
using System.Buffers.Binary;

namespace Holdfast.Ledger;

/// <summary>Complete table of stream versions for one pass over the ledger: about 100 bytes a stream while it
/// runs.</summary>
internal sealed class StreamVersions
{
    private readonly Dictionary<byte[], long> versions;
    private readonly Dictionary<byte[], long>.AlternateLookup<ReadOnlySpan<byte>> bySpan;

    public StreamVersions()
    {
        versions = new Dictionary<byte[], long>(new Utf8Names());
        bySpan = versions.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Records the next version of a stream; returns the one before (0 = the stream is new).</summary>
    public long Advance(ReadOnlySpan<byte> stream, long version)
    {
        ref var last = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            bySpan, stream, out _);
        var before = last;
        last = version;
        return before;
    }

    private sealed class Utf8Names : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        // Names may come from a hostile file: a per-process seed keeps collisions from being prepared.
        private readonly ulong seed = BinaryPrimitives.ReadUInt64LittleEndian(
            System.Security.Cryptography.RandomNumberGenerator.GetBytes(8)) | 1;

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] name) => GetHashCode(name.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public int GetHashCode(ReadOnlySpan<byte> name)
        {
            var hash = seed ^ (ulong)name.Length;
            while (name.Length >= 8)
            {
                hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(name));
                name = name[8..];
            }
            ulong rest = 0;
            foreach (var b in name)
            {
                rest = (rest << 8) | b;
            }
            hash = Mix(hash, rest);
            return (int)(hash ^ (hash >> 32));
        }

        private ulong Mix(ulong hash, ulong value)
        {
            var high = Math.BigMul(hash ^ value, seed * 0x9E3779B97F4A7C15, out var low);
            return high ^ low ^ System.Numerics.BitOperations.RotateLeft(hash, 23);
        }
    }
}
