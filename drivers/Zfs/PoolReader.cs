// Finds out how the pools are, by zpool(8) and zfs(8): JSON where the version has it, text where not. A pool that hangs must not hang us: every run has a
// limit, and what could be found out is said with the reason for what could not.
using Holdfast.Contracts.Pools;
using Holdfast.Contracts.Programs;

namespace Holdfast.Zfs;

/// <summary>Asks the tools.</summary>
public sealed class PoolReader(IPrograms programs)
{
    private const int SnapshotsMax = 5000;
    private const int DatasetsMax = 5000;
    private const string DatasetColumns = "mountpoint,mounted,used,available,quota,sync,recordsize,compression,atime,refquota";
    private static readonly ProgramLimits Limits = new(TimeSpan.FromSeconds(15), 16 * 1024 * 1024);

    private static readonly string[] StatusJson = ["status", "-j", "-p", "-P", "-v", "-s", "--json-int", "--json-flat-vdevs"];
    private static readonly string[] ListJson = ["list", "-j", "-p", "--json-int", "-o", "size,allocated,fragmentation,readonly"];
    private static readonly string[] StatusText = ["status", "-p", "-P", "-v"];
    private static readonly string[] ListText = ["list", "-H", "-p", "-o", "name,size,allocated,fragmentation,readonly"];
    private static readonly string[] DatasetsJson = ["list", "-j", "-p", "--json-int", "-t", "filesystem", "-o", DatasetColumns];
    private static readonly string[] DatasetsText = ["list", "-H", "-p", "-t", "filesystem", "-o", "name," + DatasetColumns];
    private static readonly string[] SnapshotsJson = ["list", "-j", "-p", "--json-int", "-t", "snapshot", "-o", "creation,used,userrefs"];

    /// <summary>Pools, file systems and snapshots as they are. Never throws for what the tools say or don't: that is <see cref="PoolsSeen.Problem"/>.</summary>
    public async Task<PoolsSeen> ReadAsync(CancellationToken cancel)
    {
        if (!programs.Has("zpool"))
        {
            return new PoolsSeen([], [], [], "ZFS is not installed");
        }

        try
        {
            var pools = await PoolsAsync(cancel).ConfigureAwait(false);
            if (pools.Count == 0)
            {
                return new PoolsSeen([], [], [], null);
            }

            if (pools.Any(pool => pool.State == Pool.Suspended))
            {
                return new PoolsSeen(pools, await DatasetsAnywayAsync(cancel).ConfigureAwait(false), [], null);
            }

            var (datasets, snapshots) = (await DatasetsAsync(cancel).ConfigureAwait(false), await SnapshotsAsync(cancel).ConfigureAwait(false));
            return new PoolsSeen(pools, datasets, snapshots, null);
        }
        catch (Exception error) when (error is ProgramFailedException or InvalidDataException)
        {
            return new PoolsSeen([], [], [], error.Message);
        }
    }

    /// <summary>Pools on attached disks that are not imported.</summary>
    /// <exception cref="ProgramFailedException">zpool could not be asked.</exception>
    public async Task<ImportablePools> ImportableAsync(CancellationToken cancel)
    {
        // There is no JSON of it in any version; with nothing to import it ends with 1 and says so on its standard error.
        var result = await programs.RunAsync("zpool", ["import", "-d", "/dev/disk/by-id", "-d", "/dev"], Limits, null, cancel).ConfigureAwait(false);
        return new ImportablePools(ImportText.Pools(result.Output));
    }

