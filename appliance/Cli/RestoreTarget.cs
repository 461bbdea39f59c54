// Where a restore goes: standard output, a device (written in place), or a file, which is written aside and gets its name only
// when it is complete and durable. Runs of zeros in a file become holes.
using Holdfast.Storage;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Cli;

/// <summary>Open target. Disposing it without <see cref="Commit"/> removes what was written aside.</summary>
internal sealed class RestoreTarget : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly SafeFileHandle? handle;
    private readonly string path;
    private readonly string? aside;
    private bool isCommitted;

    private RestoreTarget(Stream output, SafeFileHandle? handle, string path, string? aside) =>
        (Output, this.handle, this.path, this.aside) = (output, handle, path, aside);

    public Stream Output { get; }

    /// <summary>True if what was written before a failure stays where it was written.</summary>
    public bool IsInPlace => aside is null;

    /// <exception cref="FailedException">It can't be written, exists already, or is too small a device.</exception>
    public static RestoreTarget Open(string target, long sizeBytes, bool replace)
    {
        if (target == "-")
        {
            return new RestoreTarget(Console.OpenStandardOutput(), null, target, null);
        }

        try
        {
            string path = Path.GetFullPath(target);
            path = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName : null) ?? path;
            if (Directory.Exists(path))
            {
                throw new FailedException($"{target} is a folder: name a file");
            }

            if (File.Exists(path) && IsSpecial(path))
            {
                return OpenSpecial(path, sizeBytes);
            }

            if (File.Exists(path) && !replace)
            {
                throw new FailedException($"{target} exists already; --force replaces it");
            }

            string aside = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.restoring");
            var file = new FileStream(aside, new FileStreamOptions
            {
                Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = Private,
            });
            return new RestoreTarget(new HoleyStream(file.SafeFileHandle, file), file.SafeFileHandle, path, aside);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or StorageException)
        {
            throw new FailedException($"{target} can't be written: {fault.Message}", fault);
        }
    }

    /// <summary>All was written: makes it durable and gives a file its name.</summary>
    public void Commit()
    {
        Output.Flush();
        if (handle is not null)
        {
            RandomAccess.FlushToDisk(handle);
        }

        if (aside is not null)
        {
            Output.Dispose();
            File.Move(aside, path, overwrite: true);
            using DiskVolume folder = DiskVolume.OpenFolder(Path.GetDirectoryName(path)!);
            folder.SyncFolder("");
        }

        isCommitted = true;
    }

    public void Dispose()
    {
        Output.Dispose();
        if (aside is not null && !isCommitted)
        {
            File.Delete(aside);
        }
    }

    /// <summary>Neither file nor folder: a device or a pipe.</summary>
    private static bool IsSpecial(string path)
    {
        using DiskVolume folder = DiskVolume.OpenFolder(Path.GetDirectoryName(path)!);
        return folder.TryStat(Path.GetFileName(path), out VolumeStat stat) && stat.Kind == EntryKind.Other;
    }

    private static RestoreTarget OpenSpecial(string path, long sizeBytes)
    {
        var device = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Open, Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0,
        });
        long room = ImageFile.SizeOf(device.SafeFileHandle);
        if (room > 0 && room < sizeBytes)
        {
            device.Dispose();
            throw new FailedException($"{path} has room for {Sizes.Text(room)}, the archive has {Sizes.Text(sizeBytes)}");
        }

        if (device.CanSeek)
        {
            device.Seek(0, SeekOrigin.Begin);
        }

        return new RestoreTarget(device, room > 0 ? device.SafeFileHandle : null, path, null);
    }
}

/// <summary>Writes a new file in order and leaves holes where 64 KiB blocks are zero.</summary>
internal sealed class HoleyStream(SafeFileHandle handle, IDisposable owner) : Stream
{
    private const int BlockBytes = 64 * 1024;
    private long position;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => position;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        int from = 0;
        while (from < buffer.Length)
        {
            int to = from;
            while (to < buffer.Length && !IsZero(buffer, to))
            {
                to = Math.Min(buffer.Length, to + BlockBytes);
            }

            if (to > from)
            {
                RandomAccess.Write(handle, buffer[from..to], position + from);
            }

            from = Math.Min(buffer.Length, to + BlockBytes);
        }

        position += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>The end may be a hole, too.</summary>
    public override void Flush() => RandomAccess.SetLength(handle, position);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            owner.Dispose();
        }

        base.Dispose(disposing);
    }

    private static bool IsZero(ReadOnlySpan<byte> buffer, int at) =>
        buffer[at..Math.Min(buffer.Length, at + BlockBytes)].IndexOfAnyExcept((byte)0) < 0;
}
