// Folders: a tree of 100,000 small files backed up first and restored, by the command line as users run it. Every tree is new to the store; nothing
// is deleted before the last restore, because file systems are slow for a while after a large deletion.
using System.Diagnostics;

namespace Holdfast.Tests.Bench;

internal static class TreeRows
{
    private const int Trees = 3;
    private const int Folders = 1000;
    private const int FilesPerFolder = 100;

    public static readonly RowGroup Group = new(
        [
            "pxar.backup_100k_files_s", "pxar.backup_100k_files.client_cpu_s", "pxar.backup_100k_files.server_cpu_s", "pxar.backup_again_100k_files_s",
            "pxar.restore_100k_files_s", "pxar.restore_100k_files.client_cpu_s", "pxar.restore_100k_files.server_cpu_s",
        ], MeasureAsync);

    private readonly record struct Cost(double WallS, double ClientCpuS, double ServerCpuS);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var trees = Enumerable.Range(0, Trees).Select(i => MakeTree(bed, i)).ToList();
        var small = MakeTree(bed, Trees, folders: 20);
        var appliance = await RunningAppliance.StartAsync(bed, bed.NewFolder("data")).ConfigureAwait(false);
        await using (appliance.ConfigureAwait(false))
        {
            appliance.Drain();
            Task<Cost> Run(params string[] arguments) => RunAsync(bed, appliance, arguments);

            // The first ones warm the server up.
            await Run("backup", $"root.pxar:{small}", "--backup-id", "warm").ConfigureAwait(false);
            await Run("restore", "host/warm", "root.pxar", bed.NewFolder("restored")).ConfigureAwait(false);
            var (first, again, restored) = (new List<Cost>(), new List<Cost>(), new List<Cost>());
            for (var i = 0; i < Trees; i++)
            {
                first.Add(await Run("backup", $"root.pxar:{trees[i]}", "--backup-id", $"tree{i}").ConfigureAwait(false));
                await Task.Delay(1100).ConfigureAwait(false); // a snapshot's time is a second of its own
                again.Add(await Run("backup", $"root.pxar:{trees[i]}", "--backup-id", $"tree{i}").ConfigureAwait(false));
            }

            for (var i = 0; i < Trees; i++)
            {
                restored.Add(await Run("restore", $"host/tree{i}", "root.pxar", bed.NewFolder("restored")).ConfigureAwait(false));
            }

            Add(rows, "pxar.backup_100k_files", first);
            rows.Add("pxar.backup_again_100k_files_s", "s", [.. again.Select(cost => cost.WallS)]);
            Add(rows, "pxar.restore_100k_files", restored);
        }
    }

    private static void Add(Rows rows, string name, List<Cost> costs)
    {
        rows.Add(name + "_s", "s", [.. costs.Select(cost => cost.WallS)]);
        rows.Add(name + ".client_cpu_s", "s", [.. costs.Select(cost => cost.ClientCpuS)]);
        rows.Add(name + ".server_cpu_s", "s", [.. costs.Select(cost => cost.ServerCpuS)]);
    }

    /// <summary>One run of the command line, from start to end of its process.</summary>
    private static async Task<Cost> RunAsync(Bed bed, RunningAppliance appliance, string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(bed.Out, "holdfast"), arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment["PBS_REPOSITORY"] = appliance.Repository;
        start.Environment["PBS_PASSWORD"] = appliance.Password;
        start.Environment["PBS_FINGERPRINT"] = appliance.Fingerprint;
        var (cpuBefore, ownBefore, began) = (appliance.CpuS, ProcFigures.EndedChildrenCpuS(), Stopwatch.GetTimestamp());
        using var process = Process.Start(start) ?? throw new InvalidOperationException("not started");
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().ConfigureAwait(false);
        var wallS = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var text = await output.ConfigureAwait(false) + await errors.ConfigureAwait(false);
        return process.ExitCode == 0
            ? new Cost(wallS, ProcFigures.EndedChildrenCpuS() - ownBefore, appliance.CpuS - cpuBefore)
            : throw new InvalidOperationException($"holdfast ended with {process.ExitCode}: {text}");
    }

    /// <summary>Files of 1 to 8 KiB of text, 100 to a folder.</summary>
    private static string MakeTree(Bed bed, int number, int folders = Folders)
    {
        var root = bed.NewFolder("tree");
        var random = new Random(number);
        var text = new byte[8192];
        for (var i = 0; i < folders; i++)
        {
            var folder = Path.Combine(root, $"d{i / 32:d2}", $"e{i:d4}");
            Directory.CreateDirectory(folder);
            for (var j = 0; j < FilesPerFolder; j++)
            {
                var part = text.AsMemory(0, random.Next(1024, 8193));
                TestData.FillText(part, (number * 1_000_000) + (i * FilesPerFolder) + j);
                File.WriteAllBytes(Path.Combine(folder, $"file-{j:d3}.txt"), part.Span);
            }
        }

        return root;
    }
}
