// What happens on a connection before TLS: TCP keep-alive, and a look at the first byte. A browser that speaks plain
// HTTP to the TLS port is sent to https (pbs-protocol 1.1); everything else must be a TLS handshake.
using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Holdfast.Wire;

internal sealed class SocketFront(PbsListenerOptions options)
{
    private const byte TlsHandshake = 0x16;
    private const int MaxPlainHeadBytes = 8 * 1024;

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        SetKeepAlive(connection.Features.Get<IConnectionSocketFeature>()?.Socket);
        PipeReader input = connection.Transport.Input;
        byte first;
        using (var limit = new Deadline(options.HeadTimeout, options.Clock, connection.ConnectionClosed))
        {
            try
            {
                ReadResult result = await input.ReadAsync(limit.Token);
                if (result.Buffer.IsEmpty)
                {
                    return;
                }

                first = result.Buffer.FirstSpan[0];
                input.AdvanceTo(result.Buffer.Start);
                if (first != TlsHandshake)
                {
                    await RedirectAsync(connection.Transport, limit.Token);
                    return;
                }
            }
            catch (Exception error) when (error is OperationCanceledException or IOException)
            {
                return; // nothing or too slow: not a client, and nothing was promised to it
            }
        }

        await next(connection);
    }

    private static void SetKeepAlive(Socket? socket)
    {
        if (socket is null)
        {
            return;
        }

        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
    }

    private static async Task RedirectAsync(IDuplexPipe transport, CancellationToken cancel)
    {
        while (true)
        {
            ReadResult result = await transport.Input.ReadAsync(cancel);
            HeadParse parse = RequestHead.TryParse(result.Buffer, MaxPlainHeadBytes, out RequestHead? head, out _);
            transport.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (parse == HeadParse.Complete || parse == HeadParse.Bad || result.IsCompleted)
            {
                await transport.Output.WriteAsync(Encoding.Latin1.GetBytes(Answer(head)), cancel);
                await transport.Output.CompleteAsync();
                return;
            }
        }
    }

    private static string Answer(RequestHead? head)
    {
        const string End = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        string? host = head?.Header("Host");
        if (head is null || string.IsNullOrEmpty(host) || !head.Target.StartsWith('/')
            || host.AsSpan().ContainsAny(" /\\@?#"))
        {
            return "HTTP/1.1 400 Bad Request\r\n" + End;
        }

        string status = head.Method is "GET" or "HEAD" ? "301 Moved Permanently" : "308 Permanent Redirect";
        return $"HTTP/1.1 {status}\r\nLocation: https://{host}{head.Target}\r\n{End}";
    }
}

/// <summary>A time limit joined with another reason to stop.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _joined;

    public Deadline(TimeSpan limit, TimeProvider clock, CancellationToken other)
    {
        _timer = new CancellationTokenSource(limit, clock);
        _joined = CancellationTokenSource.CreateLinkedTokenSource(_timer.Token, other);
    }

    public CancellationToken Token => _joined.Token;

    public bool Passed => _timer.IsCancellationRequested;

    public void Dispose()
    {
        _joined.Dispose();
        _timer.Dispose();
    }
}
