// A run: which rows, in which order, into which file.
using System.Diagnostics;

namespace Holdfast.Tests.Bench;

/// <summary>Rows that are measured together.</summary>
/// <param name="Names">Every row that it gives.</param>
internal sealed record RowGroup(string[] Names, Func<Bed, Rows, Task> MeasureAsync);

internal static class BenchRun
{
    private static readonly RowGroup[] Groups =
    [
        CodecRows.Group, ChunkRows.Group, TransferRows.New, TransferRows.Compressible, TransferRows.Clients, InsideRows.Group,
        VerifyRows.Group,
        MemoryRows.Connections, MemoryRows.Sessions, LedgerRows.Appends, MillionRows.Group, PruneRows.Group, TreeRows.Group,
        CollectionRows.Group,
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        var options = new Arguments(args);
        var rows = new Rows(options.Text("only"));
        using var bed = new Bed();
        var started = Stopwatch.GetTimestamp();
        if (!File.Exists(bed.Daemon))
        {
            Console.Error.WriteLine($"{bed.Daemon} is missing: make build");
            return 2;
        }

        if (options.Text("peer") is { Length: > 0 } peer)
        {
            await PeerRows.MeasureAsync(bed, rows, peer).ConfigureAwait(false);
        }
        else
        {
            foreach (var group in Groups.Where(group => rows.Wants(group.Names)))
            {
                await group.MeasureAsync(bed, rows).ConfigureAwait(false);
            }
        }

        rows.Save(Path.Combine(bed.Out, "bench.json"));
        Console.WriteLine($"took {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes");
        return 0;
    }
}
