// Runs programs of this machine for the rig, with a limit of time, and says all that they said when they fail.
using System.Diagnostics;

namespace Holdfast.Tests.Hil;

/// <summary>What a program said and how it ended.</summary>
internal sealed record Said(int ExitStatus, string Output, string Errors);

internal static class Shell
{
    /// <summary>Runs to the end; any exit status but 0 is a failure of the test.</summary>
    public static async Task<string> RunAsync(
        string program, IReadOnlyList<string> arguments, TimeSpan within, IReadOnlyDictionary<string, string>? environment = null)
    {
        var said = await TryAsync(program, arguments, within, environment);
        return said.ExitStatus == 0
            ? said.Output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {said.ExitStatus}: {said.Output} {said.Errors}");
    }

    /// <summary>Runs to the end, whatever that is. What takes longer is killed: exit status -1.</summary>
    public static async Task<Said> TryAsync(
        string program, IReadOnlyList<string> arguments, TimeSpan within, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start");
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return new Said(-1, "", $"took longer than {within.TotalSeconds} s");
        }

        return new Said(process.ExitCode, await output, await errors);
    }
}
