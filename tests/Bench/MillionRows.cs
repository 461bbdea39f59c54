// A box with a million events and 10,000 snapshots: checking the chain, rebuilding the folds, starting after a kill -9 until
// a backup is accepted, and listing all snapshots.
using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Holdfast.Features.Audit;
using Holdfast.Ledger;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

internal static class MillionRows
{
    private const int Runs = 3;
    private const int StartRuns = 5;
    private const int ListRuns = 7;
    private const string List = "/api2/json/admin/datastore/main/snapshots";

    public static readonly RowGroup Group = new(
    [
        "ledger.history_events", "ledger.verify_events_per_s", "ledger.verify_cpu_us_per_event",
        "ledger.fold_events_per_s", "ledger.fold_cpu_us_per_event", "start.first_with_1m_events_s",
        "start.with_1m_events_s", "start.with_1m_events_cpu_s", "start.after_power_loss_s", "list.10k_snapshots_ms", "list.10k_snapshots_cpu_ms",
        "memory.with_1m_events_mib",
    ], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var data = bed.NewFolder("million");
        var first = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        first.Drain();
        await first.DisposeAsync().ConfigureAwait(false); // made user, certificate, datastore and ledger
        var own = await OwnLedger.OpenAsync(data).ConfigureAwait(false);
        await using (own.ConfigureAwait(false))
        {
            var events = await SampleHistory.AppendAsync(own.Ledger).ConfigureAwait(false);
            rows.Add("ledger.history_events", "events", events);
            await ReadAsync(rows, own.Ledger).ConfigureAwait(false);
        }

        SampleHistory.MakeFolders(Path.Combine(data, "datastores", "main"));
        await StartsAsync(bed, rows, data).ConfigureAwait(false);
        Bed.Remove(data);
    }

    private static async Task ReadAsync(Rows rows, PostgresLedger ledger)
    {
        var (verified, folded) = (new double[Runs], new double[Runs]);
        var (verifyUs, foldUs) = (new double[Runs], new double[Runs]);
        for (var i = 0; i < Runs; i++)
        {
            var cpu = Environment.CpuUsage.TotalTime;
            var started = Stopwatch.GetTimestamp();
            var report = await ChainVerifier.VerifyAsync(ledger).ConfigureAwait(false);
            verified[i] = ledger.Head.Position / Stopwatch.GetElapsedTime(started).TotalSeconds;
            verifyUs[i] = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / ledger.Head.Position;
            if (!report.IsGood || report.Head.Position != ledger.Head.Position)
            {
                throw new InvalidDataException($"the chain does not verify: {report}");
            }

            cpu = Environment.CpuUsage.TotalTime;
            started = Stopwatch.GetTimestamp();
            var folds = new Folds(ledger, null, TimeProvider.System, Console.WriteLine);
            await folds.Set.StartAsync().ConfigureAwait(false);
            folded[i] = ledger.Head.Position / Stopwatch.GetElapsedTime(started).TotalSeconds;
            foldUs[i] = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / ledger.Head.Position;
            if (folds.Snapshots.State.In("main", "").Values.Sum(group => group.Snapshots.Count)
                != SampleHistory.Groups * SampleHistory.Kept)
            {
                throw new InvalidDataException("the folds have another number of snapshots");
            }

            await folds.Set.DisposeAsync().ConfigureAwait(false);
        }

        rows.Add("ledger.verify_events_per_s", "events/s", verified);
        rows.Add("ledger.verify_cpu_us_per_event", "us", verifyUs);
        rows.Add("ledger.fold_events_per_s", "events/s", folded);
        rows.Add("ledger.fold_cpu_us_per_event", "us", foldUs);
    }

