// An image that is read for a backup, and a device that is written by a restore: plain files and block devices alike. The
// length of a device is where its end is, which stat doesn't say.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Cli;

/// <summary>An open image; several threads may read.</summary>
internal sealed class ImageFile : IDisposable
{
    private readonly SafeFileHandle handle;

    private ImageFile(SafeFileHandle handle, string path, long sizeBytes) =>
        (this.handle, Path, SizeBytes) = (handle, path, sizeBytes);

    public string Path { get; }

    public long SizeBytes { get; }

    /// <exception cref="FailedException">Can't be opened, is no image, or is empty.</exception>
    public static ImageFile Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new FailedException($"{path} is a folder: an image or a block device is wanted");
        }

        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            long size = SizeOf(handle);
            return size > 0 ? new ImageFile(handle, path, size) : throw new FailedException(
                $"{path} is empty or can't be read at any place: a file or a block device is wanted");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or FailedException)
        {
            handle?.Dispose();
            throw fault as FailedException ?? new FailedException($"the image can't be opened: {fault.Message}", fault);
        }
    }

    /// <summary>Fills the buffer from an offset.</summary>
    /// <exception cref="FailedException">The image is shorter than it was, or can't be read.</exception>
    public void ReadExactly(Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            int read;
            try
            {
                read = RandomAccess.Read(handle, buffer, offset);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                throw new FailedException($"{Path} can't be read at {offset}: {fault.Message}", fault);
            }

            if (read == 0)
            {
                throw new FailedException($"{Path} became shorter while it was read");
            }

            buffer = buffer[read..];
            offset += read;
        }
    }

    public void Dispose() => handle.Dispose();

    /// <summary>Where the end is; -1 for what has none (a pipe).</summary>
    public static long SizeOf(SafeFileHandle handle) => LibC.Seek(handle, 0, LibC.SeekEnd);
}

/// <summary>lseek(2).</summary>
internal static partial class LibC
{
    public const int SeekEnd = 2;

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(SafeFileHandle handle, long offset, int whence);
}
