// Where snapshots are read from: a server, or a bare folder on the worst day. The verbs don't know which.
using System.CommandLine;
using Holdfast.Storage;

namespace Holdfast.Cli;

/// <summary>One snapshot for a list.</summary>
/// <param name="Remark">What is special: protected, verification, unfinished, unreadable.</param>
internal sealed record SnapshotLine(
    BackupNamespace Namespace, SnapshotName Name, long SizeBytes, IReadOnlyList<string> Files, string Remark);

/// <summary>A file of a snapshot for a list; size and mode are null where nothing says them.</summary>
internal sealed record FileLine(string Name, long? SizeBytes, string? CryptMode);

/// <summary>A snapshot whose manifest was read and checked.</summary>
internal interface IOpenSnapshot : IAsyncDisposable
{
    Manifest Manifest { get; }

    /// <summary>Writes a whole archive in order, every chunk checked first. What was written before an exception is good as far as
    /// it goes.</summary>
    Task RestoreAsync(ManifestFile file, Stream output, IProgress<long> progress, CancellationToken cancel);

    /// <summary>Opens the stream of an index for reading at any offset, every chunk checked. For a thread that may be blocked.</summary>
    Task<ReadableFile> OpenStreamAsync(ManifestFile file, CancellationToken cancel);
}

internal interface ISnapshotSource : IAsyncDisposable
{
    /// <summary>Snapshots, sorted by namespace, group and time; of one group if one is given.</summary>
    Task<List<SnapshotLine>> ListAsync(BackupGroup? group, CancellationToken cancel);

    /// <summary>Files of a snapshot.</summary>
    Task<List<FileLine>> FilesAsync(SnapshotName snapshot, CancellationToken cancel);

    /// <summary>Opens a snapshot; with a key, a signature must be good.</summary>
    Task<IOpenSnapshot> OpenAsync(SnapshotName snapshot, CryptConfig? crypt, CancellationToken cancel);
}

/// <summary>`--datastore` or the server's options.</summary>
internal sealed class SourceOptions
{
    private readonly ServerOptions server = new();
    private readonly Option<string?> datastore = new("--datastore")
    {
        Description = "Folder of a datastore, read directly: no server, no ledger, no database.",
    };

    public void AddTo(Command command)
    {
        server.AddTo(command);
        command.Options.Add(datastore);
    }

    public async Task<ISnapshotSource> OpenAsync(ParseResult parsed, Surroundings surroundings, CancellationToken cancel)
    {
        if (parsed.GetValue(datastore) is not { } folder)
        {
            return new RemoteStore(await server.ConnectAsync(parsed, surroundings, cancel));
        }

        return server.IsRepositoryGiven(parsed)
            ? throw new UsageException("--datastore and --repository exclude each other")
            : FolderStore.Open(folder, server.Namespace(parsed));
    }
}

/// <summary>Checks that hold for both kinds.</summary>
internal static class SnapshotChecks
{
    /// <summary>The snapshot that a text names: itself, or the newest of a group.</summary>
    public static async Task<SnapshotName> ResolveAsync(ISnapshotSource source, string text, CancellationToken cancel)
    {
        if (SnapshotName.TryParse(text, out SnapshotName? snapshot))
        {
            return snapshot!;
        }

        if (!BackupGroup.TryParse(text, out BackupGroup? group))
        {
            throw new UsageException($"'{text}' is no snapshot: TYPE/ID/YYYY-MM-DDTHH:MM:SSZ or TYPE/ID is wanted");
        }

        List<SnapshotLine> all = await source.ListAsync(group, cancel);
        return all.Count > 0 ? all.MaxBy(line => line.Name.Time)!.Name : throw new FailedException($"group {group} has no snapshot");
    }

    /// <summary>The archive, if this key (or none) can restore it.</summary>
    public static ManifestFile Require(Manifest manifest, string archive, CryptConfig? crypt)
    {
        ManifestFile file = manifest.Find(ArchiveNames.Full(archive)) ?? manifest.Find(archive)
            ?? throw new FailedException($"no archive '{Tables.Printable(archive)}' in {manifest.Snapshot}; there are: "
                + string.Join(", ", manifest.Files.Select(one => ArchiveNames.Short(one.Name))));
        if (file.CryptMode == CryptMode.Encrypt && crypt is null)
        {
            string key = manifest.KeyFingerprint is { } fingerprint ? $" with key {Tables.Printable(fingerprint)}" : "";
            throw new FailedException($"{ArchiveNames.Short(file.Name)} is encrypted{key}: give --keyfile");
        }

        // Whoever could take the signature away could change the manifest as well.
        return crypt is not null && manifest.Signature is null && file.CryptMode != CryptMode.None
            ? throw new FailedException($"the manifest of {manifest.Snapshot} is not signed, though its archives are: it was altered")
            : file;
    }

    /// <summary>A manifest that speaks of another snapshot was put here by somebody.</summary>
    public static void RequireIsOf(Manifest manifest, SnapshotName snapshot)
    {
        if (manifest.Snapshot != snapshot)
        {
            throw new FailedException($"the manifest of {snapshot} is that of {manifest.Snapshot}");
        }
    }
}
