// Lines typed at the console, from the kernel's own line editing: works on a screen and on the dumbest serial line. A line that is waited for can be waited for
// again.
using System.Text;

namespace Holdfast.Cli;

/// <summary>Reads lines.</summary>
internal sealed class ConsoleInput(Stream input)
{
    private const int LongestBytes = 512;
    private Task<string?>? pending;

    /// <summary>The next line; null at the end of the input. What exceeds 512 bytes is dropped.</summary>
    public Task<string?> LineAsync()
    {
        Task<string?> line = pending ?? Task.Run(Read);
        pending = null;
        return line;
    }

    /// <summary>The next line if it comes in time; <c>Came</c> is false if not, and it is still waited for.</summary>
    public async Task<(bool Came, string? Line)> LineWithinAsync(TimeSpan within, TimeProvider clock, CancellationToken cancel)
    {
        Task<string?> line = pending ??= Task.Run(Read, CancellationToken.None);
        if (await Task.WhenAny(line, Task.Delay(within, clock, cancel)) != line)
        {
            cancel.ThrowIfCancellationRequested();
            return (false, null);
        }

        pending = null;
        return (true, await line);
    }

    private string? Read()
    {
        var line = new List<byte>();
        for (int next = input.ReadByte(); next != '\n'; next = input.ReadByte())
        {
            if (next < 0)
            {
                return line.Count == 0 ? null : Encoding.UTF8.GetString([.. line]);
            }

            if (line.Count < LongestBytes)
            {
                line.Add((byte)next);
            }
        }

        return Encoding.UTF8.GetString([.. line]).Trim();
    }
}
