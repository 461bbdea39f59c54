// A client that keeps no rules: TLS and single HTTP/2 frames by hand, to send what a good client never sends (data
// before the 101, heads without end, floods of resets, silence) and to see the exact bytes that come back.
using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Holdfast.Tests.Unit;

internal sealed class RawPeer : IAsyncDisposable
{
    public const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private readonly Stream _stream;

    private RawPeer(Socket socket, Stream stream)
    {
        Socket = socket;
        _stream = stream;
    }

    public Socket Socket { get; }

    public string? Alpn => (_stream as SslStream)?.NegotiatedApplicationProtocol.ToString();

    public static async Task<RawPeer> ConnectAsync(int port, bool tls = true, bool offerHttp2 = false)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (!tls)
        {
            return new RawPeer(socket, plain);
        }

        var stream = new SslStream(plain);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
            ApplicationProtocols = offerHttp2 ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11] : null,
        });
        return new RawPeer(socket, stream);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        await _stream.WriteAsync(bytes);
        await _stream.FlushAsync();
    }

    /// <summary>Reads one HTTP/1 answer: head exactly as sent, and the body by Content-Length.</summary>
    public async Task<(string Head, string Body)> AnswerAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await _stream.ReadAsync(one, limit.Token) == 0)
            {
                return (head.ToString(), "");
            }

            head.Append((char)one[0]);
        }

        string text = head.ToString();
        int mark = text.IndexOf("Content-Length:", StringComparison.OrdinalIgnoreCase);
        int length = mark < 0 ? 0 : int.Parse(text[(mark + 15)..text.IndexOf("\r\n", mark, StringComparison.Ordinal)]);
        var body = new byte[length];
        await _stream.ReadExactlyAsync(body, limit.Token);
        return (text, Encoding.UTF8.GetString(body));
    }

    /// <summary>True once the peer has closed; reads and drops what comes before that.</summary>
    public async Task<bool> ClosedAsync(TimeSpan limit)
    {
        using var timer = new CancellationTokenSource(limit);
        var buffer = new byte[16 * 1024];
        try
        {
            while (await _stream.ReadAsync(buffer, timer.Token) > 0)
            {
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        frame[1] = (byte)(payload.Length >> 8);
        frame[2] = (byte)payload.Length;
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    public static byte[] Start() => [.. Encoding.ASCII.GetBytes(Preface), .. Frame(4, 0, 0, [])];

    /// <summary>HEADERS with END_HEADERS, and END_STREAM if there is no body.</summary>
    public static byte[] Request(int stream, string method, string path, bool endStream) =>
        Frame(1, (byte)(0x4 | (endStream ? 1 : 0)), stream,
        [
            .. Field(":method", method), .. Field(":scheme", "https"), .. Field(":authority", "localhost:8007"),
            .. Field(":path", path),
        ]);

    public static byte[] Data(int stream, byte[] bytes, bool end) => Frame(0, (byte)(end ? 1 : 0), stream, bytes);

    public static byte[] Reset(int stream) => Frame(3, 0, stream, [0, 0, 0, 8]);

    /// <summary>Reads frames, acknowledging settings and (if asked) pings, until one satisfies the caller.</summary>
    public async Task<(byte Type, byte Flags, int Stream, byte[] Payload)> FrameAsync(
        Func<byte, int, bool> wanted, bool answerPings = true, CancellationToken cancel = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        var head = new byte[9];
        while (true)
        {
            await _stream.ReadExactlyAsync(head, limit.Token);
            var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            await _stream.ReadExactlyAsync(payload, limit.Token);
            int stream = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue;
            if (head[3] == 4 && (head[4] & 1) == 0)
            {
                await SendAsync(Frame(4, 1, 0, []));
            }

            if (head[3] == 6 && (head[4] & 1) == 0 && answerPings)
            {
                await SendAsync(Frame(6, 1, 0, payload));
            }

            if (wanted(head[3], stream))
            {
                return (head[3], head[4], stream, payload);
            }
        }
    }

    /// <summary>Cuts TCP without a goodbye.</summary>
    public void Cut()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Close();
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _stream.DisposeAsync();
        }
        catch (IOException)
        {
            // The other side may have cut first, on purpose.
        }
    }

    private static byte[] Field(string name, string value) =>
        [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. Length(value), .. Encoding.ASCII.GetBytes(value)];

    private static byte[] Length(string value) => value.Length < 127 ? [(byte)value.Length]
        : [127, (byte)(((value.Length - 127) & 0x7f) | 0x80), (byte)((value.Length - 127) >> 7)];
}
