// The appliance as a process: started on a fresh or given folder, known by what it prints, watched from outside, stopped
// or killed.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Holdfast.Tests.Bench;

/// <summary>A running holdfastd (or this program in its place).</summary>
internal sealed partial class RunningAppliance : IAsyncDisposable
{
    private readonly Process process;
    private Task draining = Task.CompletedTask;

    private RunningAppliance(Process process, string data) => (this.process, Data) = (process, data);

    /// <summary>Its data folder.</summary>
    public string Data { get; }

    public int Port { get; private set; }

    public string Fingerprint { get; private set; } = "";

    public string Password { get; private set; } = "";

    public int Pid => process.Id;

    public string Repository => $"admin@pbs@127.0.0.1:{Port}:main";

    public StreamWriter Input => process.StandardInput;

    public StreamReader Output => process.StandardOutput;

    public double CpuS => ProcFigures.CpuS(Pid);

    /// <summary>Processor time of its PostgreSQL, all processes together.</summary>
    public double PostgresCpuS => PostgresPid() is { } pid ? ProcFigures.TreeCpuS(pid) : 0;

    /// <summary>Starts and waits until it says that it is ready.</summary>
    public static async Task<RunningAppliance> StartAsync(Bed bed, string data, int port = 0)
    {
        var start = new ProcessStartInfo(bed.Daemon)
        {
            RedirectStandardOutput = true, RedirectStandardInput = true, UseShellExecute = false,
            ArgumentList = { "--data", data, "--port", $"{port}", "--listen", "127.0.0.1" },
        };
        return await StartAsync(start, data).ConfigureAwait(false);
    }

    public static async Task<RunningAppliance> StartAsync(ProcessStartInfo start, string data)
    {
        var running = Launch(start, data);
        await running.ReadyAsync().ConfigureAwait(false);
        return running;
    }

    /// <summary>Starts without waiting.</summary>
    public static RunningAppliance Launch(ProcessStartInfo start, string data) =>
        new(Process.Start(start) ?? throw new InvalidOperationException("not started"), data);

    /// <summary>Reads what it prints until it is ready.</summary>
    public async Task ReadyAsync()
    {
        while (await process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (Ready().Match(line) is { Success: true } ready)
            {
                Port = int.Parse(ready.Groups[1].Value, CultureInfo.InvariantCulture);
            }

            if (Print().Match(line) is { Success: true } print)
            {
                Fingerprint = print.Groups[1].Value;
                Password = (await File.ReadAllTextAsync(Path.Combine(Data, "initial-admin-password"))
                    .ConfigureAwait(false)).Trim();
                return;
            }
        }

        throw new InvalidOperationException($"the appliance ended with {process.ExitCode} before it was ready");
    }

    /// <summary>Keeps reading what it prints, so that it never waits for us.</summary>
    public void Drain() => draining = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);

    /// <summary>kill -9; its PostgreSQL stays behind.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync().ConfigureAwait(false);
        await draining.ConfigureAwait(false);
        process.Dispose();
    }

    /// <summary>kill -9, of its PostgreSQL too: what a power cut leaves, as far as processes go.</summary>
    public async Task KillWithPostgresAsync()
    {
        var postgres = PostgresPid();
        await KillAsync().ConfigureAwait(false);
        if (postgres is not { } pid)
        {
            return;
        }

        using var server = Process.GetProcessById(pid);
        var backends = ProcFigures.Children(pid).ToList();
        server.Kill();
        foreach (var backend in backends)
        {
            try
            {
                using var one = Process.GetProcessById(backend);
                one.Kill();
            }
            catch (ArgumentException)
            {
                // It went with its server.
            }
        }

        await server.WaitForExitAsync().ConfigureAwait(false);
    }

    /// <summary>Stops it in order.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!process.HasExited)
            {
                using var kill = Process.Start("kill", ["-TERM", $"{Pid}"]);
                await kill.WaitForExitAsync().ConfigureAwait(false);
                await process.WaitForExitAsync().ConfigureAwait(false);
            }

            await draining.ConfigureAwait(false);
        }
        catch (InvalidOperationException)
        {
            return; // killed and disposed before
        }

        process.Dispose();
    }

    private int? PostgresPid()
    {
        var file = Path.Combine(Data, "ledger", "cluster", "postmaster.pid");
        return File.Exists(file) ? int.Parse(File.ReadLines(file).First(), CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"is ready: https?://.*:(\d+)$")]
    private static partial Regex Ready();

    [GeneratedRegex(@"fingerprint: ([0-9a-fA-F:]+)$")]
    private static partial Regex Print();
}
