// `holdfast catalog`: what a snapshot's archives of folders hold, a line an entry. From the catalog where there is one, else from the archives themselves.
using System.CommandLine;
using System.Globalization;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal sealed class CatalogVerb
{
    private readonly Argument<string> snapshot = new("snapshot")
    {
        Description = "TYPE/ID/TIME as 'holdfast snapshots' lists it; TYPE/ID takes the newest.",
    };

    private readonly Option<string?> keyFile = KeySource.Option();
    private readonly SourceOptions source = new();
    private readonly Surroundings surroundings;

    public CatalogVerb(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Command = new Command("catalog", "Lists the files in a snapshot.") { snapshot, keyFile };
        source.AddTo(Command);
        Command.SetAction(RunAsync);
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        using CryptConfig? crypt = KeySource.Open(parsed.GetValue(keyFile));
        await using ISnapshotSource store = await source.OpenAsync(parsed, surroundings, cancel);
        SnapshotName name = await SnapshotChecks.ResolveAsync(store, parsed.GetRequiredValue(snapshot), cancel);
        await using IOpenSnapshot opened = await store.OpenAsync(name, crypt, cancel);
        using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: 64 * 1024);
        if (opened.Manifest.Find(CatalogFormat.ArchiveName) is not null)
        {
            ManifestFile file = SnapshotChecks.Require(opened.Manifest, CatalogFormat.ArchiveName, crypt);
            using ReadableFile stream = await opened.OpenStreamAsync(file, cancel);
            return await Blocking.RunAsync(() => Print(CatalogReader.Open(stream), output, cancel));
        }

        List<ManifestFile> archives = [.. opened.Manifest.Files.Where(file =>
            file.Name.EndsWith(".mpxar.didx", StringComparison.Ordinal) || file.Name.EndsWith(".pxar.didx", StringComparison.Ordinal))];
        if (archives.Count == 0)
        {
            throw new FailedException($"{name} holds no folders");
        }

        foreach (ManifestFile file in archives)
        {
            SnapshotChecks.Require(opened.Manifest, file.Name, crypt);
            using OpenTree tree = await OpenTree.OpenAsync(opened, file, null, withPayload: false, cancel);
            await Blocking.RunAsync(() => Print(tree.Archive, file.Name, output, cancel));
        }

        return 0;
    }

    private static int Print(CatalogReader catalog, TextWriter output, CancellationToken cancel)
    {
        foreach ((string path, CatalogEntry entry) in catalog.Walk())
        {
            cancel.ThrowIfCancellationRequested();
            Line(output, entry.Kind, path, entry.SizeBytes, entry.MtimeS);
        }

        return 0;
    }

    private static int Print(PxarArchive archive, string name, TextWriter output, CancellationToken cancel)
    {
        Line(output, CatalogKind.Folder, name, 0, 0);
        var folders = new Stack<string>([name]);
        var walk = new PxarWalk(archive, archive.Root);
        for (PxarStep step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            cancel.ThrowIfCancellationRequested();
            if (step == PxarStep.FolderEnd)
            {
                folders.Pop();
                continue;
            }

            PxarEntry entry = walk.Current;
            string path = $"{folders.Peek()}/{TreeNode.Show(entry.Name.Span)}";
            Line(output, CatalogFormat.KindOf(entry.Kind), path, entry.SizeBytes, entry.Metadata.MtimeS);
            if (entry.Kind == PxarKind.Folder)
            {
                folders.Push(path);
            }
        }

        return 0;
    }

    private static void Line(TextWriter output, CatalogKind kind, string path, long sizeBytes, long mtimeS)
    {
        bool isDate = mtimeS is >= -62_135_596_800 and <= SnapshotName.MaxTime;
        string details = kind != CatalogKind.File ? ""
            : string.Create(CultureInfo.InvariantCulture, $" {sizeBytes} {(isDate ? SnapshotName.FormatTime(mtimeS) : $"@{mtimeS}")}");
        output.Write($"{(char)kind} ./{path}{details}\n");
    }
}
