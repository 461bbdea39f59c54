// One request and its answer, whichever transport carries it: HTTP/1.1 before an upgrade, HTTP/2 inside a session. What
// handlers see of the network ends here, so that a session transport of our own can take Kestrel's place.
using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Wire;

/// <summary>A request being answered. Not thread-safe; lives as long as its handler runs.</summary>
public abstract class Exchange
{
    private const int PieceBytes = 1024 * 1024;

    private long _moved;

    public abstract string Method { get; }

    /// <summary>The path as sent, still percent-encoded, without the query.</summary>
    public abstract string Path { get; }

    /// <summary>The query as sent, without `?`; empty if there is none.</summary>
    public abstract string Query { get; }

    /// <summary><see cref="Path"/>, without a string being made where the transport can help it.</summary>
    public virtual ReadOnlySpan<char> PathChars => Path;

    /// <summary><see cref="Query"/>, likewise.</summary>
    public virtual ReadOnlySpan<char> QueryChars => Query;

    /// <summary>Address of the peer, without port.</summary>
    public abstract string RemoteAddress { get; }

    /// <summary>All values of a header joined by `, ` (Cookie: by `; `); null if absent.</summary>
    public abstract string? Header(string name);

    /// <summary>Announced length of the body; null where the peer doesn't say.</summary>
    public abstract long? BodyLengthBytes { get; }

    public abstract PipeReader Body { get; }

    /// <summary>Cancelled once the peer is gone or the connection is aborted.</summary>
    public abstract CancellationToken Aborted { get; }

    public abstract bool ResponseStarted { get; }

    /// <summary>Bytes of bodies that have moved so far, in either direction: as long as it grows, the peer is at work.</summary>
    public long BodyBytesMoved => Interlocked.Read(ref _moved);

    /// <summary>Sets a header of the answer; only before <see cref="Start"/>.</summary>
    public abstract void SetHeader(string name, string value);

    /// <summary>Fixes status, type and length (null: unknown) and returns where the body goes. Once per
    /// exchange.</summary>
    public abstract PipeWriter Start(int status, string? contentType, long? lengthBytes);

    /// <summary>Cuts the exchange short (HTTP/2: this stream; HTTP/1: the connection).</summary>
    public abstract void Abort();

    /// <summary>Answers with a complete body.</summary>
    public async ValueTask RespondAsync(int status, string? contentType, ReadOnlyMemory<byte> body)
    {
        PipeWriter writer = Start(status, contentType, body.Length);
        if (!body.IsEmpty && Method != "HEAD")
        {
            await writer.WriteAsync(body, Aborted);
        }
    }

    /// <summary>Writes a part of the answer's body in pieces, each as soon as the peer has taken what came before.</summary>
    public async ValueTask WriteBodyAsync(PipeWriter writer, ReadOnlyMemory<byte> body)
    {
        for (ReadOnlyMemory<byte> rest = body; !rest.IsEmpty;)
        {
            ReadOnlyMemory<byte> piece = rest[..Math.Min(rest.Length, PieceBytes)];
            await writer.WriteAsync(piece, Aborted);
            Interlocked.Add(ref _moved, piece.Length);
            rest = rest[piece.Length..];
        }
    }

    /// <summary>
    /// Reads the body to its end into <paramref name="buffer"/>. Returns its length, or -1 as soon as it proves longer
    /// than the buffer, or says so beforehand (the rest is not read). Throws PeerGoneException or OperationCanceledException
    /// if the peer goes.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadBodyAsync(Memory<byte> buffer, CancellationToken cancel = default)
    {
        if (BodyLengthBytes > buffer.Length)
        {
            return -1;
        }

        PipeReader body = Body;
        int length = 0;
        while (true)
        {
            ReadResult result;
            try
            {
                result = await body.ReadAsync(cancel);
            }
            catch (IOException error) when (error is not BadHttpRequestException)
            {
                throw new PeerGoneException(error); // the line, never a disk of ours
            }

            ReadOnlySequence<byte> bytes = result.Buffer;
            if (bytes.Length > buffer.Length - length)
            {
                body.AdvanceTo(bytes.Start, bytes.End);
                return -1;
            }

            bytes.CopyTo(buffer.Span[length..]);
            length += (int)bytes.Length;
            Interlocked.Add(ref _moved, bytes.Length);
            body.AdvanceTo(bytes.End);
            if (result.IsCompleted)
            {
                return length;
            }
        }
    }

    /// <summary>Reads the body to its end and keeps nothing of it. Throws as <see cref="ReadBodyAsync"/> does.</summary>
    public async ValueTask DropBodyAsync(CancellationToken cancel)
    {
        PipeReader body = Body;
        bool whole;
        do
        {
            try
            {
                ReadResult result = await body.ReadAsync(cancel);
                body.AdvanceTo(result.Buffer.End);
                whole = result.IsCompleted;
            }
            catch (IOException error) when (error is not BadHttpRequestException)
            {
                throw new PeerGoneException(error);
            }
        }
        while (!whole);
    }
}

/// <summary>The peer went, or reset its stream, before its body was whole: everyday, and nobody's fault here.</summary>
public sealed class PeerGoneException(IOException inner) : IOException("the peer went before its body was whole", inner);
