// Whole files past the page cache (O_DIRECT): chunks are written once and rarely read soon, and filling the page cache
// with them cost 1.4 to 4 CPU seconds per GiB where direct I/O cost 0.1. Small files, and file systems that refuse
// direct I/O, take the ordinary way. Durability is unchanged: it is the sync that counts.
using System.Runtime.InteropServices;

namespace Holdfast.Storage;

public sealed unsafe partial class DiskVolume
{
    /// <summary>Below this the page cache is cheaper than waiting for the device.</summary>
    private const int SmallestDirect = 256 * 1024;

    private const int Einval = 22;

    /// <summary>Cleared for good when the file system refuses.</summary>
    private volatile bool directWorks;

    protected override void WriteWholeCore(string path, ReadOnlySpan<byte> data, bool sync)
    {
        if (!directWorks || data.Length < SmallestDirect || !TryOpenDirect(path, LibC.ReadWriteFlag
            | LibC.CreateFlag | LibC.TruncateFlag, out var fd))
        {
            base.WriteWholeCore(path, data, sync);
            return;
        }

        using var file = new DiskFile(this, path, fd!);
        var aligned = data.Length - (data.Length % AlignedBuffers.Alignment);
        var bounce = AlignedBuffers.Rent();
        try
        {
            for (var done = 0; done < aligned;)
            {
                var part = new Span<byte>((void*)bounce, Math.Min(AlignedBuffers.Size, aligned - done));
                data.Slice(done, part.Length).CopyTo(part);
                try
                {
                    file.Write(part, done);
                }
                catch (VolumeException fault) when (fault.Errno == Einval)
                {
                    // Opened, yet not able: the rest of this file and all others go the ordinary way.
                    directWorks = false;
                    StopDirect(fd!, path);
                    file.Write(data[done..aligned], done);
                    break;
                }

                done += part.Length;
            }
        }
        finally
        {
            AlignedBuffers.Return(bounce);
        }

        // The last few bytes are no whole block and go through the cache.
        if (aligned < data.Length)
        {
            StopDirect(fd!, path);
            file.Write(data[aligned..], aligned);
        }

        if (sync)
        {
            file.Sync();
        }
    }

    protected override int ReadWholeCore(string path, Span<byte> buffer, int expectedSizeBytes)
    {
        if (!directWorks || expectedSizeBytes < SmallestDirect)
        {
            return base.ReadWholeCore(path, buffer, expectedSizeBytes);
        }

        if (expectedSizeBytes <= buffer.Length && IsCached(path, buffer[..expectedSizeBytes]))
        {
            return expectedSizeBytes;
        }

        if (!TryOpenDirect(path, LibC.ReadOnlyFlag, out var fd))
        {
            return base.ReadWholeCore(path, buffer, expectedSizeBytes);
        }

        using var file = new DiskFile(this, path, fd!);
        var bounce = AlignedBuffers.Rent();
        try
        {
            var done = 0;
            while (true)
            {
                // One block more than fits tells a file that is too long from one that just fits.
                var part = new Span<byte>((void*)bounce, AlignedBuffers.Size);
                var count = file.ReadOnce(part, done);
                if (count > buffer.Length - done)
                {
                    throw new CorruptDataException(path, "file is larger than allowed");
                }

                part[..count].CopyTo(buffer[done..]);
                done += count;
                if (count < part.Length)
                {
                    // Short means the end of the file. Should it ever mean less, the cache way reads all of it.
                    return done >= file.SizeBytes ? done : base.ReadWholeCore(path, buffer, expectedSizeBytes);
                }
            }
        }
        catch (VolumeException fault) when (fault.Errno == Einval)
        {
            directWorks = false;
            return base.ReadWholeCore(path, buffer, expectedSizeBytes);
        }
        finally
        {
            AlignedBuffers.Return(bounce);
        }
    }

    /// <summary>True if the page cache had the whole file, which is in the buffer then: memory is faster than any device, and reading it evicts
    /// nothing. False also where that can't be asked (network file systems, old kernels), or if the file has another size.</summary>
    private bool IsCached(string path, Span<byte> buffer)
    {
        using var fd = OpenFd(path, LibC.ReadOnlyFlag | LibC.NoFollowFlag, 0, "open");
        var done = 0;
        fixed (byte* target = buffer)
        {
            while (done < buffer.Length)
            {
                var vector = new IoVector { Start = target + done, Length = buffer.Length - done };
                var count = LibC.Preadv2(fd, &vector, 1, done, LibC.ReadNoWait);
                if (count <= 0)
                {
                    return false; // Whatever it is: the way past the cache meets it, too, and says so.
                }

                done += (int)count;
            }
        }

        using var file = new DiskFile(this, path, fd);
        return file.SizeBytes == buffer.Length;
    }

    private static void StopDirect(FdHandle fd, string path)
    {
        const int setFlags = 4;
        if (LibC.FcntlLock(fd, setFlags, null) < 0)
        {
            throw Error("fcntl", path, Marshal.GetLastPInvokeError());
        }
    }

    private bool TryOpenDirect(string path, int flags, out FdHandle? fd)
    {
        try
        {
            fd = OpenFd(path, flags | LibC.NoFollowFlag | LibC.DirectFlag, 0x1A4, "open");
            return true;
        }
        catch (VolumeException fault) when (fault.Errno == Einval)
        {
            directWorks = false;
            fd = null;
            return false;
        }
    }
}
