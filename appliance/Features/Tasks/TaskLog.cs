// The log of one task as people read it: a line per thing worth knowing, each with its time, in a file of its own. Lines wait in memory for at most a
// quarter of a second of logging; whoever reads sees all of them. Bounded: a task that talks without end is cut off and says so.
using System.Globalization;
using System.Text;
using Holdfast.Storage;

namespace Holdfast.Features.Tasks;

/// <summary>An open log. Any thread may write. A log that can't be written never fails its task.</summary>
public sealed class TaskLog : IDisposable
{
    /// <summary>Far above what real tasks say (a verify of 100,000 snapshots), and far below what hurts.</summary>
    public const long SizeBytesMax = 64 * 1024 * 1024;

    private const int WaitingBytesMax = 32 * 1024;
    private const int LineCharsMax = 8 * 1024;
    private static readonly TimeSpan WaitingMax = TimeSpan.FromMilliseconds(250);

    private readonly TimeProvider clock;
    private readonly VolumeFile? file;
    private readonly Lock gate = new();
    private readonly MemoryStream waiting = new();
    private long flushedAt;
    private long sizeBytes;
    private bool isFull;

    internal TaskLog(VolumeFile? file, TimeProvider clock) => (this.file, this.clock, flushedAt) = (file, clock, clock.GetTimestamp());

    /// <summary>Adds a line; newlines in it become blanks.</summary>
    public void Line(string text)
    {
        var line = text.Length > LineCharsMax ? text[..LineCharsMax] + "…" : text;
        var stamped = $"{Stamp(clock.GetLocalNow())}: {line.ReplaceLineEndings(" ")}\n";
        lock (gate)
        {
            if (isFull)
            {
                return;
            }

            if (sizeBytes + waiting.Length > SizeBytesMax)
            {
                isFull = true;
                stamped = $"{Stamp(clock.GetLocalNow())}: the log is full; what follows is not logged\n";
            }

            waiting.Write(Encoding.UTF8.GetBytes(stamped));
            if (waiting.Length > WaitingBytesMax || clock.GetElapsedTime(flushedAt) > WaitingMax)
            {
                FlushWaiting();
            }
        }
    }

    /// <summary>The last line, <c>TASK OK</c> or what PBS says instead; it fits even a full log.</summary>
    internal void Last(string text)
    {
        lock (gate)
        {
            isFull = false;
            waiting.Write(Encoding.UTF8.GetBytes($"{Stamp(clock.GetLocalNow())}: {text.ReplaceLineEndings(" ")}\n"));
            FlushWaiting();
            isFull = true;
        }
    }

    /// <summary>Puts everything said so far into the file.</summary>
    public void Flush()
    {
        lock (gate)
        {
            FlushWaiting();
        }
    }

    public void Dispose()
    {
        Flush();
        file?.Dispose();
    }

    /// <summary>As PBS stamps its lines: local time with offset, to the second.</summary>
    private static string Stamp(DateTimeOffset now) => now.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

    private void FlushWaiting()
    {
        flushedAt = clock.GetTimestamp();
        if (waiting.Length == 0)
        {
            return;
        }

        try
        {
            file?.Write(waiting.GetBuffer().AsSpan(0, (int)waiting.Length), sizeBytes);
            sizeBytes += waiting.Length;
        }
        catch (StorageException)
        {
            // A full or broken system disk costs the log, not the work that it tells of.
        }

        waiting.SetLength(0);
    }
}
