// Folders into a backup session: each becomes an archive, and all of them together one catalog, which is sent beside them.
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

/// <summary>What a backup of folders takes and leaves out, as asked for.</summary>
internal sealed record TreeWishes(
    IReadOnlyList<string> Excludes, IReadOnlyList<string> IncludedMounts, bool AllFileSystems, int MaxEntries)
{
    public static readonly TreeWishes None = new([], [], false, 1024 * 1024);

    /// <summary>Parsed anew for each archive: rules of folders come and go in it.</summary>
    /// <exception cref="UsageException">A pattern is none.</exception>
    public TreeOptions Options(Action<string> tell)
    {
        var rules = new PathRules();
        foreach (string text in Excludes)
        {
            byte[] pattern = PathRules.Normalized(System.Text.Encoding.UTF8.GetBytes(text));
            rules.Add(PathRule.TryParse(pattern, includes: false, out string? fault)
                ?? throw new UsageException($"--exclude '{text}': {fault}"));
        }

        return new TreeOptions
        {
            Rules = rules, IncludedMounts = IncludedMounts, AllFileSystems = AllFileSystems, MaxEntries = MaxEntries, Tell = tell,
        };
    }
}

/// <summary>The folders of one backup.</summary>
internal sealed class TreeUpload(BackupWriter writer, CryptConfig? crypt, CryptMode mode, KnownDigests known, Action<string> say)
    : IAsyncDisposable
{
    private const int ArchiveBuffers = 8;
    private const int CatalogBuffers = 5;

    private readonly CatalogWriter catalog = new();
    private DynamicUpload? catalogUpload;

    /// <summary>What was sent of archives and catalog.</summary>
    public UploadCount Count { get; private set; }

    /// <summary>Uploads one folder.</summary>
    public async Task<ManifestFile> AddAsync(ArchiveSource archive, TreeWishes wishes, TimeProvider clock, CancellationToken cancel)
    {
        string name = ArchiveNames.Short(archive.Name);
        var progress = new Progress(name, 0, clock);
        long started = clock.GetTimestamp();
        int problems = 0;
        TreeOptions options = wishes.Options(text =>
        {
            Interlocked.Increment(ref problems);
            Console.Error.WriteLine($"{name}: {Tables.Printable(text)}");
        });
        catalogUpload ??= await DynamicUpload.StartAsync(
            writer, CatalogFormat.ArchiveName, ContentChunker.CatalogAverageBytes, CatalogBuffers, crypt, known, null, cancel);
        await using DynamicUpload upload = await DynamicUpload.StartAsync(
            writer, archive.Name, ContentChunker.ArchiveAverageBytes, ArchiveBuffers, crypt, known, progress, cancel);
        catalog.BeginFolder(System.Text.Encoding.UTF8.GetBytes(archive.Name));
        try
        {
            TreeCount made = await new TreeArchiver(upload, catalog, catalogUpload, options).RunAsync(archive.Path, cancel);
            catalog.EndFolder();
            (Digest csum, long size) = await upload.CloseAsync(cancel);
            progress.End();
            Report(name, made, upload.Count, clock.GetElapsedTime(started), problems);
            Count += upload.Count;
            return new ManifestFile(archive.Name, mode, size, csum);
        }
        finally
        {
            progress.End();
        }
    }

    /// <summary>Ends the catalog; null if there was no folder.</summary>
    public async Task<ManifestFile?> FinishAsync(CancellationToken cancel)
    {
        if (catalogUpload is null)
        {
            return null;
        }

        catalog.Finish();
        await catalogUpload.WriteAsync(catalog.Pending.WrittenMemory, cancel);
        (Digest csum, long size) = await catalogUpload.CloseAsync(cancel);
        Count += catalogUpload.Count;
        return new ManifestFile(CatalogFormat.ArchiveName, mode, size, csum);
    }

    public async ValueTask DisposeAsync()
    {
        if (catalogUpload is not null)
        {
            await catalogUpload.DisposeAsync();
        }
    }

    private void Report(string name, TreeCount made, UploadCount sent, TimeSpan took, int problems)
    {
        double seconds = Math.Max(0.001, took.TotalSeconds);
        say($"{name}: {made.Files} files, {made.Folders} folders, {made.HardLinks} hard links, {made.Others} others, {Sizes.Text(sent.Bytes)} in "
            + $"{sent.Chunks} chunks, new {Sizes.Text(sent.NewBytes)} in {sent.NewChunks} chunks (sent {Sizes.Text(sent.SentBytes)}), reused "
            + $"{Sizes.Text(sent.Bytes - sent.NewBytes)}, {Sizes.Text(sent.Bytes / seconds)}/s");
        if (problems > 0)
        {
            say($"{name}: {problems} times something was left out or changed while it was read, see above");
        }
    }
}
