// Progress of a copy on standard error: a bar with rate and time left on a terminal, a plain line now and then elsewhere.
using System.Globalization;

namespace Holdfast.Cli;

/// <summary>Report from one thread; <see cref="End"/> clears the bar. A total of 0 is one that nobody knows.</summary>
internal sealed class Progress(string what, long totalBytes, TimeProvider clock, TextWriter output, bool isTerminal) : IProgress<long>
{
    private const int BarColumns = 28;
    private static readonly TimeSpan BarPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LinePause = TimeSpan.FromSeconds(10);

    private readonly long started = clock.GetTimestamp();
    private long shown = clock.GetTimestamp();
    private int width;

    public Progress(string what, long totalBytes, TimeProvider clock)
        : this(what, totalBytes, clock, Console.Error, !Console.IsErrorRedirected)
    {
    }

    /// <summary>Bytes done so far.</summary>
    public void Report(long value)
    {
        if (clock.GetElapsedTime(shown) < (isTerminal ? BarPause : LinePause))
        {
            return;
        }

        shown = clock.GetTimestamp();
        if (!isTerminal)
        {
            output.WriteLine(Line(value));
            return;
        }

        string line = (totalBytes > 0 ? Bar(value) + " " : "") + Line(value);
        output.Write("\r" + line.PadRight(width));
        width = line.Length;
    }

    /// <summary>Takes the bar away, so that the next text stands alone.</summary>
    public void End()
    {
        if (width > 0)
        {
            output.Write("\r" + new string(' ', width) + "\r");
            width = 0;
        }
    }

    private string Bar(long value)
    {
        int full = (int)(Share(value) * BarColumns);
        return "[" + new string('#', full) + new string('.', BarColumns - full) + "]";
    }

    private string Line(long value)
    {
        double seconds = Math.Max(0.001, clock.GetElapsedTime(started).TotalSeconds);
        double rate = value / seconds;
        if (totalBytes == 0)
        {
            return $"{what}: {Sizes.Text(value)}, {Sizes.Text(rate)}/s";
        }

        string left = rate > 0 ? Sizes.Text(TimeSpan.FromSeconds((totalBytes - value) / rate)) : "?";
        return string.Create(CultureInfo.InvariantCulture,
            $"{what}: {100 * Share(value):0.0}% of {Sizes.Text(totalBytes)}, {Sizes.Text(rate)}/s, {left} left");
    }

    private double Share(long value) => totalBytes == 0 ? 1 : Math.Clamp((double)value / totalBytes, 0, 1);
}
