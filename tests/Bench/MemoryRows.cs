// Memory of the appliance with many idle connections and with many uploading sessions, and the price of a handshake.
namespace Holdfast.Tests.Bench;

internal static class MemoryRows
{
    private const int ConnectionCount = 1000;
    private const int SessionCount = 64;

    public static readonly RowGroup Connections = new(
        ["memory.idle_mib", "memory.1000_connections_mib", "memory.1000_connections_growth_mib", "handshake.cpu_ms"],
        ConnectionsAsync);

    public static readonly RowGroup Sessions = new(["memory.64_sessions_mib", "memory.64_sessions.mib_per_s"], SessionsAsync);

    private static Task ConnectionsAsync(Bed bed, Rows rows) => TransferRows.WithFreshAsync(bed, async appliance =>
    {
        var server = Server.Of(appliance);
        var before = ProcFigures.MemoryMib(appliance.Pid);
        var cpuBefore = appliance.CpuS;
        using var client = ClientProcess.Start(server, "hold", "--connections", $"{ConnectionCount}");
        await client.StandardOutput.ReadLineAsync().ConfigureAwait(false);
        await Task.Delay(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
        var with = ProcFigures.MemoryMib(appliance.Pid);
        rows.Add("handshake.cpu_ms", "ms", (appliance.CpuS - cpuBefore) * 1000 / ConnectionCount);
        rows.Add("memory.idle_mib", "MiB", before);
        rows.Add("memory.1000_connections_mib", "MiB", with);
        rows.Add("memory.1000_connections_growth_mib", "MiB", with - before);
        client.StandardInput.Close();
        await client.WaitForExitAsync().ConfigureAwait(false);
    });

    private static Task SessionsAsync(Bed bed, Rows rows)
    {
        var image = bed.RandomImage();
        return TransferRows.WithFreshAsync(bed, async appliance =>
        {
            var each = Bed.ImageBytes / SessionCount;
            var cost = await TransferRows.MeasureAsync(Server.Of(appliance), () => 0,
                [TransferRows.Backup(image, 1, "many", "--sessions", $"{SessionCount}", "--length", $"{each}")])
                .ConfigureAwait(false);
            rows.Add("memory.64_sessions_mib", "MiB", cost.PeakMib);
            rows.Add("memory.64_sessions.mib_per_s", "MiB/s", cost.MibPerS);
        });
    }
}
