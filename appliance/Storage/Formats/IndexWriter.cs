// What both index writers share: a temporary file beside the final name, a header that is written last, fsync and
// rename at close. Until then no reader sees an index; a writer that is disposed without close removes its file.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>What an index says of itself and where its randomness and time come from.</summary>
/// <param name="Uuid">16 random bytes (version 4).</param>
/// <param name="CreatedTime">Seconds since the epoch.</param>
public readonly record struct IndexOrigin(Guid Uuid, long CreatedTime);

/// <summary>A finished index.</summary>
public readonly record struct IndexSummary(string Name, long SizeBytes, int ChunkCount, Digest Csum);

/// <summary>A growing index. One thread at a time.</summary>
public abstract class IndexWriter : IDisposable
{
    private readonly Volume volume;
    private readonly string folder;
    private readonly IndexOrigin origin;
    private readonly string temporaryPath;
    private bool open = true;

    private protected IndexWriter(Volume volume, string folder, string name, IndexOrigin origin)
    {
        (this.volume, this.folder, this.origin, Name) = (volume, folder, origin, name);
        temporaryPath = folder + "/" + TemporaryName(name);
        File = volume.Open(temporaryPath, FileUse.Create);
    }

    /// <summary>Archive name, "drive-scsi0.img.fidx".</summary>
    public string Name { get; }

    private protected VolumeFile File { get; }

    /// <summary>"X.fidx" becomes "X.tmp_fidx", as PBS does.</summary>
    public static string TemporaryName(string name)
    {
        var dot = name.LastIndexOf('.');
        return name[..dot] + ".tmp_" + name[(dot + 1)..];
    }

    /// <summary>The checksum of what is written so far, unwritten slots as zero digests.</summary>
    public abstract Digest ComputeCsum();

    /// <summary>Closes if the checksum is the expected one; otherwise the temporary file is removed.</summary>
    /// <returns>False on another checksum, which is then in <paramref name="summary"/>.</returns>
    public bool TryClose(Digest expectedCsum, out IndexSummary summary)
    {
        var csum = ComputeCsum();
        summary = Summary(csum);
        if (csum != expectedCsum)
        {
            Dispose();
            return false;
        }

        Publish(csum);
        return true;
    }

    /// <summary>Writes the header, syncs the file and gives it its name. The folder is not synced: that is
    /// <see cref="Datastore.MakeDurable"/>.</summary>
    public IndexSummary Close()
    {
        var csum = ComputeCsum();
        Publish(csum);
        return Summary(csum);
    }

    /// <summary>Removes the temporary file unless the index was closed.</summary>
    public void Dispose()
    {
        if (!open)
        {
            return;
        }

        open = false;
        File.Dispose();
        try
        {
            volume.Unlink(temporaryPath);
        }
        catch (VolumeException)
        {
            // Only tidiness is lost: temporary names are ignored by readers and truncated by the next writer.
        }
    }

    private protected void EnsureOpen() => ObjectDisposedException.ThrowIf(!open, this);

    private protected abstract IndexSummary Summary(Digest csum);

    /// <summary>Magic and the fields behind the checksum.</summary>
    private protected abstract void FillHeader(Span<byte> header);

    private void Publish(Digest csum)
    {
        EnsureOpen();
        Span<byte> header = stackalloc byte[IndexReader.HeaderSize];
        header.Clear();
        FillHeader(header);
        origin.Uuid.TryWriteBytes(header.Slice(8, 16), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], origin.CreatedTime);
        csum.CopyTo(header[32..]);
        File.Write(header, 0);
        File.Sync();
        volume.Rename(temporaryPath, folder + "/" + Name);
        open = false;
        File.Dispose();
    }

    /// <summary>SHA-256 over a range of the file, read back in blocks.</summary>
    private protected Digest HashFile(long start, long end)
    {
        EnsureOpen();
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[(int)Math.Min(64 * 1024, Math.Max(1, end - start))];
        while (start < end)
        {
            var part = block.AsSpan(0, (int)Math.Min(block.Length, end - start));
            File.ReadExactly(part, start);
            sha.AppendData(part);
            start += part.Length;
        }

        Span<byte> hash = stackalloc byte[Digest.Size];
        sha.GetHashAndReset(hash);
        return new Digest(hash);
    }
}
