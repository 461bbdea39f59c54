// An open file of a DiskVolume: pread and pwrite in loops (short transfers and EINTR go on), fsync that marks the
// volume failed when it fails.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

internal sealed unsafe class DiskFile(DiskVolume volume, string path, FdHandle fd) : VolumeFile
{
    public override string Name => path;

    public override long SizeBytes
    {
        get
        {
            Span<byte> statx = stackalloc byte[256];
            fixed (byte* native = "\0"u8, target = statx)
            {
                const int emptyPath = 0x1000;
                const uint sizeMask = 0x200;
                if (LibC.Statx(fd, native, emptyPath, sizeMask, target) < 0)
                {
                    throw DiskVolume.Error("stat", path, Marshal.GetLastPInvokeError());
                }
            }

            return System.Buffers.Binary.BinaryPrimitives.ReadInt64LittleEndian(statx[40..]);
        }
    }

    public override int Read(Span<byte> buffer, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var done = 0;
        fixed (byte* target = buffer)
        {
            while (done < buffer.Length)
            {
                var count = LibC.Pread(fd, target + done, buffer.Length - done, offset + done);
                if (count == 0)
                {
                    break;
                }

                if (count > 0)
                {
                    done += (int)count;
                    continue;
                }

                ThrowUnlessInterrupted("read");
            }
        }

        return done;
    }

    /// <summary>One pread: what direct I/O needs, whose offsets must stay aligned.</summary>
    public int ReadOnce(Span<byte> buffer, long offset)
    {
        fixed (byte* target = buffer)
        {
            while (true)
            {
                var count = LibC.Pread(fd, target, buffer.Length, offset);
                if (count >= 0)
                {
                    return (int)count;
                }

                ThrowUnlessInterrupted("read");
            }
        }
    }

    public override void Write(ReadOnlySpan<byte> data, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        volume.EnsureWritable("write", path);
        var done = 0;
        fixed (byte* source = data)
        {
            while (done < data.Length)
            {
                var count = LibC.Pwrite(fd, source + done, data.Length - done, offset + done);
                if (count > 0)
                {
                    done += (int)count;
                    continue;
                }

                if (count == 0)
                {
                    throw DiskVolume.Error("write", path, 28);
                }

                ThrowUnlessInterrupted("write");
            }
        }
    }

    public override void Truncate(long sizeBytes)
    {
        volume.EnsureWritable("truncate", path);
        while (LibC.Ftruncate(fd, sizeBytes) < 0)
        {
            ThrowUnlessInterrupted("truncate");
        }
    }

    public override void Sync()
    {
        volume.EnsureWritable("fsync", path);
        volume.SyncOrFail(LibC.Fsync(fd), "fsync", path);
    }

    public override void StartWriteBack()
    {
        // Only a hint: an error here comes back from the sync that counts.
        _ = LibC.SyncFileRange(fd, 0, 0, LibC.SyncFileRangeWrite);
    }

    protected override void Dispose(bool disposing) => fd.Dispose();

    private void ThrowUnlessInterrupted(string operation)
    {
        var errno = Marshal.GetLastPInvokeError();
        if (errno != LibC.Eintr)
        {
            throw DiskVolume.Error(operation, path, errno);
        }
    }
}
