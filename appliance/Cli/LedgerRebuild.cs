// `holdfast ledger rebuild --compare`: every fold from the first event, against what stands on the folds' snapshots.
using System.CommandLine;
using Holdfast.Features.Audit;
using Holdfast.Ledger;

namespace Holdfast.Cli;

internal sealed class LedgerRebuild
{
    private readonly Option<string?> data = LedgerVerbs.Data();
    private readonly Option<bool> compare = new("--compare") { Description = "Compare; nothing is changed." };
    private readonly Surroundings surroundings;

    public LedgerRebuild(Surroundings surroundings)
    {
        this.surroundings = surroundings;
        Command = new Command("rebuild", "Folds the ledger again from the first event and compares.") { data, compare };
        Command.SetAction(RunAsync);
    }

    public Command Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        if (!parsed.GetValue(compare))
        {
            throw new UsageException("say --compare: a rebuild only compares; the appliance rebuilds by itself what it lacks");
        }

        LedgerPlace place = LedgerPlace.Of(parsed.GetValue(data));
        await using LedgerAccess access = await LedgerAccess.OpenAsync(place, surroundings.Clock, makeIfMissing: false, cancel);
        await using PostgresLedger ledger = await access.ReadAsync(cancel);

        // Projections save when they end: they get a copy, the appliance's own files stay as they are.
        DirectoryInfo copy = Directory.CreateTempSubdirectory("holdfast-folds-");
        try
        {
            int copied = CopySnapshots(place.Folds, copy.FullName);
            int discarded = 0;
            var folds = new Folds(ledger, copy.FullName, surroundings.Clock, line =>
            {
                discarded++;
                Console.WriteLine(line);
            });
            await using ProjectionSet set = folds.Set;
            await set.StartAsync(cancel);
            return Print(await set.RebuildAndCompareAsync(cancel), copied - discarded, set.CaughtUpEvents);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    private static int Print(IReadOnlyList<RebuildComparison> all, int snapshots, long caughtUp)
    {
        foreach (RebuildComparison one in all)
        {
            Console.WriteLine($"{one.Name}: {(one.IsEqual ? "equal" : "DIFFERENT")} at {one.Position}, rebuilt {one.RebuiltDigest[..16]}, "
                + $"standing {one.LiveDigest[..16]}"
                + (one.UnknownEvents > 0 ? $", {one.UnknownEvents} events that it does not use" : ""));
        }

        Console.WriteLine(snapshots > 0
            ? $"compared with {snapshots} snapshots of the appliance and the {caughtUp} events after the oldest of them"
            : "the appliance has saved no snapshots yet: folded twice from the first event");
        return all.All(one => one.IsEqual) ? 0 : 1;
    }

    private static int CopySnapshots(string from, string to)
    {
        if (!Directory.Exists(from))
        {
            return 0;
        }

        string[] files = Directory.GetFiles(from, "*.fold");
        foreach (string file in files)
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        return files.Length;
    }
}
