// A backup or reader session where every call is made by hand: exact paths, bodies, status and text. Pings are answered as any HTTP/2 library does, never sent.
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

internal sealed class RawSession : IAsyncDisposable
{
    private readonly Socket socket;
    private readonly SslStream stream;
    private readonly HttpClient http;

    private RawSession(Socket socket, SslStream stream)
    {
        (this.socket, this.stream) = (socket, stream);
        http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(stream), UseProxy = false,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan, PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
        })
        {
            BaseAddress = new Uri("http://localhost:8007"), Timeout = TimeSpan.FromMinutes(3),
        };
    }

    /// <summary>The query of an upgrade.</summary>
    public static string Query(SessionTarget target) =>
        $"store={target.Store}&backup-type={target.BackupType}&backup-id={target.BackupId}&backup-time={target.BackupTimeS}&debug=false"
        + (target.Namespace is { } ns ? "&ns=" + Uri.EscapeDataString(ns) : "") + (target.Benchmark ? "&benchmark=true" : "");

    /// <summary>Upgrades as the given caller; the answer is null if that succeeded.</summary>
    public static async Task<(RawSession? Session, Answer? Refusal)> TryOpenAsync(
        int port, string kind, string query, (string, string)[] headers, string? protocol = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost", RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        protocol ??= kind == "backup" ? "proxmox-backup-protocol-v1" : "proxmox-backup-reader-protocol-v1";
        var head = new StringBuilder($"GET //api2/json/{kind}?{query} HTTP/1.1\r\nhost: localhost\r\n");
        foreach (var (name, value) in headers)
        {
            head.Append($"{name}: {value}\r\n");
        }

        head.Append(protocol.Length == 0 ? "\r\n" : $"connection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.ToString()));
        var (status, length) = await ReadHeadAsync(stream);
        if (status == 101)
        {
            return (new RawSession(socket, stream), null);
        }

        var body = new byte[length];
        await stream.ReadExactlyAsync(body);
        await stream.DisposeAsync();
        return (null, new Answer(status, body));
    }

    /// <summary>A session that must open, as the admin.</summary>
    public static async Task<RawSession> OpenAsync(Appliance appliance, SessionTarget target, string kind = "backup")
    {
        var (session, refusal) = await TryOpenAsync(appliance.Daemon.Port, kind, Query(target), appliance.AdminPass.Headers);
        Assert.True(session is not null, refusal?.Text);
        return session!;
    }

    public async Task<Answer> SendAsync(string method, string pathAndQuery, byte[]? body = null, object? json = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), pathAndQuery)
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (body is not null || json is not null)
        {
            request.Content = new ByteArrayContent(body ?? JsonSerializer.SerializeToUtf8Bytes(json));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(json is null ? "application/octet-stream" : "application/json");
        }

        using var response = await http.SendAsync(request);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>A call that must succeed.</summary>
    public async Task<Answer> OkAsync(string method, string pathAndQuery, byte[]? body = null, object? json = null)
    {
        var answer = await SendAsync(method, pathAndQuery, body, json);
        Assert.True(answer.Status == 200, $"{method} {pathAndQuery}: {answer.Status} {answer.Text}");
        return answer;
    }

    /// <summary>A call that must be refused with this text.</summary>
    public async Task RefusedAsync(string text, string method, string pathAndQuery, byte[]? body = null, object? json = null, int status = 400)
    {
        var answer = await SendAsync(method, pathAndQuery, body, json);
        Assert.Equal((status, text), (answer.Status, answer.Text));
    }

    public Task<Answer> UploadAsync(string kind, int wid, Piece piece) => SendAsync("POST", ChunkPath(kind, wid, piece), piece.Blob);

    public Task<Answer> AppendAsync(string kind, int wid, string[] digests, long[] offsets) => SendAsync("PUT", $"/{kind}_index",
        json: new Dictionary<string, object> { ["wid"] = wid, ["digest-list"] = digests, ["offset-list"] = offsets });

    public Task<Answer> BlobAsync(string name, byte[] blob) => SendAsync("POST", $"/blob?file-name={name}&encoded-size={blob.Length}", blob);

    public static string ChunkPath(string kind, int wid, Piece piece) =>
        $"/{kind}_chunk?wid={wid}&digest={piece.Digest}&size={piece.SizeBytes}&encoded-size={piece.Blob.Length}";

    /// <summary>Cuts TCP by RST, without any goodbye.</summary>
    public void Cut()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await stream.DisposeAsync();
    }

    private static async Task<(int Status, int Length)> ReadHeadAsync(Stream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, limit.Token);
            head.Append((char)one[0]);
        }

        var text = head.ToString();
        var mark = text.IndexOf("Content-Length:", StringComparison.OrdinalIgnoreCase);
        return (int.Parse(text.AsSpan(9, 3)), mark < 0 ? 0 : int.Parse(text[(mark + 15)..text.IndexOf("\r\n", mark, StringComparison.Ordinal)]));
    }
}
