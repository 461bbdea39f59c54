// A client of the PBS API over HTTP/1.1: login, JSON calls, raw up- and downloads, and the start of sessions. Speaks to
// Holdfast and to the real PBS alike.
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Holdfast.Wire;

/// <summary>Connected as one identity. Thread-safe after <see cref="ConnectAsync"/>.</summary>
public sealed class PbsClient : IAsyncDisposable
{
    private const long TicketRenewalS = 15 * 60;
    private const int MaxErrorBytes = 64 * 1024;
    private readonly PbsClientOptions _options;
    private readonly PbsDialer _dialer;
    private readonly HttpClient _http;
    private readonly SemaphoreSlim _login = new(1);
    private string? _ticket;
    private string? _csrf;
    private long _ticketTimeS;

    private PbsClient(PbsClientOptions options)
    {
        _options = options;
        _dialer = new PbsDialer(options);
        _http = new HttpClient(new SocketsHttpHandler
        {
            // The stream given back is TLS already, so the address below says http.
            ConnectCallback = (_, cancel) => _dialer.OpenAsync(cancel),
            UseCookies = false,
            UseProxy = false,
            AllowAutoRedirect = false,
        })
        {
            BaseAddress = new UriBuilder("http", options.Host, options.Port).Uri,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public AuthId AuthId => _options.AuthId;

    /// <summary>
    /// Logs in (a token needs no login). Throws PbsException when refused, IOException, HttpRequestException or
    /// AuthenticationException (certificate) when there is no connection.
    /// </summary>
    public static async Task<PbsClient> ConnectAsync(PbsClientOptions options, CancellationToken cancel = default)
    {
        var client = new PbsClient(options);
        try
        {
            await client.LoginAsync(options.Secret, cancel);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>GET below `/api2/json`; <paramref name="query"/> without `?`. Returns the whole answer (`data`
    /// ...).</summary>
    public Task<JsonElement> GetAsync(string path, string query = "", CancellationToken cancel = default) =>
        JsonAsync(HttpMethod.Get, path, query, null, cancel);

    /// <summary>POST with a JSON object as body.</summary>
    public Task<JsonElement> PostAsync(string path, object? body = null, CancellationToken cancel = default) =>
        JsonAsync(HttpMethod.Post, path, "", body ?? new Dictionary<string, object>(), cancel);

    /// <summary>PUT with all parameters in the query, as PBS's own client does.</summary>
    public Task<JsonElement> PutAsync(string path, string query, CancellationToken cancel = default) =>
        JsonAsync(HttpMethod.Put, path, query, null, cancel);

    public Task<JsonElement> DeleteAsync(string path, string query = "", CancellationToken cancel = default) =>
        JsonAsync(HttpMethod.Delete, path, query, null, cancel);

    /// <summary>Sends raw bytes by POST; parameters in the query.</summary>
    public async Task<JsonElement> UploadAsync(
        string path, string query, ReadOnlyMemory<byte> body, CancellationToken cancel = default)
    {
        using HttpRequestMessage request = await RequestAsync(HttpMethod.Post, path, query, cancel);
        request.Content = new ReadOnlyMemoryContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return await SendJsonAsync(request, cancel);
    }

    /// <summary>Copies a raw answer into <paramref name="target"/>.</summary>
    public async Task DownloadAsync(string path, string query, Stream target, CancellationToken cancel = default)
    {
        using HttpRequestMessage request = await RequestAsync(HttpMethod.Get, path, query, cancel);
        using HttpResponseMessage response = await _http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, cancel);
        await ThrowIfRefusedAsync(response, cancel);
        await response.Content.CopyToAsync(target, cancel);
    }

    /// <summary>Starts a backup session on a connection of its own.</summary>
    public async Task<BackupWriter> StartBackupAsync(SessionTarget target, CancellationToken cancel = default) =>
        new(await UpgradedConnection.OpenAsync(
            _dialer, _options, $"/api2/json/backup?{target.Query(true)}", "proxmox-backup-protocol-v1",
            await AuthHeadersAsync(cancel), cancel));

    /// <summary>Starts a reader session on a connection of its own.</summary>
    public async Task<BackupReader> StartReaderAsync(SessionTarget target, CancellationToken cancel = default) =>
        new(await UpgradedConnection.OpenAsync(
            _dialer, _options, $"/api2/json/reader?{target.Query(false)}", "proxmox-backup-reader-protocol-v1",
            await AuthHeadersAsync(cancel), cancel));

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        _login.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Throws PbsException with the body's text where the answer is no success.</summary>
    internal static async Task ThrowIfRefusedAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        byte[] body = await Bodies.ReadAsync(response.Content, MaxErrorBytes, cancel);
        string text = Encoding.UTF8.GetString(body).Trim();
        throw new PbsException(
            (int)response.StatusCode, text.Length > 0 ? text : response.ReasonPhrase ?? "refused without a reason");
    }

    private async Task<JsonElement> JsonAsync(
        HttpMethod method, string path, string query, object? body, CancellationToken cancel)
    {
        using HttpRequestMessage request = await RequestAsync(method, path, query, cancel);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return await SendJsonAsync(request, cancel);
    }

    private async Task<JsonElement> SendJsonAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        using var limit = new Deadline(_options.RequestTimeout, _options.Clock, cancel);
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            await ThrowIfRefusedAsync(response, limit.Token);
            byte[] body = await Bodies.ReadAsync(response.Content, 256 * 1024 * 1024, limit.Token);
            return Bodies.Json(body);
        }
        catch (OperationCanceledException) when (limit.Passed && !cancel.IsCancellationRequested)
        {
            throw new IOException($"no answer from {_options.Host} within the time limit");
        }
    }

    private async Task<HttpRequestMessage> RequestAsync(
        HttpMethod method, string path, string query, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(
            method, $"/api2/json/{path.TrimStart('/')}{(query.Length == 0 ? "" : "?" + query)}");
        foreach ((string name, string value) in await AuthHeadersAsync(cancel))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }

    private async Task<IReadOnlyList<KeyValuePair<string, string>>> AuthHeadersAsync(CancellationToken cancel)
    {
        if (_options.AuthId.IsToken)
        {
            return [new("Authorization", $"PBSAPIToken={_options.AuthId}:{Percent.Encode(_options.Secret)}")];
        }

        if (_options.Clock.GetUtcNow().ToUnixTimeSeconds() - Volatile.Read(ref _ticketTimeS) > TicketRenewalS)
        {
            await RenewAsync(cancel);
        }

        return
        [
            new("Cookie", $"{Credentials.PlainCookie}={Percent.Encode(_ticket!)}"),
            new("CSRFPreventionToken", _csrf!),
        ];
    }

    // By ticket while that still works, else by password.
    private async Task RenewAsync(CancellationToken cancel)
    {
        await _login.WaitAsync(cancel);
        try
        {
            if (_options.Clock.GetUtcNow().ToUnixTimeSeconds() - _ticketTimeS > TicketRenewalS)
            {
                try
                {
                    await LoginAsync(_ticket!, cancel);
                }
                catch (PbsException refused) when (refused.Status == 401)
                {
                    await LoginAsync(_options.Secret, cancel);
                }
            }
        }
        finally
        {
            _login.Release();
        }
    }

    private async Task LoginAsync(string secret, CancellationToken cancel)
    {
        if (_options.AuthId.IsToken)
        {
            return;
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, "/api2/json/access/ticket");
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, string> { ["username"] = _options.AuthId.ToString(), ["password"] = secret }));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        JsonElement answer = await SendJsonAsync(request, cancel);
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("data", out JsonElement data)
            || data.ValueKind != JsonValueKind.Object || !data.TryGetProperty("ticket", out JsonElement ticket)
            || !data.TryGetProperty("CSRFPreventionToken", out JsonElement csrf)
            || ticket.ValueKind != JsonValueKind.String || csrf.ValueKind != JsonValueKind.String)
        {
            throw new PbsException(502, "the server's login answer has no ticket");
        }

        _ticket = ticket.GetString();
        _csrf = csrf.GetString();
        Volatile.Write(ref _ticketTimeS, _options.Clock.GetUtcNow().ToUnixTimeSeconds());
        if (_ticket!.StartsWith("PBS:!tfa!", StringComparison.Ordinal))
        {
            throw new PbsException(401, "this account needs a second factor: use an API token");
        }
    }
}
