// From a manifest to what the ledger keeps of a snapshot's content, and back: is a file on disk the one that the ledger knows? Nothing is served unasked.
using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>Makes <see cref="SnapshotContent"/>.</summary>
public static class SnapshotContents
{
    /// <param name="manifestBytes">Size of the manifest's file, as listings show it.</param>
    public static SnapshotContent Of(Manifest manifest, long manifestBytes, bool isProtected)
    {
        List<SnapshotFile> files =
        [
            .. manifest.Files.Select(file => new SnapshotFile(file.Name, file.CryptModeText, file.SizeBytes, file.Csum.ToString())),
            new SnapshotFile(SnapshotJson.ManifestName, manifest.Signature is null ? "none" : "sign-only", manifestBytes, null),
        ];
        return new SnapshotContent(
            files, manifest.KeyFingerprint, manifest.Notes, manifest.VerifyState?.State, manifest.VerifyState?.Upid, isProtected);
    }

    /// <summary>Is an index on disk the one that the ledger knows? Recomputes its checksum: what it names is about to be trusted.</summary>
    /// <exception cref="CorruptDataException">It is another, or it contradicts its own header.</exception>
    public static void CheckIndex(IndexReader index, SnapshotContent content, string name)
    {
        var known = Find(content, name);
        var actual = index.ComputeCsum();
        var expected = known?.Csum ?? index.Csum.ToString();
        if (actual != index.Csum || actual.ToString() != expected)
        {
            throw new CorruptDataException(name, $"wrong checksum ({actual} instead of {expected})");
        }

        if (known?.Size is { } size && index.TotalSize != size)
        {
            throw new CorruptDataException(name, $"wrong size ({index.TotalSize} instead of {size})");
        }
    }

    /// <summary>Is a blob file on disk whole, and the one that the ledger knows? CRC always, SHA-256 where the manifest gave one. Reads it once.</summary>
    /// <exception cref="CorruptDataException">It is not.</exception>
    public static void CheckBlob(VolumeFile file, SnapshotContent content, string name)
    {
        var block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            var length = file.SizeBytes;
            var start = block.AsSpan(0, file.Read(block.AsSpan(0, DataBlob.EncryptedHeaderSize), 0));
            if (DataBlob.Parse(start, out var header) is { } fault)
            {
                throw new CorruptDataException(name, fault);
            }

            var expectedCrc = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
            var crc = 0u;
            sha.AppendData(start[..header.Size]);
            for (long position = header.Size; position < length;)
            {
                var part = block.AsSpan(0, file.Read(block.AsSpan(0, (int)Math.Min(BlockBytes, length - position)), position));
                if (part.IsEmpty)
                {
                    throw new CorruptDataException(name, "the file became shorter while it was read");
                }

                crc = Crc32.Continue(crc, part);
                sha.AppendData(part);
                position += part.Length;
            }

            var csum = Convert.ToHexStringLower(sha.GetHashAndReset());
            var wrong = crc != expectedCrc ? DataBlob.WrongCrcText
                : Find(content, name)?.Csum is { } known && known != csum ? $"wrong checksum ({csum} instead of {known})"
                : null;
            if (wrong is not null)
            {
                throw new CorruptDataException(name, wrong);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private const int BlockBytes = 128 * 1024;

    private static SnapshotFile? Find(SnapshotContent content, string name) => content.Files.FirstOrDefault(file => file.Filename == name);
}
