// The transport that Kestrel's HTTP/1 engine sees: the engine may complete it, as it does when it ends, without the
// connection below being closed, because the connection goes on with other requests or as a session.
using System.Buffers;
using System.IO.Pipelines;

namespace Holdfast.Wire;

internal sealed class FrontPipe(PipeReader input, PipeWriter output) : IDuplexPipe
{
    private readonly FrontReader _input = new(input);

    public PipeReader Input => _input;

    public PipeWriter Output { get; } = new FrontWriter(output);

    /// <summary>The engine has read everything and seen the end, that is: it ended because its input did.</summary>
    public bool ReadToEnd => _input.SawEnd;

    private sealed class FrontReader(PipeReader inner) : PipeReader
    {
        private ReadOnlySequence<byte> _last;
        private bool _wantsMore;

        public bool SawEnd { get; private set; }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            _wantsMore = !_last.IsEmpty && examined.Equals(_last.End) && !consumed.Equals(_last.End);
            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            Note(await inner.ReadAsync(cancellationToken));

        public override bool TryRead(out ReadResult result)
        {
            bool some = inner.TryRead(out result);
            if (some)
            {
                result = Note(result);
            }

            return some;
        }

        // The engine takes an end behind unread bytes for a peer that has gone, and drops the answer it is working
        // on. So the end shows only once everything is read, or the engine waits for bytes that won't come.
        private ReadResult Note(ReadResult result)
        {
            _last = result.Buffer;
            SawEnd |= result.IsCompleted && result.Buffer.IsEmpty;
            return result.IsCompleted && !result.Buffer.IsEmpty && !_wantsMore
                ? new ReadResult(result.Buffer, result.IsCanceled, isCompleted: false)
                : result;
        }
    }

    private sealed class FrontWriter(PipeWriter inner) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null)
        {
            // Not the connection's end, see above.
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            inner.FlushAsync(cancellationToken);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);
    }
}
