// Backups and restores: time, processor time of the server, of PostgreSQL and of the client, peak memory. Every run of new
// data is really new to the store.
using System.Diagnostics;

namespace Holdfast.Tests.Bench;

internal static class TransferRows
{
    private const int Runs = 3;
    private const double Gib = 1024.0 * 1024 * 1024;

    public static readonly RowGroup New = new(
        [.. Names("backup.new"), .. Names("backup.known"), "backup.known_speedup_over_new", .. Names("restore")], NewAsync);

    public static readonly RowGroup Compressible = new(Names("backup.compressible"), CompressibleAsync);

    public static readonly RowGroup Clients = new(Names("backup.8_clients"), ClientsAsync);

    /// <summary>What one transfer took.</summary>
    public sealed record Cost(double MibPerS, double ServerCpuS, double PostgresCpuS, double ClientCpuS, double PeakMib);

    /// <summary>Runs clients against the server and measures; all CPU figures per GiB of the client's data.</summary>
    public static async Task<Cost> MeasureAsync(Server server, Func<double> postgresCpuS, string[][] clients)
    {
        if (server.Pid is { } pid)
        {
            ProcFigures.ForgetPeak(pid);
        }

        var (cpuBefore, postgresBefore) = (server.CpuS, postgresCpuS());
        var started = Stopwatch.GetTimestamp();
        var reports = await Task.WhenAll(clients.Select(client => ClientProcess.RunAsync(server, client)))
            .ConfigureAwait(false);
        var wallS = clients.Length == 1 ? reports[0].WallS : Stopwatch.GetElapsedTime(started).TotalSeconds;
        var gib = reports.Sum(report => report.Bytes) / Gib;
        return new Cost(
            gib * 1024 / wallS, (server.CpuS - cpuBefore) / gib, (postgresCpuS() - postgresBefore) / gib,
            reports.Sum(report => report.CpuS) / gib,
            server.Pid is { } same ? ProcFigures.PeakMib(same) : double.NaN);
    }

    public static string[] Backup(string image, int salt, string group, params string[] more) =>
        ["backup", "--image", image, "--salt", $"{salt}", "--group", group, "--time", $"{ClientProcess.NextTime()}", .. more];

    private static async Task NewAsync(Bed bed, Rows rows)
    {
        var image = bed.RandomImage();
        var data = bed.NewFolder("data");
        var appliance = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        await using (appliance.ConfigureAwait(false))
        {
            appliance.Drain();
            Task<Cost> Run(string[] client) => MeasureAsync(Server.Of(appliance), () => appliance.PostgresCpuS, [client]);

            // The first one warms the server up: code is compiled as it runs, and the figures are those of a server that runs for months.
            await Run(Backup(image, 200, "warm", "--length", $"{256L * Bed.Mib}")).ConfigureAwait(false);
            var fresh = await RepeatAsync(i => Run(Backup(image, i, "vm"))).ConfigureAwait(false);
            Add(rows, "backup.new", fresh);
            var known = await RepeatAsync(_ => Run(Backup(image, Runs, "vm"))).ConfigureAwait(false);
            Add(rows, "backup.known", known);
            rows.Add("backup.known_speedup_over_new", "x", MedianSpeed(known) / MedianSpeed(fresh));
            var last = Backup(image, Runs, "last");
            await Run(last).ConfigureAwait(false);
            var restore = await RepeatAsync(_ => Run(["restore", "--group", "last", "--time", last[8]])).ConfigureAwait(false);
            Add(rows, "restore", restore);
        }

        Bed.Remove(data);
    }

    private static async Task CompressibleAsync(Bed bed, Rows rows)
    {
        var image = bed.TextImage();
        await WithFreshAsync(bed, async appliance =>
        {
            var cost = await RepeatAsync(i => MeasureAsync(
                Server.Of(appliance), () => appliance.PostgresCpuS, [Backup(image, i, "text")])).ConfigureAwait(false);
            Add(rows, "backup.compressible", cost);
        }).ConfigureAwait(false);
    }

    private static async Task ClientsAsync(Bed bed, Rows rows)
    {
        var image = bed.RandomImage();
        await WithFreshAsync(bed, async appliance =>
        {
            var cost = await RepeatAsync(i => MeasureAsync(
                Server.Of(appliance), () => appliance.PostgresCpuS, EightClients(image, i))).ConfigureAwait(false);
            Add(rows, "backup.8_clients", cost);
        }).ConfigureAwait(false);
    }

    public static string[][] EightClients(string image, int salt)
    {
        const long each = 256L * Bed.Mib;
        return [.. Enumerable.Range(0, 8).Select(
            k => Backup(image, salt, $"client-{k}", "--offset", $"{k * each}", "--length", $"{each}"))];
    }

    public static async Task WithFreshAsync(Bed bed, Func<RunningAppliance, Task> run)
    {
        var data = bed.NewFolder("data");
        var appliance = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        await using (appliance.ConfigureAwait(false))
        {
            appliance.Drain();
            await run(appliance).ConfigureAwait(false);
        }

        Bed.Remove(data);
    }

    private static async Task<Cost[]> RepeatAsync(Func<int, Task<Cost>> run)
    {
        var costs = new Cost[Runs];
        for (var i = 0; i < Runs; i++)
        {
            costs[i] = await run(i + 1).ConfigureAwait(false);
        }

        return costs;
    }

    private static double MedianSpeed(Cost[] costs)
    {
        var speeds = costs.Select(cost => cost.MibPerS).Order().ToArray();
        return Rows.Median(speeds);
    }

    private static void Add(Rows rows, string name, Cost[] costs)
    {
        rows.Add(name + ".mib_per_s", "MiB/s", [.. costs.Select(cost => cost.MibPerS)]);
        rows.Add(name + ".server_cpu_s_per_gib", "s/GiB", [.. costs.Select(cost => cost.ServerCpuS)]);
        rows.Add(name + ".postgres_cpu_s_per_gib", "s/GiB", [.. costs.Select(cost => cost.PostgresCpuS)]);
        rows.Add(name + ".client_cpu_s_per_gib", "s/GiB", [.. costs.Select(cost => cost.ClientCpuS)]);
        rows.Add(name + ".server_peak_mib", "MiB", [.. costs.Select(cost => cost.PeakMib)]);
    }

    private static string[] Names(string name) =>
    [
        name + ".mib_per_s", name + ".server_cpu_s_per_gib", name + ".postgres_cpu_s_per_gib",
        name + ".client_cpu_s_per_gib", name + ".server_peak_mib",
    ];
}
