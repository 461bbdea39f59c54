// The body of an answer whose length nobody knows: bytes gather in the transport's own buffer and are sent when enough have come together.
using System.Buffers;
using System.IO.Pipelines;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Where downloads are written to. The answer starts with the first byte, so that a fault before it still is an error with a text.</summary>
public sealed class DownloadBody(Exchange exchange) : IBufferWriter<byte>
{
    private const int EnoughBytes = 256 * 1024;

    private PipeWriter? writer;
    private int pending;

    /// <summary>Bytes written so far.</summary>
    public long Bytes { get; private set; }

    private PipeWriter Writer => writer ??= exchange.Start(200, "application/octet-stream", null);

    public void Advance(int count)
    {
        Writer.Advance(count);
        pending += count;
        Bytes += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => Writer.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => Writer.GetSpan(sizeHint);

    /// <summary>Sends what has gathered, if it is enough; waits while the peer is slow.</summary>
    /// <exception cref="OperationCanceledException">The peer is gone.</exception>
    public ValueTask SendAsync() => pending >= EnoughBytes ? SendAllAsync() : ValueTask.CompletedTask;

    /// <summary>Sends everything.</summary>
    public async ValueTask SendAllAsync()
    {
        pending = 0;
        var flushed = await Writer.FlushAsync(exchange.Aborted).ConfigureAwait(false);
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException("the peer is gone");
        }
    }
}
