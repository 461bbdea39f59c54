// The same client against a PBS and against us, in turn, and the ratios. The peer's processor time is known where it runs
// on this machine.
using System.Globalization;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

internal static class PeerRows
{
    private const int Rounds = 3;

    public static async Task MeasureAsync(Bed bed, Rows rows, string repository)
    {
        if (!PbsRepository.TryParse(repository, out var parsed))
        {
            throw new ArgumentException($"not a repository: {repository}");
        }

        var peer = new Server(
            repository, Environment.GetEnvironmentVariable("PBS_PASSWORD") ?? "",
            Environment.GetEnvironmentVariable("PBS_FINGERPRINT") ?? "",
            parsed!.Host is "127.0.0.1" or "localhost" ? ProcFigures.Listener(parsed.Port) : null);
        await TransferRows.WithFreshAsync(bed, async appliance =>
        {
            var ours = Server.Of(appliance);
            var salt = Environment.ProcessId; // new data for a store that may have seen an earlier run
            var random = bed.RandomImage();
            var text = bed.TextImage();
            await CompareAsync(rows, "backup.new", ours, peer, i => [TransferRows.Backup(random, Salt(salt + i), "new")])
                .ConfigureAwait(false);
            await CompareAsync(rows, "backup.known", ours, peer, _ => [TransferRows.Backup(random, Salt(salt + Rounds), "new")])
                .ConfigureAwait(false);
            var time = ClientProcess.NextTime().ToString(CultureInfo.InvariantCulture);
            string[] kept = ["backup", "--image", random, "--salt", $"{Salt(salt)}", "--group", "kept", "--time", time];
            await ClientProcess.RunAsync(ours, kept).ConfigureAwait(false);
            await ClientProcess.RunAsync(peer, kept).ConfigureAwait(false);
            await CompareAsync(rows, "restore", ours, peer, _ => [["restore", "--group", "kept", "--time", time]])
                .ConfigureAwait(false);
            await CompareAsync(rows, "backup.compressible", ours, peer,
                i => [TransferRows.Backup(text, Salt(salt + i), "text")]).ConfigureAwait(false);
            await CompareAsync(rows, "backup.8_clients", ours, peer,
                i => TransferRows.EightClients(random, Salt(salt + 10 + i))).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    private static int Salt(int number) => 1 + (number % 255);

    private static async Task CompareAsync(Rows rows, string name, Server ours, Server peer, Func<int, string[][]> clients)
    {
        var (we, they) = (new List<TransferRows.Cost>(), new List<TransferRows.Cost>());
        for (var i = 1; i <= Rounds; i++)
        {
            we.Add(await TransferRows.MeasureAsync(ours, () => 0, clients(i)).ConfigureAwait(false));
            they.Add(await TransferRows.MeasureAsync(peer, () => 0, clients(i)).ConfigureAwait(false));
        }

        rows.Add($"peer.{name}.ours_mib_per_s", "MiB/s", [.. we.Select(c => c.MibPerS)]);
        rows.Add($"peer.{name}.peer_mib_per_s", "MiB/s", [.. they.Select(c => c.MibPerS)]);
        rows.Add($"peer.{name}.speed_ratio", "x of the peer", [.. we.Zip(they, (a, b) => a.MibPerS / b.MibPerS)]);
        if (peer.Pid is not null)
        {
            rows.Add($"peer.{name}.ours_cpu_s_per_gib", "s/GiB", [.. we.Select(c => c.ServerCpuS)]);
            rows.Add($"peer.{name}.peer_cpu_s_per_gib", "s/GiB", [.. they.Select(c => c.ServerCpuS)]);
            rows.Add($"peer.{name}.ours_peak_mib", "MiB", [.. we.Select(c => c.PeakMib)]);
            rows.Add($"peer.{name}.peer_peak_mib", "MiB", [.. they.Select(c => c.PeakMib)]);
        }
    }
}
