// Figures that need a look inside the serving process: managed bytes allocated per chunk over everything (TLS, HTTP/2,
// handler, disk), and how long an append takes while 16 backups run.
using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Tests.Bench;

internal static class InsideRows
{
    private const int Backups = 16;

    public static readonly RowGroup Group = new(
        ["process.alloc_bytes_per_chunk", "ledger.append_p50_ms_under_load", "ledger.append_p99_ms_under_load"], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var image = bed.RandomImage();
        var data = bed.NewFolder("data");
        var appliance = await RunningAppliance.StartAsync(Bed.Self("serve", "--data", data), data).ConfigureAwait(false);
        await using (appliance.ConfigureAwait(false))
        {
            var server = Server.Of(appliance);
            await ClientProcess.RunAsync(server, TransferRows.Backup(image, 9, "warm", "--length", $"{512L * Bed.Mib}"))
                .ConfigureAwait(false);
            await ChunkAllocationAsync(rows, appliance, server, image).ConfigureAwait(false);
            await UnderLoadAsync(rows, appliance, server, image).ConfigureAwait(false);
            appliance.Input.Close(); // it ends by that
            await appliance.Output.ReadToEndAsync().ConfigureAwait(false);
        }

        Bed.Remove(data);
    }

    private static async Task ChunkAllocationAsync(Rows rows, RunningAppliance appliance, Server server, string image)
    {
        var before = await AskAsync(appliance, "alloc").ConfigureAwait(false);
        await ClientProcess.RunAsync(server, TransferRows.Backup(image, 10, "alloc")).ConfigureAwait(false);
        var after = await AskAsync(appliance, "alloc").ConfigureAwait(false);
        var bytes = double.Parse(after, CultureInfo.InvariantCulture) - double.Parse(before, CultureInfo.InvariantCulture);
        rows.Add("process.alloc_bytes_per_chunk", "bytes", bytes / (Bed.ImageBytes / (4 * Bed.Mib)));
    }

    private static async Task UnderLoadAsync(Rows rows, RunningAppliance appliance, Server server, string image)
    {
        const long each = Bed.ImageBytes / Backups;
        await appliance.Input.WriteLineAsync("append").ConfigureAwait(false);
        await appliance.Input.FlushAsync().ConfigureAwait(false);
        await ClientProcess.RunAsync(server, TransferRows.Backup(
            image, 11, "load", "--sessions", $"{Backups}", "--length", $"{each}")).ConfigureAwait(false);
        var report = (await AskAsync(appliance, "report").ConfigureAwait(false)).Split(' ')
            .Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        Debug.Assert(report.Length == 3, "count, median, p99");
        rows.Add("ledger.append_p50_ms_under_load", "ms", report[1]);
        rows.Add("ledger.append_p99_ms_under_load", "ms", report[2]);
    }

    private static async Task<string> AskAsync(RunningAppliance appliance, string order)
    {
        await appliance.Input.WriteLineAsync(order).ConfigureAwait(false);
        await appliance.Input.FlushAsync().ConfigureAwait(false);
        return await appliance.Output.ReadLineAsync().ConfigureAwait(false)
            ?? throw new InvalidOperationException("the serving process ended");
    }
}