    /// <summary>Lines of <c>zpool events -H -f</c>: the class of each event; what was there before we looked is passed over by its time.</summary>
    public async IAsyncEnumerable<string> EventsAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var line in programs.LinesAsync("zpool", ["events", "-H", "-f"], cancel).ConfigureAwait(false))
        {
            if (line.Split('\t') is [_, var clazz, ..] && clazz.Length is > 0 and < 200)
            {
                yield return clazz;
            }
        }
    }

    private async Task<IReadOnlyList<Pool>> PoolsAsync(CancellationToken cancel)
    {
        var status = await programs.RunAsync("zpool", StatusJson, Limits, null, cancel).ConfigureAwait(false);
        if (status.ExitStatus == 0 && status.Output.TrimStart().StartsWith('{'))
        {
            // Without pools `zpool list -j` says nothing at all.
            var pools = PoolJson.Status(status.Output);
            return pools.Count == 0 ? [] : PoolJson.WithList(pools, await RunAsync("zpool", ListJson, cancel).ConfigureAwait(false));
        }

        if (IsModuleAway(status) || IsNothing(status))
        {
            return [];
        }

        var text = await RunAsync("zpool", StatusText, cancel).ConfigureAwait(false);
        return PoolText.WithList(PoolText.Status(text), await RunAsync("zpool", ListText, cancel).ConfigureAwait(false));
    }

    private async Task<IReadOnlyList<PoolDataset>> DatasetsAsync(CancellationToken cancel)
    {
        var json = await programs.RunAsync("zfs", DatasetsJson, Limits, null, cancel).ConfigureAwait(false);
        return json.ExitStatus == 0 && json.Output.TrimStart().StartsWith('{')
            ? PoolJson.Datasets(json.Output)
            : DatasetText.Datasets(await RunAsync("zfs", DatasetsText, cancel).ConfigureAwait(false));
    }

    /// <summary>While a pool is suspended zfs(8) leaves its file systems out, or waits for it: where they are mounted is known all the same, from the kernel's
    /// table, which asks no disk (man findmnt).</summary>
    private async Task<IReadOnlyList<PoolDataset>> DatasetsAnywayAsync(CancellationToken cancel)
    {
        IReadOnlyList<PoolDataset> told = [];
        try
        {
            told = await DatasetsAsync(cancel).ConfigureAwait(false);
        }
        catch (ProgramFailedException)
        {
            // It waits for the pool that does not answer.
        }

        var mounts = await programs.RunAsync("findmnt", ["-rn", "-t", "zfs", "-o", "SOURCE,TARGET"], Limits, null, cancel).ConfigureAwait(false);
        return
        [
            .. told,
            .. mounts.Output.Split('\n').Take(DatasetsMax).Select(line => line.Trim().Split(' '))
                .Where(words => words is [{ Length: > 0 }, ['/', ..]] && told.All(dataset => dataset.Name != words[0]))
                .Select(words => new PoolDataset(words[0], words[1], true, 0, 0, 0, "-", 0, "-", "-")),
        ];
    }

    private async Task<IReadOnlyList<DatasetSnapshot>> SnapshotsAsync(CancellationToken cancel)
    {
        var json = await programs.RunAsync("zfs", SnapshotsJson, Limits, null, cancel).ConfigureAwait(false);
        return json.ExitStatus == 0 && json.Output.TrimStart().StartsWith('{') ? [.. PoolJson.Snapshots(json.Output).Take(SnapshotsMax)] : [];
    }

    private async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var result = await programs.RunAsync(program, arguments, Limits, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 || IsNothing(result) ? result.Output
            : throw new ProgramFailedException($"{program} {arguments[0]}: {FirstLine(result)}");
    }

    internal static string FirstLine(ProgramResult result) =>
        (result.Errors.Trim() is { Length: > 0 } errors ? errors : result.Output.Trim() is { Length: > 0 } output ? output : $"exit status {result.ExitStatus}")
        .Split('\n')[0].Trim();

    private static bool IsNothing(ProgramResult result) =>
        (result.Output + result.Errors).Contains("no pools available", StringComparison.Ordinal)
        || (result.Output + result.Errors).Contains("no datasets available", StringComparison.Ordinal);

    private static bool IsModuleAway(ProgramResult result) => result.Errors.Contains("modules cannot be auto-loaded", StringComparison.Ordinal)
        || result.Errors.Contains("modules are not loaded", StringComparison.Ordinal) || result.Errors.Contains("/dev/zfs", StringComparison.Ordinal);
}

/// <summary>What <c>zpool import</c> says of pools that could be imported.</summary>
public static class ImportText
{
    public static IReadOnlyList<ImportablePool> Pools(string text)
    {
        var pools = new List<ImportablePool>();
        foreach (var line in text.Split('\n').Select(line => line.Trim()).Take(10_000))
        {
            var at = line.IndexOf(": ", StringComparison.Ordinal);
            var (name, value) = at > 0 ? (line[..at], line[(at + 2)..].Trim()) : ("", "");
            switch (name)
            {
                case "pool":
                    pools.Add(new ImportablePool(value, "", "UNKNOWN", null));
                    break;
                case "id" when pools.Count > 0 && value.All(char.IsAsciiDigit):
                    pools[^1] = pools[^1] with { Guid = value };
                    break;
                case "state" when pools.Count > 0:
                    pools[^1] = pools[^1] with { State = value };
                    break;
                case "status" when pools.Count > 0:
                    pools[^1] = pools[^1] with { Why = value };
                    break;
            }
        }

        return pools;
    }
}

/// <summary>What <c>zfs list -H -p</c> says of file systems, in the columns that <see cref="PoolReader"/> asks for.</summary>
public static class DatasetText
{
    public static IReadOnlyList<PoolDataset> Datasets(string text) =>
    [
        .. text.Split('\n').Select(line => line.Split('\t')).Where(row => row.Length is 10 or 11).Select(row => new PoolDataset(
            row[0], row[1] is "none" or "-" or "legacy" ? null : row[1], row[2] == "yes", Number(row[3]), Number(row[4]), Number(row[5]), row[6],
            Number(row[7]), row[8], row[9], row.Length > 10 ? Number(row[10]) : 0)),
    ];

    private static long Number(string text) =>
        long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0;
}
