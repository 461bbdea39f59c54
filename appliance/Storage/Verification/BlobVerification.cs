// A blob file against its manifest: size and SHA-256 of the file, CRC, and that it can be unpacked where that needs no key. Whether it is encrypted is not
// compared: rsa-encrypted.key.blob is listed as encrypted and is not (reference 3.10).
namespace Holdfast.Storage;

internal static class BlobVerification
{
    public static void Check(SnapshotFolder folder, ManifestFile file, SnapshotVerdict verdict)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var raw = folder.ReadBlobRaw(file.Name);
                var (check, fault) = Judge(raw, file);
                if (fault is null)
                {
                    verdict.BytesRead += raw.Length;
                    verdict.BytesDecoded += raw.Length;
                    verdict.Pass(VerifyCheckName.Exists);
                    verdict.Pass(VerifyCheckName.Digest);
                    verdict.Pass(VerifyCheckName.Decodable);
                    return;
                }

                if (attempt > 1)
                {
                    verdict.Pass(VerifyCheckName.Exists);
                    verdict.Fail(check, $"{file.Name}: {fault}");
                    return;
                }
            }
            catch (CorruptDataException fault) when (!fault.IsShortRead)
            {
                // Larger than any blob, or not there.
                var isThere = folder.Store.Volume.TryStat(folder.PathOf(file.Name), out _);
                verdict.Fail(isThere ? VerifyCheckName.Digest : VerifyCheckName.Exists, $"{file.Name}: {fault.Reason}");
                return;
            }
            catch (StorageException fault)
            {
                verdict.CouldNotRead(fault.Message);
                return;
            }
        }
    }

    private static (VerifyCheckName Check, string? Fault) Judge(byte[] raw, ManifestFile file)
    {
        if (DataBlob.Check(raw, out var header) is { } fault)
        {
            return (VerifyCheckName.Decodable, fault);
        }

        if (raw.Length != file.SizeBytes)
        {
            return (VerifyCheckName.Digest, $"wrong size ({raw.Length}, the manifest says {file.SizeBytes})");
        }

        if (Digest.Of(raw) is var csum && csum != file.Csum)
        {
            return (VerifyCheckName.Digest, $"wrong checksum ({csum}, the manifest says {file.Csum})");
        }

        if (!header.IsCompressed || header.IsEncrypted)
        {
            return (default, null);
        }

        var context = CodecContext.Rent();
        try
        {
            // Memory that is not touched costs nothing: only what the blob really holds is written.
            var target = context.Scratch(DataBlob.MaxBlobSize);
            return context.Decompress(raw.AsSpan(header.Size), target, out _) == ZstdOutcome.Ok
                ? (default, null)
                : (VerifyCheckName.Decodable, DataBlob.BrokenFrameText);
        }
        finally
        {
            context.Return();
        }
    }
}
