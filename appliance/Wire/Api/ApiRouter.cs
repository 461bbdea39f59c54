// Finds the endpoint for a path and runs it: `/api2/{json|extjs}/...` over HTTP/1.1, or bare paths inside a session.
// Keeps PBS's order (path rules, authentication, unknown path, permission, parameters, handler) and its delays.
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Wire;

/// <summary>A table of endpoints, fixed once made. Thread-safe.</summary>
public sealed class ApiRouter
{
    private readonly RouteTable _routes = new();
    private readonly TimeProvider _clock;
    private readonly ILogger _log;

    public ApiRouter(IEnumerable<ApiEndpoint> endpoints, TimeProvider clock, ILogger log)
    {
        foreach (ApiEndpoint endpoint in endpoints)
        {
            _routes.Add(endpoint);
        }

        _clock = clock;
        _log = log;
    }

    /// <summary>Answers a request below `/api2`. Every exchange gets an answer or is aborted; never throws on
    /// input.</summary>
    public async Task ServeApiAsync(Exchange exchange, ApiAuthenticator authenticate)
    {
        long started = _clock.GetTimestamp();
        if (exchange.Path.Length + exchange.Query.Length > ApiPath.MaxLength)
        {
            await exchange.RespondAsync(414, null, default);
            return;
        }

        if (!ApiPath.TrySplit(exchange.Path, out string[] segments))
        {
            await exchange.RespondAsync(400, null, "path contains illegal components"u8.ToArray());
            return;
        }

        await ServeSplitAsync(exchange, authenticate, segments, started);
    }

    /// <summary>Answers a call inside an upgraded session; <paramref name="session"/> is the call's caller.</summary>
    public async Task ServeSessionAsync(Exchange exchange, object session)
    {
        long started = _clock.GetTimestamp();
        var answer = new ApiAnswer(exchange, ApiFormat.Json, _clock, started);
        if (!ApiPath.TrySplit(exchange.Path, out string[] segments))
        {
            await answer.PlainAsync(400, "path contains illegal components");
            return;
        }

        RouteMatch? match = _routes.Find(exchange.Method, segments, 0);
        await RunAsync(answer, match, "/" + string.Join('/', segments), session);
    }

    /// <summary>Answers a call of a session that was handled outside the table and came to this, as the table would.</summary>
    public Task RefuseAsync(Exchange exchange, Exception error) =>
        FailAsync(new ApiAnswer(exchange, ApiFormat.Json, _clock, _clock.GetTimestamp()), exchange.Path, error);

    private async Task ServeSplitAsync(
        Exchange exchange, ApiAuthenticator authenticate, string[] segments, long started)
    {
        string path = "/" + string.Join('/', segments);
        var answer = new ApiAnswer(exchange, ApiFormat.Json, _clock, started);
        if (segments.Length < 2)
        {
            await answer.PlainAsync(404, $"invalid api path '{path}'");
            return;
        }

        if (segments[1] is not ("json" or "extjs"))
        {
            await answer.PlainAsync(400, $"Unsupported output format '{segments[1]}'.");
            return;
        }

        answer = new ApiAnswer(exchange, segments[1] == "json" ? ApiFormat.Json : ApiFormat.ExtJs, _clock, started);
        RouteMatch? match = _routes.Find(exchange.Method, segments, 2);
        object? caller = null;
        if (match?.Endpoint.Anonymous != true)
        {
            caller = await AuthenticateAsync(exchange, authenticate);
            if (caller is null)
            {
                await answer.PlainAsync(401, "authentication failed");
                return;
            }
        }

        await RunAsync(answer, match, path, caller);
    }

    private async ValueTask<object?> AuthenticateAsync(Exchange exchange, ApiAuthenticator authenticate)
    {
        try
        {
            return await authenticate(exchange);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            _log.LogError(error, "authentication of {Method} {Path} failed unexpectedly",
                exchange.Method, exchange.Path);
            return null;
        }
    }

    private async Task RunAsync(ApiAnswer answer, RouteMatch? match, string path, object? caller)
    {
        Exchange exchange = answer.Exchange;
        ApiResult result;
        try
        {
            result = match is null
                ? ApiResult.Error(404, $"Path '{path}' not found.")
                : await CallAsync(exchange, match, caller);
            await answer.SendAsync(result);
        }
        catch (Exception error)
        {
            await FailAsync(answer, path, error);
        }
    }

    private async Task FailAsync(ApiAnswer answer, string path, Exception error)
    {
        Exchange exchange = answer.Exchange;
        if (error is ApiException refusal)
        {
            await RefuseAsync(answer, refusal.Status, refusal.Message);
        }
        else if (error is BadHttpRequestException malformed)
        {
            await RefuseAsync(answer, malformed.StatusCode, malformed.Message);
        }
        else if (exchange.Aborted.IsCancellationRequested || error is PeerGoneException)
        {
            // The peer is gone: nobody to answer, and nothing wrong here. A reset is told before the token is cancelled.
            exchange.Abort();
            _log.LogDebug(error, "{Method} {Path} ended by its peer", exchange.Method, path);
        }
        else
        {
            _log.LogError(error, "{Method} {Path} failed unexpectedly", exchange.Method, path);
            await RefuseAsync(answer, 500, "internal error");
        }
    }

    private static async Task RefuseAsync(ApiAnswer answer, int status, string text)
    {
        if (answer.Exchange.ResponseStarted)
        {
            answer.Exchange.Abort(); // half an answer is out: only a cut tells the peer that it isn't whole
            return;
        }

        await answer.SendAsync(ApiResult.Error(status, text));
    }

    private static async ValueTask<ApiResult> CallAsync(Exchange exchange, RouteMatch match, object? caller)
    {
        ApiEndpoint endpoint = match.Endpoint;
        if (endpoint.Permit?.Invoke(caller, match.Values) is { } refusal)
        {
            refusal.ByPermit = true;
            return refusal;
        }

        (ApiParameters? parameters, ApiResult? fault) = await ApiInput.ReadAsync(exchange, endpoint, match.Values);
        return parameters is null || parameters.Faults.Count > 0
            ? fault ?? ApiResult.BadParameters(parameters!)
            : await endpoint.Handler(new ApiCall(exchange, parameters, caller));
    }
}
