// The files of one snapshot: indexes and blobs while it grows, the manifest that makes it a snapshot, and what may
// change afterwards (notes, verify state, protection, client log).
namespace Holdfast.Storage;

/// <summary>A snapshot's folder in a datastore. One writer at a time; that is the owner's duty.</summary>
public sealed class SnapshotFolder
{
    public const string ProtectedMarker = ".protected";

    /// <summary>Largest raw blob file that is read into memory: 128 MiB of data.</summary>
    public const int MaxBlobFileSize = DataBlob.MaxBlobSize + DataBlob.EncryptedHeaderSize;

    private static readonly Lock ManifestGate = new();

    internal SnapshotFolder(Datastore store, BackupNamespace ns, SnapshotName name) =>
        (Store, Namespace, Name, Path) = (store, ns, name, ns.PathOf(name.ToString()));

    public Datastore Store { get; }

    public BackupNamespace Namespace { get; }

    public SnapshotName Name { get; }

    /// <summary>Relative to the datastore.</summary>
    public string Path { get; }

    /// <summary>True once the manifest has its name.</summary>
    public bool IsFinished => Store.Volume.TryStat(PathOf(SafeId.ManifestName), out _);

    public bool IsProtected => Store.Volume.TryStat(PathOf(ProtectedMarker), out _);

    /// <summary>Archives present (indexes, blobs, manifest, log) with their file sizes, sorted by name.</summary>
    public List<(string Name, long SizeBytes)> ListFiles()
    {
        var result = new List<(string, long)>();
        foreach (var entry in Store.Volume.List(Path))
        {
            if (entry.Kind == EntryKind.File && SafeId.TryArchiveKind(entry.Name, out _)
                && Store.Volume.TryStat(PathOf(entry.Name), out var stat))
            {
                result.Add((entry.Name, stat.SizeBytes));
            }
        }

        result.Sort(static (a, b) => string.CompareOrdinal(a.Item1, b.Item1));
        return result;
    }

    /// <summary>Opens an archive's file for reading.</summary>
    /// <exception cref="RefusedException">Not an archive name.</exception>
    /// <exception cref="VolumeException">NotFound, IoError ...</exception>
    public VolumeFile OpenFile(string name) =>
        SafeId.TryArchiveKind(name, out _)
            ? Store.Volume.Open(PathOf(name), FileUse.Read)
            : throw new RefusedException("invalid file name");

    /// <summary>Opens an index of this snapshot.</summary>
    public IndexReader OpenIndex(string name) => IndexReader.Open(OpenFile(name));

    /// <summary>Starts a fixed index; size null if not known yet.</summary>
    public FixedIndexWriter CreateFixedIndex(string name, long? sizeBytes)
    {
        Store.RequireWritable();
        return FixedIndexWriter.Create(Store.Volume, Path, name, sizeBytes, Store.NewIndexOrigin());
    }

    /// <summary>Starts a dynamic index.</summary>
    public DynamicIndexWriter CreateDynamicIndex(string name)
    {
        Store.RequireWritable();
        return DynamicIndexWriter.Create(Store.Volume, Path, name, Store.NewIndexOrigin());
    }

    /// <summary>Writes or replaces a blob file after checking head and CRC. The file is synced, its name becomes
    /// durable by <see cref="Datastore.MakeDurable"/>. The manifest is refused: see <see
    /// cref="PublishManifest"/>.</summary>
    /// <exception cref="RefusedException">Bad name, bad blob; PBS's texts.</exception>
    public void WriteBlob(string name, ReadOnlySpan<byte> raw)
    {
        Store.RequireWritable();
        if (!SafeId.TryArchiveKind(name, out var kind) || kind != ArchiveKind.Blob)
        {
            throw new RefusedException($"wrong blob file extension: '{name}'");
        }

        if (name is SafeId.ManifestName)
        {
            throw new RefusedException("the manifest is not written as a blob");
        }

        CheckBlob(raw);
        AtomicFile.Replace(Store.Volume, PathOf(name), raw, syncFolder: false);
    }

