// A whole backup: session, archives one after the other, manifest, finish. If anything goes wrong before the server has
// answered finish, the session is dropped and the server keeps nothing.
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>What to back up and how.</summary>
internal sealed record BackupPlan(
    IReadOnlyList<ArchiveSource> Archives, SnapshotName Snapshot, CryptConfig? Crypt, CryptMode Mode, TreeWishes Trees);

internal sealed class BackupRun(ServerAccess server, BackupPlan plan, TimeProvider clock, Action<string> say)
{
    private const int MaxBlobBytes = DataBlob.MaxChunkSize;

    private readonly CryptConfig? encryption = plan.Mode == CryptMode.Encrypt ? plan.Crypt : null;
    private UploadCount total;

    /// <summary>True from the moment that the server was told to finish: only it knows then whether the snapshot is there.</summary>
    public bool IsFinishing { get; private set; }

    public async Task<UploadCount> RunAsync(CancellationToken cancel)
    {
        List<(ArchiveSource Archive, ImageFile? Image, byte[]? Data)> sources = OpenAll();
        try
        {
            await using BackupWriter writer = await server.Client.StartBackupAsync(server.Target(plan.Snapshot), cancel);
            PreviousBackup previous = await PreviousBackup.FindAsync(writer, plan.Crypt, plan.Mode, say, cancel);
            var manifest = new Manifest(plan.Snapshot);
            var known = new KnownDigests();
            await AddKnownAsync(previous, known, cancel);
            await using var trees = new TreeUpload(writer, encryption, plan.Mode, known, say);
            foreach ((ArchiveSource archive, ImageFile? image, byte[]? data) in sources)
            {
                manifest.Add(archive.Kind switch
                {
                    ArchiveKind.Blob => await UploadBlobAsync(writer, archive, data!, cancel),
                    ArchiveKind.FixedIndex => await UploadImageAsync(writer, archive, image!, known, cancel),
                    _ => await trees.AddAsync(archive, plan.Trees, clock, cancel),
                });
            }

            if (await trees.FinishAsync(cancel) is { } catalog)
            {
                manifest.Add(catalog);
                total += trees.Count;
            }

            if (plan.Mode != CryptMode.None)
            {
                manifest.Sign(plan.Crypt!);
            }

            await writer.UploadBlobAsync(SafeId.ManifestName, manifest.ToBlob(), cancel);
            IsFinishing = true;
            await writer.FinishAsync(cancel);
            return total;
        }
        finally
        {
            foreach ((_, ImageFile? image, _) in sources)
            {
                image?.Dispose();
            }
        }
    }

    private async Task AddKnownAsync(PreviousBackup previous, KnownDigests known, CancellationToken cancel)
    {
        foreach (ArchiveSource archive in plan.Archives.Where(archive => archive.Kind != ArchiveKind.Blob))
        {
            await previous.AddKnownAsync(archive.Name, known, say, cancel);
        }

        if (plan.Archives.Any(archive => archive.Kind == ArchiveKind.DynamicIndex))
        {
            await previous.AddKnownAsync(CatalogFormat.ArchiveName, known, say, cancel);
        }
    }

    /// <summary>Opens everything before the server hears of it: a missing file must not cost a session.</summary>
    private List<(ArchiveSource, ImageFile?, byte[]?)> OpenAll()
    {
        var opened = new List<(ArchiveSource, ImageFile?, byte[]?)>();
        try
        {
            foreach (ArchiveSource archive in plan.Archives)
            {
                opened.Add(archive.Kind switch
                {
                    ArchiveKind.Blob => (archive, null, ReadSmall(archive.Path)),
                    ArchiveKind.FixedIndex => (archive, ImageFile.Open(archive.Path), null),
                    _ => (CheckFolder(archive), null, null),
                });
            }

            return opened;
        }
        catch
        {
            opened.ForEach(one => one.Item2?.Dispose());
            throw;
        }
    }

    /// <summary>Says now what would otherwise fail in the middle.</summary>
    private ArchiveSource CheckFolder(ArchiveSource archive)
    {
        try
        {
            TreeNode.OpenFolder(archive.Path).Dispose();
            _ = plan.Trees.Options(static _ => { });
            return archive;
        }
        catch (VolumeException fault)
        {
            throw new FailedException($"the folder can't be backed up: {fault.Message}", fault);
        }
    }

    private static byte[] ReadSmall(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            using var copy = new MemoryStream();
            var buffer = new byte[64 * 1024];
            for (int read; (read = file.Read(buffer)) > 0;)
            {
                copy.Write(buffer, 0, read);
                if (copy.Length > MaxBlobBytes)
                {
                    throw new FailedException($"{path} is larger than {Sizes.Text(MaxBlobBytes)}: back it up as an image");
                }
            }

            return copy.ToArray();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new FailedException($"the file can't be read: {fault.Message}", fault);
        }
    }

    private async Task<ManifestFile> UploadBlobAsync(
        BackupWriter writer, ArchiveSource archive, byte[] data, CancellationToken cancel)
    {
        var blob = new byte[DataBlob.MaxEncodedSize(data.Length)];
        Array.Resize(ref blob, DataBlob.Encode(data, blob, compress: true, encryption));
        await writer.UploadBlobAsync(archive.Name, blob, cancel);
        total += new UploadCount(0, 0, blob.Length, 0, 0);
        say($"{ArchiveNames.Short(archive.Name)}: {Sizes.Text(data.Length)}, sent {Sizes.Text(blob.Length)}");
        return new ManifestFile(archive.Name, plan.Mode, blob.Length, Digest.Of(blob));
    }

    private async Task<ManifestFile> UploadImageAsync(
        BackupWriter writer, ArchiveSource archive, ImageFile image, KnownDigests known, CancellationToken cancel)
    {
        string name = ArchiveNames.Short(archive.Name);
        var progress = new Progress(name, image.SizeBytes, clock);
        long started = clock.GetTimestamp();
        try
        {
            (Digest csum, UploadCount count) = await new ImageUpload(writer, encryption, known)
                .RunAsync(image, archive.Name, progress, cancel);
            progress.End();
            double seconds = Math.Max(0.001, clock.GetElapsedTime(started).TotalSeconds);
            say($"{name}: {Sizes.Text(count.Bytes)} in {count.Chunks} chunks, new {Sizes.Text(count.NewBytes)} in "
                + $"{count.NewChunks} chunks (sent {Sizes.Text(count.SentBytes)}), reused "
                + $"{Sizes.Text(count.Bytes - count.NewBytes)}, {Sizes.Text(count.Bytes / seconds)}/s");
            total += count;
            return new ManifestFile(archive.Name, plan.Mode, image.SizeBytes, csum);
        }
        finally
        {
            progress.End();
        }
    }
}
