// HTTP/1.1 by hand against a daemon: exact status, headers and text of an answer, and tickets for whoever logs in.
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Holdfast.Tests.Wire;

/// <summary>An answer as it came.</summary>
internal sealed record Answer(int Status, byte[] Body, string? ContentType = null)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public JsonElement Data => Json.GetProperty("data");
}

/// <summary>Credentials of one user as request headers.</summary>
internal sealed record Pass(string Ticket, string Csrf)
{
    public (string, string)[] Headers => [("Cookie", "PBSAuthCookie=" + Uri.EscapeDataString(Ticket)), ("CSRFPreventionToken", Csrf)];

    public static (string, string)[] Token(string tokenId, string secret) => [("Authorization", $"PBSAPIToken={tokenId}:{secret}")];
}

internal sealed class HttpDoor : IDisposable
{
    private readonly HttpClient http;

    public HttpDoor(int port)
    {
        Port = port;
        var handler = new SocketsHttpHandler { UseCookies = false, UseProxy = false, MaxConnectionsPerServer = 64 };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        http = new HttpClient(handler) { BaseAddress = new Uri($"https://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(3) };
    }

    public int Port { get; }

    public async Task<Answer> SendAsync(
        string method, string path, object? json = null, (string Name, string Value)[]? headers = null, byte[]? raw = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/api2/json/" + path);
        if (json is not null || raw is not null)
        {
            request.Content = new ByteArrayContent(raw ?? JsonSerializer.SerializeToUtf8Bytes(json));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(raw is null ? "application/json" : "application/octet-stream");
        }

        foreach (var (name, value) in headers ?? [])
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await http.SendAsync(request);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(), response.Content.Headers.ContentType?.ToString());
    }

    public Task<Answer> TryLoginAsync(string user, string password) =>
        SendAsync("POST", "access/ticket", new Dictionary<string, string> { ["username"] = user, ["password"] = password });

    public async Task<Pass> LoginAsync(string user, string password)
    {
        var answer = await TryLoginAsync(user, password);
        Xunit.Assert.True(answer.Status == 200, answer.Text);
        return new Pass(answer.Data.GetProperty("ticket").GetString()!, answer.Data.GetProperty("CSRFPreventionToken").GetString()!);
    }

    public void Dispose() => http.Dispose();
}
