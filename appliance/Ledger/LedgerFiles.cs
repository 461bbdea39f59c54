// The only place where the ledger touches plain files (the private cluster in Embedded/ aside): small files replaced
// atomically and durably, or read whole with a bound. A reader sees the old content or the new, never a mixture.
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Ledger;

internal static partial class LedgerFiles
{
    private const int OpenDirectory = 0x10000; // O_RDONLY | O_DIRECTORY on Linux, x86-64
    private const int OpenDirectoryArm = 0x4000;

    /// <summary>Replaces a file: written aside, fsync, rename, fsync of the folder.</summary>
    /// <exception cref="IOException">Not written; the old file stands.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content, bool isSecret = false, bool isDurable = true)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        var aside = path + ".new";
        File.Delete(aside);
        var mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = isSecret ? mode : mode | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
            BufferSize = 0,
        };
        using (var file = new FileStream(aside, options))
        {
            file.Write(content);
            if (isDurable)
            {
                file.Flush(flushToDisk: true);
            }
        }
        File.Move(aside, path, overwrite: true);
        if (isDurable)
        {
            SyncFolder(folder);
        }
    }

    /// <summary>Reads a file whole, or null if there is none.</summary>
    /// <exception cref="InvalidDataException">Larger than <paramref name="mostBytes"/>.</exception>
    public static byte[]? ReadIfExists(string path, long mostBytes)
    {
        try
        {
            using var file =
                new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length > mostBytes)
            {
                throw new InvalidDataException($"{Path.GetFileName(path)} is larger than {mostBytes} bytes");
            }
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Makes the entries of a folder durable.</summary>
    public static void SyncFolder(string folder)
    {
        var flag = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? OpenDirectoryArm : OpenDirectory;
        var handle = Open(Encoding.UTF8.GetBytes(folder + "\0"), flag);
        if (handle < 0)
        {
            throw new IOException($"can't open the folder of a ledger file (errno {Marshal.GetLastPInvokeError()})");
        }
        var failed = FSync(handle) != 0;
        var error = Marshal.GetLastPInvokeError();
        Close(handle);
        if (failed)
        {
            throw new IOException($"fsync of a folder failed (errno {error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int Open(byte[] path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
