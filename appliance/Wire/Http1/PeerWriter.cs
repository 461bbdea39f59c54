// The writer to a peer over TLS, with the manners of a socket's pipe: a peer that went completes it. What a flush throws, Kestrel logs as an
// error of the server's, and a killed client is none.
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Holdfast.Wire;

internal sealed class PeerWriter(PipeWriter inner) : PipeWriter
{
    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override void Advance(int bytes) => inner.Advance(bytes);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        Calm(inner.FlushAsync(cancellationToken));

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        Calm(inner.WriteAsync(source, cancellationToken));

    public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

    private static ValueTask<FlushResult> Calm(ValueTask<FlushResult> flush) =>
        flush.IsCompletedSuccessfully ? flush : AwaitAsync(flush);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<FlushResult> AwaitAsync(ValueTask<FlushResult> flush)
    {
        try
        {
            return await flush;
        }
        catch (IOException)
        {
            return new FlushResult(isCanceled: false, isCompleted: true);
        }
    }
}
