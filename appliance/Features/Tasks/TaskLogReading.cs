// A task's log as clients fetch it: numbered lines from any point on, also while the task runs, or the whole as a file. The reference client polls it
// and gives up at the first gap, so lines are counted from the file alone (pbs-protocol.md 4.5).
using System.Buffers;
using System.Text;
using System.Text.Json;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>Reads logs.</summary>
public static class TaskLogReading
{
    private const int BlockBytes = 64 * 1024;

    /// <summary>Lines of one answer at most, whatever was asked for: some 10 MB of text.</summary>
    public const int LinesMax = 100_000;

    /// <summary>Lines from the first numbered <paramref name="start"/> (1-based; 0 is 1) on, and the number of all.</summary>
    /// <param name="limit">Most lines; 0 = all.</param>
    public static (List<(long Number, string Text)> Lines, long Total) Read(ReadableFile log, long start, long limit)
    {
        var lines = new List<(long, string)>();
        var most = limit == 0 ? LinesMax : Math.Min(limit, LinesMax);
        long number = 0;
        foreach (var line in Lines(log))
        {
            number++;
            if (number >= start && lines.Count < most)
            {
                lines.Add((number, Encoding.UTF8.GetString(line)));
            }
        }

        return (lines, number);
    }

    /// <summary>The answer's body; its envelope is not the usual one.</summary>
    /// <param name="isActive">Does the task run? Null: not asked.</param>
    public static byte[] Render(List<(long Number, string Text)> lines, long total, bool? isActive)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (isActive is { } active)
            {
                json.WriteBoolean("active", active);
            }

            json.WriteStartArray("data");
            foreach (var (number, text) in lines)
            {
                json.WriteStartObject();
                json.WriteNumber("n", number);
                json.WriteString("t", text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("success", 1);
            json.WriteNumber("total", total);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Sends the whole log as a file.</summary>
    public static async Task SendAsync(Exchange exchange, ReadableFile log, Upid upid)
    {
        var started = Snapshots.GroupKey.TimeText(upid.StartTimeS);
        exchange.SetHeader("Content-Disposition", $"attachment; filename=task-{upid.Node}-{upid.WorkerType}-{started}.log");
        var writer = exchange.Start(200, "text/plain", null);
        long offset = 0;
        for (var count = -1; count != 0; offset += count)
        {
            count = log.Read(writer.GetSpan(BlockBytes)[..BlockBytes], offset);
            writer.Advance(count);
            await writer.FlushAsync(exchange.Aborted).ConfigureAwait(false);
        }
    }

    /// <summary>Complete lines; a last one without newline is still being written.</summary>
    private static IEnumerable<byte[]> Lines(ReadableFile log)
    {
        var block = new byte[BlockBytes];
        var rest = new List<byte>();
        long offset = 0;
        for (var count = log.Read(block, 0); count > 0; count = log.Read(block, offset))
        {
            offset += count;
            var from = 0;
            for (var end = Array.IndexOf(block, (byte)'\n', 0, count); end >= 0; end = Array.IndexOf(block, (byte)'\n', from, count - from))
            {
                rest.AddRange(block.AsSpan(from, end - from));
                yield return [.. rest];
                rest.Clear();
                from = end + 1;
            }

            rest.AddRange(block.AsSpan(from, count - from));
        }
    }
}
