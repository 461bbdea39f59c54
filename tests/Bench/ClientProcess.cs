// Starts client processes against a server and gathers what they report.
using System.Diagnostics;
using System.Text.Json;

namespace Holdfast.Tests.Bench;

/// <summary>A server as clients see it; with a process id where it runs on this machine.</summary>
internal sealed record Server(string Repository, string Password, string Fingerprint, int? Pid)
{
    public static Server Of(RunningAppliance appliance) =>
        new(appliance.Repository, appliance.Password, appliance.Fingerprint, appliance.Pid);

    public double CpuS => Pid is { } pid ? ProcFigures.CpuS(pid) : double.NaN;
}

internal static class ClientProcess
{
    private static int tick;

    /// <summary>An epoch second that no backup of this run had yet, and that is later than all before.</summary>
    public static long NextTime() => DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 100_000 + Interlocked.Increment(ref tick);

    /// <summary>Starts a client; its standard output and input are ours.</summary>
    public static Process Start(Server server, params string[] arguments)
    {
        var start = Bed.Self(["client", .. arguments]);
        start.Environment["PBS_REPOSITORY"] = server.Repository;
        start.Environment["PBS_PASSWORD"] = server.Password;
        start.Environment["PBS_FINGERPRINT"] = server.Fingerprint;
        // As the product's own client is set (Cli.csproj): a run lasts seconds.
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_gcConcurrent"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("not started");
    }

    public static async Task<ClientReport> RunAsync(Server server, params string[] arguments)
    {
        using var process = Start(server, arguments);
        return await EndAsync(process).ConfigureAwait(false);
    }

    /// <summary>Waits for the end and reads the report.</summary>
    public static async Task<ClientReport> EndAsync(Process process)
    {
        var output = await process.StandardOutput.ReadToEndAsync().ConfigureAwait(false);
        await process.WaitForExitAsync().ConfigureAwait(false);
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<ClientReport>(output)!
            : throw new InvalidOperationException($"a client ended with {process.ExitCode}");
    }
}
