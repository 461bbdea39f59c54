// The worst day: snapshots of a datastore's folder, ours or a PBS's, with nothing but the folder. Opened read-only, without
// a lock, so that it works on read-only media and beside whatever else is there.
using Holdfast.Storage;

namespace Holdfast.Cli;

internal sealed class FolderStore : ISnapshotSource
{
    private readonly Datastore store;
    private readonly BackupNamespace? ns;

    private FolderStore(Datastore store, BackupNamespace? ns) => (this.store, this.ns) = (store, ns);

    /// <summary>Opens a folder; without a namespace, lists show all of them.</summary>
    public static FolderStore Open(string folder, BackupNamespace? ns)
    {
        Volume? volume = null;
        try
        {
            volume = DiskVolume.OpenFolder(folder);
            var opened = new FolderStore(Datastore.OpenReadOnly(volume), ns);
            return ns is null || opened.store.NamespaceExists(ns)
                ? opened
                : throw new FailedException($"{folder} has no namespace '{ns}'");
        }
        catch (Exception fault) when (fault is StorageException or FailedException)
        {
            volume?.Dispose();
            throw new FailedException(fault is FailedException ? fault.Message : $"{folder}: {fault.Message}", fault);
        }
    }

    public Task<List<SnapshotLine>> ListAsync(BackupGroup? group, CancellationToken cancel)
    {
        var lines = new List<SnapshotLine>();
        List<BackupNamespace> spaces = ns is null ? store.ListNamespaces(BackupNamespace.Root) : [ns];
        foreach (BackupNamespace space in spaces)
        {
            foreach (BackupGroup one in store.ListGroups(space).Where(one => group is null || one == group).Order())
            {
                cancel.ThrowIfCancellationRequested();
                lines.AddRange(store.ListSnapshots(space, one).Select(Line));
            }
        }

        return Task.FromResult(lines);
    }

    public Task<List<FileLine>> FilesAsync(SnapshotName snapshot, CancellationToken cancel)
    {
        SnapshotFolder folder = store.OpenSnapshot(ns ?? BackupNamespace.Root, snapshot);
        Manifest? manifest = folder.IsFinished ? folder.ReadManifest() : null;
        return Task.FromResult(folder.ListFiles().Select(file =>
        {
            ManifestFile? listed = manifest?.Find(file.Name);
            return new FileLine(file.Name, listed?.SizeBytes ?? file.SizeBytes, listed?.CryptModeText);
        }).ToList());
    }

    public Task<IOpenSnapshot> OpenAsync(SnapshotName snapshot, CryptConfig? crypt, CancellationToken cancel)
    {
        SnapshotReader reader = SnapshotReader.Open(store, ns ?? BackupNamespace.Root, snapshot, crypt);
        SnapshotChecks.RequireIsOf(reader.Manifest, snapshot);
        return Task.FromResult<IOpenSnapshot>(new FolderSnapshot(reader, store, crypt));
    }

    public ValueTask DisposeAsync()
    {
        store.Dispose();
        return ValueTask.CompletedTask;
    }

    private SnapshotLine Line(DiskSnapshot found)
    {
        var remarks = new List<string>();
        var files = new List<string>();
        long size = 0;
        if (found.IsProtected)
        {
            remarks.Add("protected");
        }

        try
        {
            if (found.IsFinished)
            {
                Manifest manifest = store.OpenSnapshot(found.Namespace, found.Name).ReadManifest();
                size = manifest.Files.Sum(file => file.SizeBytes);
                files.AddRange(manifest.Files.Select(file => file.Name));
                remarks.AddRange(manifest.VerifyState is { } verified ? [$"verify {Tables.Printable(verified.State)}"] : []);
            }
            else
            {
                remarks.Add("not finished");
            }
        }
        catch (StorageException fault)
        {
            remarks.Add("manifest unreadable: " + Tables.Printable(fault.Message));
        }

        return new SnapshotLine(found.Namespace, found.Name, size, files, string.Join(", ", remarks));
    }

    private sealed class FolderSnapshot(SnapshotReader reader, Datastore store, CryptConfig? crypt) : IOpenSnapshot
    {
        public Manifest Manifest => reader.Manifest;

        public Task RestoreAsync(ManifestFile file, Stream output, IProgress<long> progress, CancellationToken cancel) =>
            reader.RestoreAsync(file.Name, output, progress, cancel: cancel);

        public Task<ReadableFile> OpenStreamAsync(ManifestFile file, CancellationToken cancel)
        {
            bool mustBeEncrypted = file.CryptMode == CryptMode.Encrypt;
            return Task.FromResult<ReadableFile>(new AheadFile(reader.OpenIndex(file.Name), (entry, target, _) =>
            {
                store.Chunks.ReadData(entry.Digest, target.Span, crypt, mustBeEncrypted);
                return ValueTask.CompletedTask;
            }, cancel));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
