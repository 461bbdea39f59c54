// A small file of the agent's, replaced as a whole: the old text or the new one, and the new one on disk when this returns.
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Agent;

/// <summary>Writes configuration.</summary>
public static partial class DurableFile
{
    /// <summary>Makes its folder if need be. Readable by everybody: nothing secret is written this way.</summary>
    public static void Replace(string path, string text)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var aside = path + ".new";
        using (var file = new FileStream(aside, new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
        }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <summary>The names in a folder reach the disk.</summary>
    public static void SyncFolder(string folder)
    {
        var handle = Open(folder, ReadOnly | Directory | CloseOnExec);
        if (handle < 0)
        {
            throw Failed(folder);
        }

        var synced = FSync(handle) == 0;
        var error = synced ? null : Failed(folder);
        _ = Close(handle);
        if (error is not null)
        {
            throw error;
        }
    }

    private const int ReadOnly = 0;
    private const int Directory = 0x10000;
    private const int CloseOnExec = 0x80000;

    private static IOException Failed(string folder) => new($"{folder}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
