// Feeds Kestrel's HTTP/1 engine from a connection, one whole request head at a time, so that an upgrade request is seen
// wherever it stands on a keep-alive connection and never reaches Kestrel. A missing Host header is supplied, since
// some clients send none (pbs-protocol 7.1). Bodies pass uninspected; an upgrade head ends the feed.
using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Holdfast.Wire;

/// <summary>Why a feed ended.</summary>
internal abstract record FeedEnd
{
    /// <summary>The peer has closed, or Kestrel no longer reads.</summary>
    public sealed record Over : FeedEnd;

    /// <summary>A head that is answered here, by this status, and then the connection closed.</summary>
    public sealed record Bad(int Status, string Text) : FeedEnd;

    /// <summary>An upgrade request, consumed to its last byte.</summary>
    public sealed record Upgrade(RequestHead Head, string Path, string Query) : FeedEnd;
}

internal sealed class HeadPump(PipeReader input, PbsListenerOptions options)
{
    private readonly Pipe _pipe = new(new PipeOptions(
        pauseWriterThreshold: 256 * 1024, resumeWriterThreshold: 64 * 1024));

    /// <summary>What Kestrel reads.</summary>
    public PipeReader Output => _pipe.Reader;

    /// <summary>Runs until the feed ends; cancelling is an end like any other.</summary>
    public async Task<FeedEnd> RunAsync(CancellationToken stop)
    {
        FeedEnd end = new FeedEnd.Over();
        try
        {
            end = await FeedAsync(stop);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The connection is over: Kestrel sees the end of its input.
        }
        finally
        {
            await _pipe.Writer.CompleteAsync();
        }

        return end;
    }

    private async Task<FeedEnd> FeedAsync(CancellationToken stop)
    {
        while (true)
        {
            (RequestHead? head, FeedEnd? end) = await NextHeadAsync(stop);
            if (head is null)
            {
                return end!;
            }

            if (UpgradePath(head, out string path, out string query))
            {
                return head.BodyLength != 0
                    ? new FeedEnd.Bad(400, "upgrade requests have no body")
                    : new FeedEnd.Upgrade(head, path, query);
            }

            if (!await ForwardBodyAsync(head.BodyLength, stop))
            {
                return new FeedEnd.Over();
            }
        }
    }

    // Reads one head; copies it to Kestrel unless it is an upgrade. Idle time runs from here, so it can pass while a
    // long answer is still being written: the feed then ends, the answer doesn't.
    private async ValueTask<(RequestHead? Head, FeedEnd? End)> NextHeadAsync(CancellationToken stop)
    {
        var limit = new Deadline(options.IdleTimeout, options.Clock, stop);
        bool begun = false;
        try
        {
            while (true)
            {
                ReadResult result = await input.ReadAsync(limit.Token);
                ReadOnlySequence<byte> bytes = SkipEmptyLines(result.Buffer);
                if (!bytes.IsEmpty)
                {
                    switch (RequestHead.TryParse(bytes, options.MaxHeadBytes, out RequestHead? head, out string why))
                    {
                        case HeadParse.Complete:
                            return (await TakeAsync(head!, bytes, stop) ? head : null, new FeedEnd.Over());
                        case HeadParse.Bad:
                            input.AdvanceTo(bytes.End);
                            return (null, new FeedEnd.Bad(why == "request head too large" ? 431 : 400, why));
                    }

                    if (!begun)
                    {
                        begun = true;
                        limit.Dispose();
                        limit = new Deadline(options.HeadTimeout, options.Clock, stop);
                    }
                }

                input.AdvanceTo(bytes.Start, bytes.End);
                if (result.IsCompleted || result.IsCanceled)
                {
                    return (null, new FeedEnd.Over());
                }
            }
        }
        catch (OperationCanceledException) when (limit.Passed && !stop.IsCancellationRequested)
        {
            return (null, begun ? new FeedEnd.Bad(408, "request head took too long") : new FeedEnd.Over());
        }
        finally
        {
            limit.Dispose();
        }
    }

    private static ReadOnlySequence<byte> SkipEmptyLines(ReadOnlySequence<byte> bytes)
    {
        var reader = new SequenceReader<byte>(bytes);
        while (reader.IsNext("\r\n"u8, advancePast: true))
        {
        }

        return reader.UnreadSequence;
    }

    private async ValueTask<bool> TakeAsync(RequestHead head, ReadOnlySequence<byte> bytes, CancellationToken stop)
    {
        ReadOnlySequence<byte> raw = bytes.Slice(0, head.LengthBytes);
        if (UpgradePath(head, out _, out _))
        {
            input.AdvanceTo(raw.End);
            return true;
        }

        PipeWriter writer = _pipe.Writer;
        bool needsHost = !head.IsHttp10 && head.Header("Host") is null;
        foreach (ReadOnlyMemory<byte> piece in needsHost ? raw.Slice(0, raw.Length - 2) : raw)
        {
            writer.Write(piece.Span);
        }

        if (needsHost)
        {
            writer.Write("Host: localhost\r\n\r\n"u8);
        }

        input.AdvanceTo(raw.End);
        FlushResult flushed = await writer.FlushAsync(stop);
        return !flushed.IsCompleted;
    }

    private async ValueTask<bool> ForwardBodyAsync(long length, CancellationToken stop)
    {
        ChunkedBody? chunked = length < 0 ? new ChunkedBody() : null;
        while (chunked is null ? length > 0 : !chunked.IsDone)
        {
            ReadResult result = await input.ReadAsync(stop);
            ReadOnlySequence<byte> bytes = result.Buffer;
            long taken = 0;
            foreach (ReadOnlyMemory<byte> piece in bytes)
            {
                int part = chunked?.Take(piece.Span) ?? (int)Math.Min(length - taken, piece.Length);
                _pipe.Writer.Write(piece.Span[..part]);
                taken += part;
                if (part < piece.Length)
                {
                    break;
                }
            }

            length -= chunked is null ? taken : 0;
            input.AdvanceTo(bytes.GetPosition(taken), bytes.GetPosition(taken));
            FlushResult flushed = await _pipe.Writer.FlushAsync(stop);
            if (flushed.IsCompleted || chunked?.IsBad == true || (result.IsCompleted && taken == bytes.Length))
            {
                // A broken body is shown to Kestrel, which answers it; after it nothing on this connection is readable.
                return chunked?.IsDone ?? length == 0;
            }
        }

        return true;
    }

    private static bool UpgradePath(RequestHead head, out string path, out string query)
    {
        string target = head.Target;
        if (target.StartsWith("http", StringComparison.OrdinalIgnoreCase)
            && target.IndexOf("://", StringComparison.Ordinal) is > 0 and int scheme)
        {
            int slash = target.IndexOf('/', scheme + 3);
            target = slash < 0 ? "/" : target[slash..];
        }

        int mark = target.IndexOf('?');
        query = mark < 0 ? "" : target[(mark + 1)..];
        path = "";
        if (head.Method != "GET" || !ApiPath.TrySplit(mark < 0 ? target : target[..mark], out string[] segments)
            || segments is not ["api2", "json", "backup" or "reader"])
        {
            return false;
        }

        path = segments[2];
        return true;
    }
}
