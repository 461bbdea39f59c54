// `holdfast snapshots`, `holdfast groups`, `holdfast files`: what there is, from a server or from a datastore's folder.
using System.CommandLine;
using System.Globalization;
using Holdfast.Storage;

namespace Holdfast.Cli;

internal sealed class SnapshotsVerb
{
    private readonly Argument<string?> group = new("group")
    {
        Description = "Only of this group (TYPE/ID).", Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly SourceOptions source = new();

    public SnapshotsVerb(Surroundings surroundings)
    {
        Command = new Command("snapshots", "Lists snapshots.") { group };
        source.AddTo(Command);
        Command.SetAction((parsed, cancel) => RunAsync(parsed, surroundings, cancel));
    }

    public Command Command { get; }

    internal static BackupGroup? Group(string? text) =>
        text is null ? null : BackupGroup.TryParse(text, out BackupGroup? found) ? found
            : throw new UsageException($"'{text}' is no group: TYPE/ID is wanted");

    private async Task<int> RunAsync(ParseResult parsed, Surroundings surroundings, CancellationToken cancel)
    {
        BackupGroup? only = Group(parsed.GetValue(group));
        await using ISnapshotSource store = await source.OpenAsync(parsed, surroundings, cancel);
        List<SnapshotLine> all = await store.ListAsync(only, cancel);
        foreach (IGrouping<BackupNamespace, SnapshotLine> space in all.GroupBy(line => line.Namespace))
        {
            if (!space.Key.IsRoot)
            {
                Console.WriteLine($"namespace {space.Key}");
            }

            Tables.Write(Console.Out,
            [
                ["snapshot", "size", "archives", "remarks"],
                .. space.Select(line => (string[])[
                    line.Name.ToString(), Sizes.Text(line.SizeBytes),
                    string.Join(' ', line.Files.Select(ArchiveNames.Short).Order(StringComparer.Ordinal)), line.Remark]),
            ]);
        }

        Console.WriteLine(all.Count == 1 ? "1 snapshot" : $"{all.Count} snapshots");
        return 0;
    }
}

internal sealed class GroupsVerb
{
    private readonly SourceOptions source = new();

    public GroupsVerb(Surroundings surroundings)
    {
        Command = new Command("groups", "Lists groups with their newest snapshots.");
        source.AddTo(Command);
        Command.SetAction((parsed, cancel) => RunAsync(parsed, surroundings, cancel));
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, Surroundings surroundings, CancellationToken cancel)
    {
        await using ISnapshotSource store = await source.OpenAsync(parsed, surroundings, cancel);
        List<SnapshotLine> all = await store.ListAsync(null, cancel);
        Tables.Write(Console.Out,
        [
            ["namespace", "group", "snapshots", "newest"],
            .. all.GroupBy(line => (line.Namespace, line.Name.Group)).Select(group => (string[])[
                group.Key.Namespace.IsRoot ? "-" : group.Key.Namespace.Text, group.Key.Group.ToString(),
                group.Count().ToString(CultureInfo.InvariantCulture), SnapshotName.FormatTime(group.Max(line => line.Name.Time))]),
        ]);
        return 0;
    }
}

internal sealed class FilesVerb
{
    private readonly Argument<string> snapshot = new("snapshot");
    private readonly SourceOptions source = new();

    public FilesVerb(Surroundings surroundings)
    {
        Command = new Command("files", "Lists the files of a snapshot.") { snapshot };
        source.AddTo(Command);
        Command.SetAction((parsed, cancel) => RunAsync(parsed, surroundings, cancel));
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, Surroundings surroundings, CancellationToken cancel)
    {
        await using ISnapshotSource store = await source.OpenAsync(parsed, surroundings, cancel);
        SnapshotName name = await SnapshotChecks.ResolveAsync(store, parsed.GetRequiredValue(snapshot), cancel);
        Tables.Write(Console.Out,
        [
            ["file", "size", "crypt mode"],
            .. (await store.FilesAsync(name, cancel)).Select(file => (string[])[
                file.Name, file.SizeBytes is { } size ? Sizes.Text(size) : "-", file.CryptMode ?? "-"]),
        ]);
        return 0;
    }
}
