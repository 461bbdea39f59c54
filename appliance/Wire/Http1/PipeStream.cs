// A duplex pipe seen as a stream, for SslStream: asynchronous only, one copy, and an empty read waits for data without
// taking a buffer (so that idle connections cost no memory).
using System.Buffers;
using System.IO.Pipelines;

namespace Holdfast.Wire;

internal sealed class PipeStream(IDuplexPipe pipe) : Stream
{
    private const int RecordBytes = 16 * 1024;
    private const int HeldBytes = 8 * RecordBytes;

    private int held;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            ReadResult result = await pipe.Input.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> bytes = result.Buffer;
            if (bytes.IsEmpty)
            {
                pipe.Input.AdvanceTo(bytes.Start, bytes.End);
                if (result.IsCompleted || result.IsCanceled)
                {
                    return 0;
                }

                continue;
            }

            int length = (int)Math.Min(bytes.Length, buffer.Length);
            ReadOnlySequence<byte> taken = bytes.Slice(0, length);
            taken.CopyTo(buffer.Span);
            pipe.Input.AdvanceTo(taken.End);
            return length;
        }
    }

    /// <summary>A full record is one of many: it waits for those after it, or for the flush that SslStream's user ends its writing with. One
    /// system call then sends what would have taken eight.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        pipe.Output.Write(buffer.Span);
        held += buffer.Length;
        return buffer.Length > RecordBytes && held < HeldBytes ? ValueTask.CompletedTask : SendAsync(cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        held == 0 ? Task.CompletedTask : SendAsync(cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        held = 0;
        FlushResult result = await pipe.Output.FlushAsync(cancellationToken);
        if (result.IsCompleted)
        {
            throw new IOException("the peer closed the connection");
        }
    }
}