    private static async Task StartsAsync(Bed bed, Rows rows, string data)
    {
        var (appliance, firstS) = await StartAsync(bed, data).ConfigureAwait(false);
        rows.Add("start.first_with_1m_events_s", "s", firstS); // without the folds' snapshots
        try
        {
            await WaitForFoldsAsync(data).ConfigureAwait(false);
            await ListAsync(rows, appliance).ConfigureAwait(false);
        }
        catch
        {
            await appliance.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var (killed, cpu, cut) = (new double[StartRuns], new double[StartRuns], new double[Runs]);
        for (var i = 0; i < StartRuns; i++)
        {
            await appliance.KillAsync().ConfigureAwait(false);
            (appliance, killed[i]) = await StartAsync(bed, data).ConfigureAwait(false);
            cpu[i] = appliance.CpuS;
        }

        rows.Add("start.with_1m_events_s", "s", killed);
        rows.Add("start.with_1m_events_cpu_s", "s", cpu);
        for (var i = 0; i < Runs; i++)
        {
            await appliance.KillWithPostgresAsync().ConfigureAwait(false);
            (appliance, cut[i]) = await StartAsync(bed, data).ConfigureAwait(false);
        }

        rows.Add("start.after_power_loss_s", "s", cut);
        rows.Add("memory.with_1m_events_mib", "MiB", ProcFigures.MemoryMib(appliance.Pid));
        await appliance.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>From the start of the process until a backup was accepted: login, upgrade, 101.</summary>
    private static async Task<(RunningAppliance Appliance, double Seconds)> StartAsync(Bed bed, string data)
    {
        var started = Stopwatch.GetTimestamp();
        var appliance = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        appliance.Drain();
        var client = await ConnectAsync(appliance).ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            var backup = await client.StartBackupAsync(
                new SessionTarget("main", "host", "start", ClientProcess.NextTime())).ConfigureAwait(false);
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            await backup.DisposeAsync().ConfigureAwait(false);
            return (appliance, seconds);
        }
    }

    private static Task<PbsClient> ConnectAsync(RunningAppliance appliance) => PbsClient.ConnectAsync(
        new PbsClientOptions("127.0.0.1", appliance.Port, AuthId.Parse("admin@pbs"))
        {
            Secret = appliance.Password, Fingerprint = appliance.Fingerprint,
        });

    /// <summary>The folds are saved some seconds after a start that read many events.</summary>
    private static async Task WaitForFoldsAsync(string data)
    {
        for (var i = 0; i < 60 && Directory.GetFiles(Path.Combine(data, "folds"), "*.fold").Length < 3; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        }

        await Task.Delay(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
    }

    private static async Task ListAsync(Rows rows, RunningAppliance appliance)
    {
        Environment.SetEnvironmentVariable("PBS_FINGERPRINT", appliance.Fingerprint);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", appliance.Port).ConfigureAwait(false);
        var tls = await ClientVerb.HandshakeAsync(new NetworkStream(socket, ownsSocket: true)).ConfigureAwait(false);
        await using (tls.ConfigureAwait(false))
        {
            var ticket = await TicketAsync(appliance).ConfigureAwait(false);
            var request = Encoding.ASCII.GetBytes($"GET {List} HTTP/1.1\r\nHost: localhost\r\nCookie: PBSAuthCookie={ticket}\r\n\r\n");
            var (times, cpu) = (new double[ListRuns], new double[ListRuns]);
            for (var i = -3; i < ListRuns; i++)
            {
                var cpuBefore = appliance.CpuS;
                var started = Stopwatch.GetTimestamp();
                await tls.WriteAsync(request).ConfigureAwait(false);
                var named = await ReadAnswerAsync(tls, i < 0).ConfigureAwait(false);
                if (i >= 0)
                {
                    times[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                    cpu[i] = (appliance.CpuS - cpuBefore) * 1000;
                }
                else if (named != SampleHistory.Groups * SampleHistory.Kept)
                {
                    throw new InvalidDataException($"the list has {named} snapshots");
                }
            }

            rows.Add("list.10k_snapshots_ms", "ms", times);
            rows.Add("list.10k_snapshots_cpu_ms", "ms", cpu);
        }
    }

    private static async Task<string> TicketAsync(RunningAppliance appliance)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true }, UseProxy = false,
        });
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["username"] = "admin@pbs", ["password"] = appliance.Password,
        });
        using var answer = await http.PostAsync(
            new Uri($"https://127.0.0.1:{appliance.Port}/api2/json/access/ticket"), form).ConfigureAwait(false);
        using var json = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false));
        return Uri.EscapeDataString(json.RootElement.GetProperty("data").GetProperty("ticket").GetString()!);
    }

    /// <summary>Reads a whole answer with Content-Length; returns how many snapshots it names, if asked.</summary>
    private static async Task<int> ReadAnswerAsync(SslStream tls, bool counts = false)
    {
        using var body = new MemoryStream();
        var buffer = new byte[256 * 1024];
        var filled = 0;
        int end;
        while ((end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            var read = await tls.ReadAsync(buffer.AsMemory(filled)).ConfigureAwait(false);
            filled += read > 0 ? read : throw new EndOfStreamException("the server closed the connection");
        }

        var head = Encoding.ASCII.GetString(buffer, 0, end);
        if (!head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
        {
            throw new InvalidDataException(head);
        }

        const string name = "Content-Length:";
        var line = head.Split("\r\n").First(l => l.StartsWith(name, StringComparison.OrdinalIgnoreCase));
        var length = int.Parse(line.AsSpan(name.Length).Trim(), CultureInfo.InvariantCulture);
        body.Write(buffer, end + 4, filled - end - 4);
        for (var left = length - (filled - end - 4); left > 0;)
        {
            var read = await tls.ReadAsync(buffer).ConfigureAwait(false);
            if (counts)
            {
                body.Write(buffer, 0, read);
            }

            left -= read > 0 ? read : throw new EndOfStreamException("the server closed the connection");
        }

        return counts ? Count(body.GetBuffer().AsSpan(0, (int)body.Length)) : length;
    }

    /// <summary>How many snapshots an answer names.</summary>
    private static int Count(ReadOnlySpan<byte> body) => body.Count("\"backup-time\""u8);
}
