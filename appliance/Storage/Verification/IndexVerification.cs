// An index against its manifest: its kind, size and checksum, recomputed from what is in the file.
namespace Holdfast.Storage;

internal static class IndexVerification
{
    /// <summary>Opens an index that is the manifest's; null after the verdict was told why not.</summary>
    public static IndexReader? Open(SnapshotFolder folder, ManifestFile file, SnapshotVerdict verdict)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var index = OpenSound(folder, file);
                verdict.Pass(VerifyCheckName.IndexConsistent);
                return index;
            }
            catch (CorruptDataException fault) when (!fault.IsShortRead)
            {
                if (attempt > 1)
                {
                    verdict.Fail(VerifyCheckName.IndexConsistent, fault.Message);
                    return null;
                }
            }
            catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
            {
                verdict.Fail(VerifyCheckName.IndexConsistent, $"{file.Name}: file is missing");
                return null;
            }
            catch (StorageException fault)
            {
                verdict.CouldNotRead(fault.Message);
                return null;
            }
        }
    }

    private static IndexReader OpenSound(SnapshotFolder folder, ManifestFile file)
    {
        var index = folder.OpenIndex(file.Name);
        try
        {
            var csum = index.ComputeCsum();
            if (index is FixedIndexReader != (file.Kind == ArchiveKind.FixedIndex))
            {
                throw new CorruptDataException(index.Name, "the index is of another kind than its name says");
            }

            if (index.TotalSize != file.SizeBytes)
            {
                throw new CorruptDataException(index.Name, $"wrong size ({index.TotalSize}, the manifest says {file.SizeBytes})");
            }

            if (csum != file.Csum || index.Csum != csum)
            {
                throw new CorruptDataException(index.Name, $"wrong checksum ({csum}, the manifest says {file.Csum}, the index itself {index.Csum})");
            }

            // Offsets that do not ascend would only be met on the way; the checksum over them is right, so they were written like that.
            for (var i = 0; i < index.Count; i++)
            {
                _ = index[i];
            }

            return index;
        }
        catch
        {
            index.Dispose();
            throw;
        }
    }
}
