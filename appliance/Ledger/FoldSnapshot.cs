// The discardable snapshot of a fold: where it stood, which hash the chain had there, and the state's canonical bytes,
// under a checksum. Anything that doesn't match - name, version, chain, checksum - and it is as if there were none.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Ledger;

/// <param name="Position">Last event folded.</param>
/// <param name="Hash">Chain hash there.</param>
/// <param name="Unknown">Unknown events up to there.</param>
/// <param name="State">Canonical bytes.</param>
internal sealed record FoldSnapshot(long Position, ReadOnlyMemory<byte> Hash, long Unknown, ReadOnlyMemory<byte> State)
{
    private const int MaxBytes = 1 << 30;
    private const int FixedBytes = 8 + 32 + 8;
    private static readonly byte[] Magic = "holdfast fold 1\n"u8.ToArray();

    /// <summary>File of a fold in a folder.</summary>
    public static string PathOf(string folder, string name) => Path.Combine(folder, name + ".fold");

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="IOException">Not written; an older one stands.</exception>
    public void Save(string folder, string name, int version)
    {
        var head = Header(name, version);
        var bytes = new byte[head.Length + FixedBytes + State.Length + SHA256.HashSizeInBytes];
        head.CopyTo(bytes, 0);
        var at = bytes.AsSpan(head.Length);
        BinaryPrimitives.WriteInt64BigEndian(at, Position);
        Hash.Span.CopyTo(at[8..]);
        BinaryPrimitives.WriteInt64BigEndian(at[40..], Unknown);
        State.Span.CopyTo(at[FixedBytes..]);
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - 32), bytes.AsSpan(bytes.Length - 32));
        LedgerFiles.Replace(PathOf(folder, name), bytes, isSecret: true, isDurable: false);
    }

    /// <summary>Reads the file; null if there is none or anything about it is off.</summary>
    public static FoldSnapshot? Load(string folder, string name, int version)
    {
        byte[]? bytes;
        try
        {
            bytes = LedgerFiles.ReadIfExists(PathOf(folder, name), MaxBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null; // Discardable by design: the fold starts from the first event.
        }
        var head = Header(name, version);
        if (bytes is null || bytes.Length < head.Length + FixedBytes + 32 || !bytes.AsSpan().StartsWith(head)
            || !SHA256.HashData(bytes.AsSpan(0, bytes.Length - 32)).AsSpan().SequenceEqual(
            bytes.AsSpan(bytes.Length - 32)))
        {
            return null;
        }
        var at = head.Length;
        return new FoldSnapshot(
            BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(at)), bytes.AsMemory(at + 8, 32),
            BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(at + 40)),
            bytes.AsMemory(at + FixedBytes, bytes.Length - 32 - at - FixedBytes));
    }

    private static byte[] Header(string name, int version)
    {
        var text = Encoding.UTF8.GetBytes(name);
        var header = new byte[Magic.Length + 8 + text.Length];
        Magic.CopyTo(header, 0);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(Magic.Length), version);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(Magic.Length + 4), text.Length);
        text.CopyTo(header, Magic.Length + 8);
        return header;
    }
}
