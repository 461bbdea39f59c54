// The command line as its users run it: a process of its own, against a daemon or a folder.
using System.Diagnostics;
using Xunit;

namespace Holdfast.Tests.Wire;

internal static class CommandLine
{
    /// <summary>Runs it against the daemon as the admin; returns what it printed.</summary>
    public static async Task<string> RunAsync(Daemon daemon, params string[] arguments)
    {
        var (exitCode, text) = await TryAsync(daemon, arguments);
        Assert.True(exitCode == 0, text);
        return text;
    }

    /// <summary>Runs it; the exit code and everything it printed.</summary>
    public static Task<(int ExitCode, string Text)> TryAsync(Daemon? daemon, params string[] arguments) => TryAsync(daemon, [], arguments);

    /// <summary>The same with more environment variables.</summary>
    public static async Task<(int ExitCode, string Text)> TryAsync(Daemon? daemon, Dictionary<string, string> variables, params string[] arguments)
    {
        var start = new ProcessStartInfo(Program(), arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false,
        };
        if (daemon is not null)
        {
            start.Environment["HOLDFAST_REPOSITORY"] = $"{Daemon.Admin}@127.0.0.1:{daemon.Port}:main";
            start.Environment["HOLDFAST_PASSWORD"] = daemon.Password;
            start.Environment["HOLDFAST_FINGERPRINT"] = daemon.Fingerprint;
        }

        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output + await errors);
    }

    private static string Program()
    {
        var published = Path.Combine(Environment.GetEnvironmentVariable("HOLDFAST_OUT") ?? "", "holdfast");
        return Path.IsPathRooted(published) && File.Exists(published) ? published : Path.Combine(AppContext.BaseDirectory, "holdfast");
    }
}
