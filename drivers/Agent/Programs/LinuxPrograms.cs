// Runs the system's tools for the drivers: found in the system's folders only, with an environment of our own (C locale, UTC), no shell, killed when they
// take too long or say too much.
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Programs;

/// <summary>The system's programs.</summary>
public sealed class LinuxPrograms : IPrograms
{
    private const int ErrorBytesMax = 64 * 1024;
    private const int LineCharsMax = 64 * 1024;
    private const int LinesWaitingMax = 1024;
    private static readonly string[] Folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    public bool Has(string program) => Find(program) is not null;

    public async Task<ProgramResult> RunAsync(
        string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default)
    {
        limits ??= ProgramLimits.Default;
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(limits.Within);
        using var process = Start(program, arguments);
        try
        {
            var output = ReadAsync(process.StandardOutput.BaseStream, limits.OutputBytesMax, program, bound.Token);
            var errors = ReadErrorsAsync(process.StandardError.BaseStream, bound.Token);
            await WriteAsync(process, input, bound.Token).ConfigureAwait(false);
            var said = await output.ConfigureAwait(false);
            var complained = await errors.ConfigureAwait(false);
            await process.WaitForExitAsync(bound.Token).ConfigureAwait(false);
            return new ProgramResult(process.ExitCode, said, complained);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new ProgramFailedException($"{program} took longer than {limits.Within.TotalSeconds:0.#} s and was ended");
        }
        finally
        {
            End(process);
        }
    }

    public async IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var process = Start(program, arguments);
        process.StandardInput.Close();
        var lines = Channel.CreateBounded<string>(LinesWaitingMax);
        var reading = Task.Run(() => ReadLinesAsync(process.StandardOutput, lines.Writer, cancel), CancellationToken.None);
        var errors = ReadErrorsAsync(process.StandardError.BaseStream, cancel);
        try
        {
            await foreach (var line in lines.Reader.ReadAllAsync(cancel).ConfigureAwait(false))
            {
                yield return line;
            }

            // It ended by itself: its reason, if it gave one, is the reader's last line of information.
            var why = await errors.ConfigureAwait(false);
            if (why.Length > 0)
            {
                throw new ProgramFailedException($"{program} ended: {why.Trim()}");
            }
        }
        finally
        {
            End(process);
            await reading.ConfigureAwait(false);
        }
    }

    private static string? Find(string program) => program.Contains('/', StringComparison.Ordinal)
        ? null
        : Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(Find(program) ?? throw new ProgramFailedException($"{program} is not installed"))
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = "/",
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        start.Environment["PATH"] = string.Join(':', Folders);
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["TZ"] = "UTC";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new ProgramFailedException($"{program} could not be started: {error.Message}");
        }
    }

    private static async Task WriteAsync(Process process, string? input, CancellationToken cancel)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancel).ConfigureAwait(false);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading all of its input; its exit status says why.
        }
    }

    private static async Task<string> ReadAsync(Stream stream, int bytesMax, string program, CancellationToken cancel)
    {
        using var all = new MemoryStream();
        var block = new byte[16 * 1024];
        int count;
        while ((count = await stream.ReadAsync(block, cancel).ConfigureAwait(false)) > 0)
        {
            if (all.Length + count > bytesMax)
            {
                throw new ProgramFailedException($"{program} said more than {bytesMax} bytes and was ended");
            }

            all.Write(block, 0, count);
        }

        return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
    }

    /// <summary>What goes beyond the limit is read and dropped, so that the program never waits for us.</summary>
    private static async Task<string> ReadErrorsAsync(Stream stream, CancellationToken cancel)
    {
        using var all = new MemoryStream();
        var block = new byte[4096];
        int count;
        while ((count = await stream.ReadAsync(block, cancel).ConfigureAwait(false)) > 0)
        {
            all.Write(block, 0, (int)Math.Min(count, ErrorBytesMax - all.Length));
        }

        return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
    }

    private static async Task ReadLinesAsync(StreamReader from, ChannelWriter<string> to, CancellationToken cancel)
    {
        try
        {
            var line = new StringBuilder();
            var block = new char[4096];
            int count;
            while ((count = await from.ReadAsync(block, cancel).ConfigureAwait(false)) > 0)
            {
                foreach (var c in block.AsMemory(0, count).ToArray())
                {
                    if (c == '\n')
                    {
                        await to.WriteAsync(line.ToString(), cancel).ConfigureAwait(false);
                        line.Clear();
                    }
                    else if (line.Length < LineCharsMax)
                    {
                        line.Append(c);
                    }
                }
            }

            to.Complete();
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
            to.TryComplete(error);
        }
    }

    private static void End(Process process)
    {
        try
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception)
        {
            // It ended in between.
        }
    }
}
