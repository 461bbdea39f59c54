// The client's end of an upgraded session: one TLS connection, the HTTP/1.1 handshake by hand, then the platform's
// HTTP/2 client on the same stream. One connection, never a second: a session can't be resumed.
using System.Globalization;
using System.Net;
using System.Text;

namespace Holdfast.Wire;

internal sealed class UpgradedConnection : IAsyncDisposable
{
    private const int MaxHeadBytes = 16 * 1024;
    private const int MaxErrorBytes = 64 * 1024;
    private readonly Stream _stream;
    private readonly HttpClient _http;
    private readonly SemaphoreSlim _first = new(1);
    private volatile bool _isSettled;
    private int _taken;

    private UpgradedConnection(Stream stream)
    {
        _stream = stream;
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = (_, _) => Interlocked.Exchange(ref _taken, 1) == 0
                ? ValueTask.FromResult(_stream)
                : ValueTask.FromException<Stream>(new IOException("the session's connection is closed")),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            EnableMultipleHttp2Connections = false,
            InitialHttp2StreamWindowSize = 16 * 1024 * 1024,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(40),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
        })
        {
            BaseAddress = new Uri("http://localhost:8007"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Dials and upgrades; PbsException with the server's text if it refuses.</summary>
    public static async Task<UpgradedConnection> OpenAsync(
        PbsDialer dialer, PbsClientOptions options, string target, string protocol,
        IReadOnlyList<KeyValuePair<string, string>> authHeaders, CancellationToken cancel)
    {
        Stream stream = await dialer.OpenAsync(cancel);
        using var limit = new Deadline(options.RequestTimeout, options.Clock, cancel);
        try
        {
            string host = options.Host.Contains(':') ? $"[{options.Host}]" : options.Host;
            var head = new StringBuilder($"GET {target} HTTP/1.1\r\nHost: {host}:{options.Port}\r\n");
            foreach ((string name, string value) in authHeaders)
            {
                head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
            }

            head.Append(CultureInfo.InvariantCulture, $"Connection: upgrade\r\nUpgrade: {protocol}\r\n\r\n");
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head.ToString()), limit.Token);
            string[] answer = (await ReadHeadAsync(stream, limit.Token)).Split("\r\n");
            int status = answer[0].Length >= 12 && answer[0].StartsWith("HTTP/1.", StringComparison.Ordinal)
                && int.TryParse(answer[0].AsSpan(9, 3), out int code) ? code : 0;
            if (status == 101)
            {
                return new UpgradedConnection(stream);
            }

            throw new PbsException(status == 0 ? 502 : status, await ReadRefusalAsync(stream, answer, limit.Token));
        }
        catch (Exception error)
        {
            await stream.DisposeAsync();
            if (error is OperationCanceledException && limit.Passed && !cancel.IsCancellationRequested)
            {
                throw new IOException("no answer to the upgrade within the time limit", error);
            }

            throw;
        }
    }

    /// <summary>Sends a request; the caller disposes the answer, whose body is not read yet. The first one goes alone: before its answer the platform's client
    /// does not know how many streams the server takes, opens a hundred, and loses the connection over those that were refused with a body under way.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string pathAndQuery, HttpContent? content, CancellationToken cancel)
    {
        if (_isSettled)
        {
            return await SendNowAsync(method, pathAndQuery, content, cancel);
        }

        await _first.WaitAsync(cancel);
        try
        {
            if (!_isSettled)
            {
                return await SendNowAsync(method, pathAndQuery, content, cancel);
            }
        }
        finally
        {
            _isSettled = true;
            _first.Release();
        }

        return await SendNowAsync(method, pathAndQuery, content, cancel);
    }

    private async Task<HttpResponseMessage> SendNowAsync(
        HttpMethod method, string pathAndQuery, HttpContent? content, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, pathAndQuery)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        HttpResponseMessage response = await _http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, cancel);
        try
        {
            await PbsClient.ThrowIfRefusedAsync(response, cancel);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _stream.DisposeAsync();
    }

    // Byte by byte, so that nothing behind the head is taken from the HTTP/2 client.
    private static async Task<string> ReadHeadAsync(Stream stream, CancellationToken cancel)
    {
        var head = new byte[MaxHeadBytes];
        for (int length = 0; length < MaxHeadBytes; length++)
        {
            if (await stream.ReadAsync(head.AsMemory(length, 1), cancel) == 0)
            {
                throw new IOException("the server closed the connection during the upgrade");
            }

            if (head.AsSpan(0, length + 1).EndsWith("\r\n\r\n"u8))
            {
                return Encoding.Latin1.GetString(head, 0, length - 3);
            }
        }

        throw new PbsException(502, "the server's answer to the upgrade is too long");
    }

    private static async Task<string> ReadRefusalAsync(Stream stream, string[] head, CancellationToken cancel)
    {
        int length = MaxErrorBytes;
        foreach (string line in head)
        {
            if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(line.AsSpan(15).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int given))
            {
                length = Math.Min(given, MaxErrorBytes);
            }
        }

        var body = new byte[length];
        int read = await stream.ReadAtLeastAsync(body, length, throwOnEndOfStream: false, cancel);
        string text = Encoding.UTF8.GetString(body, 0, read).Trim();
        return text.Length > 0 ? text : head[0];
    }
}
