// Verification of a snapshot of 2 GiB, from the request until the task has ended: with its chunks in the page cache (as peers are measured) and without.
using System.Diagnostics;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

internal static class VerifyRows
{
    private const int Runs = 5;
    private const double Gib = 1024.0 * 1024 * 1024;

    public static readonly RowGroup Group = new(
    [
        "verify.mib_per_s", "verify.cpu_s_per_gib", "verify.server_peak_mib", "verify.text_mib_per_s", "verify.text_cpu_s_per_gib",
        "verify.uncached_mib_per_s",
    ],
        MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var (random, text) = (bed.RandomImage(), bed.TextImage());
        await TransferRows.WithFreshAsync(bed, async appliance =>
        {
            var client = await PbsClient.ConnectAsync(new PbsClientOptions("127.0.0.1", appliance.Port, AuthId.Parse("admin@pbs"))
            {
                Secret = appliance.Password, Fingerprint = appliance.Fingerprint,
            }).ConfigureAwait(false);
            await using (client.ConfigureAwait(false))
            {
                await ClientProcess.RunAsync(Server.Of(appliance), TransferRows.Backup(random, 1, "random")).ConfigureAwait(false);

                // Chunks are written past the page cache: the first verification finds none of them there.
                var (uncached, _) = await VerifyAsync(client, appliance, "random").ConfigureAwait(false);
                rows.Add("verify.uncached_mib_per_s", "MiB/s", uncached);
                Warm(appliance.Data);
                ProcFigures.ForgetPeak(appliance.Pid);
                await AddAsync(rows, "verify.", client, appliance, "random").ConfigureAwait(false);
                rows.Add("verify.server_peak_mib", "MiB", ProcFigures.PeakMib(appliance.Pid));
                await ClientProcess.RunAsync(Server.Of(appliance), TransferRows.Backup(text, 1, "text")).ConfigureAwait(false);
                Warm(appliance.Data);
                await AddAsync(rows, "verify.text_", client, appliance, "text").ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
    }

    private static async Task AddAsync(Rows rows, string prefix, PbsClient client, RunningAppliance appliance, string group)
    {
        var (speeds, cpu) = (new double[Runs], new double[Runs]);
        for (var i = -1; i < Runs; i++) // the first one warms up
        {
            var one = await VerifyAsync(client, appliance, group).ConfigureAwait(false);
            if (i >= 0)
            {
                (speeds[i], cpu[i]) = one;
            }
        }

        rows.Add(prefix + "mib_per_s", "MiB/s", speeds);
        rows.Add(prefix + "cpu_s_per_gib", "s/GiB", cpu);
    }

    private static async Task<(double MibPerS, double CpuSPerGib)> VerifyAsync(PbsClient client, RunningAppliance appliance, string group)
    {
        var (cpu, started) = (appliance.CpuS, Stopwatch.GetTimestamp());
        var upid = (await client.PostAsync("admin/datastore/main/verify", new Dictionary<string, object>
        {
            ["backup-type"] = "host", ["backup-id"] = group, ["ignore-verified"] = false,
        }).ConfigureAwait(false)).GetProperty("data").GetString()!;
        while (true)
        {
            var status = (await client.GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/status").ConfigureAwait(false)).GetProperty("data");
            if (status.GetProperty("status").GetString() == "stopped")
            {
                var log = await client.GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/log", "limit=0").ConfigureAwait(false);
                if (!log.ToString().Contains("/2048.00 MiB in ", StringComparison.Ordinal))
                {
                    throw new InvalidDataException(log.ToString());
                }

                return status.GetProperty("exitstatus").GetString() == "OK"
                    ? (Bed.ImageBytes / (double)Bed.Mib / Stopwatch.GetElapsedTime(started).TotalSeconds, (appliance.CpuS - cpu) / (Bed.ImageBytes / Gib))
                    : throw new InvalidDataException(status.ToString());
            }

            await Task.Delay(10).ConfigureAwait(false);
        }
    }

    /// <summary>Reads every chunk, so that the page cache has it.</summary>
    private static void Warm(string data)
    {
        var buffer = new byte[4 * Bed.Mib];
        foreach (var path in Directory.EnumerateFiles(Path.Combine(data, "datastores", "main", ".chunks"), "*", SearchOption.AllDirectories))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
            while (file.Read(buffer) > 0)
            {
                // Only to have it read.
            }
        }
    }
}
