// Archives of folders of a snapshot, whole or split in two, opened for reading: restored into a folder, or listed.
using Holdfast.Storage;

namespace Holdfast.Cli;

/// <summary>An open archive with the files behind it. For one thread, which may be blocked.</summary>
internal sealed class OpenTree : IDisposable
{
    private readonly List<ReadableFile> files = [];

    private OpenTree()
    {
    }

    public PxarArchive Archive { get; private set; } = null!;

    /// <summary>The files of an archive in a manifest: `root.pxar` alone, or `root.mpxar` with `root.ppxar`; null if it is no archive of a folder.</summary>
    public static (ManifestFile Archive, ManifestFile? Payload)? Find(Manifest manifest, string name)
    {
        string full = ArchiveNames.Full(name);
        if (full.EndsWith(".pxar.didx", StringComparison.Ordinal) && manifest.Find(full) is { } whole)
        {
            return (whole, null);
        }

        string? ending = Array.Find((string[])[".pxar.didx", ".mpxar.didx", ".ppxar.didx"], one => full.EndsWith(one, StringComparison.Ordinal));
        string stem = full[..^(ending?.Length ?? 0)];
        return ending is not null && manifest.Find(stem + ".mpxar.didx") is { } metadata ? (metadata, manifest.Find(stem + ".ppxar.didx")) : null;
    }

    /// <param name="withPayload">False if only names and metadata are wanted.</param>
    public static async Task<OpenTree> OpenAsync(
        IOpenSnapshot snapshot, ManifestFile archive, ManifestFile? payload, bool withPayload, CancellationToken cancel)
    {
        var opened = new OpenTree();
        try
        {
            opened.files.Add(await snapshot.OpenStreamAsync(archive, cancel));
            if (payload is not null && withPayload)
            {
                opened.files.Add(await snapshot.OpenStreamAsync(payload, cancel));
            }

            opened.Archive = await Blocking.RunAsync(() => PxarArchive.Open(opened.files[0], opened.files.ElementAtOrDefault(1)));
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    public void Dispose() => files.ForEach(static file => file.Dispose());
}

/// <summary>Work that waits for the network or the disk without giving its thread away.</summary>
internal static class Blocking
{
    /// <summary>Runs it on a thread of its own.</summary>
    public static Task<T> RunAsync<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}

/// <summary>Restores a folder.</summary>
internal sealed class TreeRestore(IOpenSnapshot snapshot, TimeProvider clock)
{
    /// <summary>What the user wants.</summary>
    public sealed record Wish(ManifestFile Archive, ManifestFile? Payload, string Target, IReadOnlyList<string> Patterns, bool Replaces);

    /// <returns>What was made, and how many entries are not as they were.</returns>
    public async Task<(ExtractCount Count, int Problems)> RunAsync(Wish wish, CancellationToken cancel)
    {
        PathRules? only = Rules(wish.Patterns);
        Prepare(wish);
        string name = ArchiveNames.Short(wish.Archive.Name);
        var progress = new Progress(name, wish.Archive.SizeBytes, clock);
        int problems = 0;
        using OpenTree tree = await OpenTree.OpenAsync(snapshot, wish.Archive, wish.Payload, withPayload: true, cancel);
        try
        {
            using var extractor = new TreeExtractor(tree.Archive, wish.Target, new ExtractOptions
            {
                Only = only, Replaces = wish.Replaces, Progress = progress,
                Tell = text =>
                {
                    Interlocked.Increment(ref problems);
                    Console.Error.WriteLine($"{name}: {Tables.Printable(text)}");
                },
            }, cancel);
            await Blocking.RunAsync(() =>
            {
                extractor.Run();
                return true;
            });
            return (extractor.Count, problems);
        }
        finally
        {
            progress.End();
        }
    }

    /// <exception cref="UsageException">A pattern is none.</exception>
    public static PathRules? Rules(IReadOnlyList<string> patterns)
    {
        if (patterns.Count == 0)
        {
            return null;
        }

        var rules = new PathRules();
        foreach (string text in patterns)
        {
            rules.Add(PathRule.TryParse(System.Text.Encoding.UTF8.GetBytes(text), includes: true, out string? fault)
                ?? throw new UsageException($"--pattern '{text}': {fault}"));
        }

        return rules;
    }

    private static void Prepare(Wish wish)
    {
        try
        {
            if (File.Exists(wish.Target))
            {
                throw new FailedException($"{wish.Target} is a file: a folder is wanted");
            }

            if (!Directory.Exists(wish.Target))
            {
                Directory.CreateDirectory(wish.Target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
            else if (!wish.Replaces && Directory.EnumerateFileSystemEntries(wish.Target).Any())
            {
                throw new FailedException($"{wish.Target} is not empty; --force fills it and replaces what is in the way");
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new FailedException($"{wish.Target} can't be made: {fault.Message}", fault);
        }
    }
}
