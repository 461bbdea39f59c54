// Reading a snapshot back, with nothing but the folder: manifest, then each archive checked against it, every chunk
// checked before a byte of it goes out. Damage is CorruptDataException, trouble with the device is VolumeException.
namespace Holdfast.Storage;

/// <summary>Verified access to a finished snapshot. Several threads may read different archives.</summary>
public sealed class SnapshotReader
{
    /// <summary>Chunks that are read and decoded ahead of the output.</summary>
    public const int DefaultReadAhead = 4;

    private readonly SnapshotFolder folder;
    private readonly CryptConfig? crypt;

    private SnapshotReader(SnapshotFolder folder, Manifest manifest, CryptConfig? crypt) =>
        (this.folder, Manifest, this.crypt) = (folder, manifest, crypt);

    public Manifest Manifest { get; }

    /// <summary>Opens a snapshot; with a key the manifest's signature, if it has one, must be good.</summary>
    /// <exception cref="RefusedException">There is no such snapshot.</exception>
    /// <exception cref="CorruptDataException">No readable manifest, or a signature that is not good.</exception>
    public static SnapshotReader Open(
        Datastore store, BackupNamespace ns, SnapshotName name, CryptConfig? crypt = null)
    {
        var folder = store.OpenSnapshot(ns, name);
        var manifest = folder.ReadManifest();
        if (crypt != null && manifest.Signature != null && manifest.CheckSignature(crypt) is { } fault)
        {
            throw new CorruptDataException(folder.PathOf(SafeId.ManifestName), fault);
        }

        return new SnapshotReader(folder, manifest, crypt);
    }

    /// <summary>Opens an index whose size and checksum are those of the manifest.</summary>
    public IndexReader OpenIndex(string archive)
    {
        var file = Require(archive);
        var index = OpenPresent(archive);
        try
        {
            var right = index is FixedIndexReader == (file.Kind == ArchiveKind.FixedIndex);
            if (!right || index.TotalSize != file.SizeBytes || index.ComputeCsum() != file.Csum)
            {
                throw new CorruptDataException(index.Name, "index does not match the manifest");
            }

            return index;
        }
        catch
        {
            index.Dispose();
            throw;
        }
    }

    /// <summary>The data of a blob archive, decrypted if it is encrypted.</summary>
    public byte[] ReadBlob(string archive)
    {
        var file = Require(archive);
        var raw = folder.ReadBlobRaw(archive);
        if (raw.Length != file.SizeBytes || Digest.Of(raw) != file.Csum)
        {
            throw new CorruptDataException(folder.PathOf(archive), "file does not match the manifest");
        }

        return DecodeBlob(raw, folder.PathOf(archive));
    }

    /// <summary>The client's log, null if there is none. It is not in the manifest: only its CRC is checked.</summary>
    public byte[]? ReadClientLog()
    {
        var path = folder.PathOf(SafeId.ClientLogName);
        var raw = AtomicFile.TryRead(folder.Store.Volume, path, SnapshotFolder.MaxBlobFileSize);
        return raw == null ? null : DecodeBlob(raw, path);
    }

    /// <summary>Writes a whole archive (the stream of an index, the data of a blob) to the output. What was written
    /// before an exception is good as far as it goes; the archive is good only if this returns.</summary>
    /// <param name="progress">Gets the bytes written so far.</param>
    public async Task RestoreAsync(
        string archive, Stream output, IProgress<long>? progress = null, int readAhead = DefaultReadAhead,
        CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(readAhead, 1);
        var file = Require(archive);
        if (file.Kind == ArchiveKind.Blob)
        {
            var data = ReadBlob(archive);
            await output.WriteAsync(data, cancel).ConfigureAwait(false);
            progress?.Report(data.Length);
            return;
        }

        using var index = OpenIndex(archive);
        var mustBeEncrypted = file.CryptMode == CryptMode.Encrypt;
        var pipeline = new ChunkPipeline((entry, target, _) =>
        {
            folder.Store.Chunks.ReadData(entry.Digest, target.Span, crypt, mustBeEncrypted);
            return ValueTask.CompletedTask;
        });
        await pipeline.CopyAsync(index, output, progress, readAhead, cancel).ConfigureAwait(false);
    }

    private byte[] DecodeBlob(byte[] raw, string path)
    {
        // Plain data is known by its length; for a compressed one 128 MiB is the limit of the format.
        _ = DataBlob.Parse(raw, out var header);
        var bound = header.IsCompressed ? DataBlob.MaxBlobSize : raw.Length;
        return DataBlob.DecodeToArray(raw, bound, crypt, path);
    }

    private IndexReader OpenPresent(string archive)
    {
        try
        {
            return folder.OpenIndex(archive);
        }
        catch (VolumeException fault) when (fault.Error == VolumeError.NotFound)
        {
            throw new CorruptDataException(folder.PathOf(archive), "file is missing", fault);
        }
    }

    private ManifestFile Require(string archive) =>
        Manifest.Find(archive) ?? throw new RefusedException($"no such archive '{archive}' in snapshot {folder.Name}");
}
