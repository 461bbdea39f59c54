// Small files that are replaced as a whole: written aside, synced, renamed. A reader sees the old or the new content.
namespace Holdfast.Storage;

public static class AtomicFile
{
    private static int counter;

    /// <summary>Replaces or creates a file; with <paramref name="syncFolder"/> its name is durable on return.</summary>
    public static void Replace(Volume volume, string path, ReadOnlySpan<byte> content, bool syncFolder)
    {
        var aside = $"{path}.tmp{Interlocked.Increment(ref counter)}";
        try
        {
            using (var file = volume.Open(aside, FileUse.Create))
            {
                file.Write(content, 0);
                file.Sync();
            }

            volume.Rename(aside, path);
        }
        catch (VolumeException)
        {
            TryUnlink(volume, aside);
            throw;
        }

        if (syncFolder)
        {
            volume.SyncFolder(FolderOf(path));
        }
    }

    /// <summary>Whole content of a small file, null if there is none.</summary>
    /// <exception cref="CorruptDataException">Longer than the bound.</exception>
    public static byte[]? TryRead(Volume volume, string path, int maxSizeBytes)
    {
        try
        {
            using var file = volume.Open(path, FileUse.Read);
            var size = file.SizeBytes;
            if (size > maxSizeBytes)
            {
                throw new CorruptDataException(path, "file is larger than allowed");
            }

            var content = new byte[size];
            file.ReadExactly(content, 0);
            return content;
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            return null;
        }
    }

    /// <summary>Removes a leftover; failure only costs tidiness, the first error is the one to report.</summary>
    public static void TryUnlink(Volume volume, string path)
    {
        try
        {
            volume.Unlink(path);
        }
        catch (VolumeException)
        {
            // See above.
        }
    }

    /// <summary>True if it was there.</summary>
    public static bool Unlink(Volume volume, string path)
    {
        try
        {
            volume.Unlink(path);
            return true;
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            return false;
        }
    }

    /// <summary>True if it was made, false if it was there.</summary>
    public static bool MakeFolder(Volume volume, string path, int mode = 0x1ED)
    {
        try
        {
            volume.MakeFolder(path, mode);
            return true;
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.Exists)
        {
            return false;
        }
    }

    public static string FolderOf(string path)
    {
        var slash = path.LastIndexOf('/');
        return slash < 0 ? "" : path[..slash];
    }
}