    /// <summary>The commit on disk: checks the manifest and puts it in place (aside, fsync, rename, fsync of the
    /// folder). Everything it names must be durable: the caller has called MakeDurable.</summary>
    /// <exception cref="CorruptDataException">It does not parse or speaks of another snapshot.</exception>
    public Manifest PublishManifest(ReadOnlySpan<byte> raw)
    {
        Store.RequireWritable();
        var manifest = Parse(raw);
        AtomicFile.Replace(Store.Volume, PathOf(SafeId.ManifestName), raw, syncFolder: true);
        return manifest;
    }

    /// <summary>Reads the manifest.</summary>
    /// <exception cref="CorruptDataException">Missing, damaged, or of another snapshot.</exception>
    public Manifest ReadManifest() => Parse(ReadManifestRaw());

    /// <summary>The bytes of index.json.blob.</summary>
    public byte[] ReadManifestRaw() =>
        AtomicFile.TryRead(Store.Volume, PathOf(SafeId.ManifestName), Manifest.MaxJsonSize)
            ?? throw new CorruptDataException(PathOf(SafeId.ManifestName), "manifest is missing");

    /// <summary>Changes the unprotected part of the manifest and publishes it, one change at a time.</summary>
    public Manifest UpdateManifest(Action<Manifest> change)
    {
        Store.RequireWritable();
        lock (ManifestGate)
        {
            var manifest = ReadManifest();
            change(manifest);
            return PublishManifest(manifest.ToBlob());
        }
    }

    /// <summary>Sets or removes the protection marker, durable on return.</summary>
    public void SetProtected(bool value)
    {
        Store.RequireWritable();
        var path = PathOf(ProtectedMarker);
        if (value)
        {
            Store.Volume.Open(path, FileUse.Create).Dispose();
        }
        else
        {
            AtomicFile.Unlink(Store.Volume, path);
        }

        Store.Volume.SyncFolder(Path);
    }

    /// <summary>Stores the client's log, once, durable on return.</summary>
    /// <exception cref="RefusedException">"backup already contains a log." or a bad blob.</exception>
    public void WriteClientLog(ReadOnlySpan<byte> raw)
    {
        Store.RequireWritable();
        CheckBlob(raw);
        var path = PathOf(SafeId.ClientLogName);
        lock (ManifestGate)
        {
            if (Store.Volume.TryStat(path, out _))
            {
                throw new RefusedException("backup already contains a log.");
            }

            AtomicFile.Replace(Store.Volume, path, raw, syncFolder: true);
        }
    }

    /// <summary>Raw bytes of a blob file.</summary>
    /// <exception cref="CorruptDataException">Missing or larger than a blob may be.</exception>
    public byte[] ReadBlobRaw(string name) =>
        SafeId.TryArchiveKind(name, out var kind) && kind == ArchiveKind.Blob
            ? AtomicFile.TryRead(Store.Volume, PathOf(name), MaxBlobFileSize)
                ?? throw new CorruptDataException(PathOf(name), "file is missing")
            : throw new RefusedException("invalid file name");

    /// <summary>Path of one of its files, relative to the datastore.</summary>
    internal string PathOf(string name) => Path + "/" + name;

    private static void CheckBlob(ReadOnlySpan<byte> raw)
    {
        if (raw.Length > MaxBlobFileSize)
        {
            throw new RefusedException("data blob too large");
        }

        if (DataBlob.Check(raw, out _) is { } fault)
        {
            throw new RefusedException(fault);
        }
    }

    private Manifest Parse(ReadOnlySpan<byte> raw)
    {
        var manifest = Manifest.FromBlob(raw, PathOf(SafeId.ManifestName));
        return manifest.Snapshot == Name
            ? manifest
            : throw new CorruptDataException(PathOf(SafeId.ManifestName), "manifest is of another snapshot");
    }
}
