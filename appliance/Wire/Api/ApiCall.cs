// One call of an API endpoint as its handler sees it, and the description of an endpoint.
namespace Holdfast.Wire;

/// <summary>How a call takes its parameters (pbs-protocol 1.3).</summary>
public enum ApiKind
{
    /// <summary>JSON body, or form and query; at most 512 KiB.</summary>
    Normal,
    /// <summary>Query and path only; the body is raw data of any type and size.</summary>
    Stream,
}

/// <summary>One call: checked parameters, who calls, and the exchange for raw bodies.</summary>
public sealed class ApiCall(Exchange exchange, ApiParameters parameters, object? caller)
{
    public Exchange Exchange { get; } = exchange;

    public ApiParameters Parameters { get; } = parameters;

    /// <summary>What the authenticator returned; inside a session, the session. Null on anonymous endpoints.</summary>
    public object? Caller { get; } = caller;

    public CancellationToken Aborted => Exchange.Aborted;

    public string RemoteAddress => Exchange.RemoteAddress;

    /// <summary><see cref="Caller"/> as the type that the host put there.</summary>
    public T CallerAs<T>() => (T)(Caller ?? throw new InvalidOperationException("this endpoint has no caller"));
}

/// <summary>
/// An endpoint: method, path template such as `/admin/datastore/{store}/snapshots`, parameters (those of the path
/// included) and handler. <see cref="Permit"/> runs before the parameters are read, on the caller and the decoded
/// values of the path, and returns a refusal or null.
/// </summary>
public sealed record ApiEndpoint(
    string Method, string Path, ParameterSchema Parameters, Func<ApiCall, ValueTask<ApiResult>> Handler)
{
    public ApiKind Kind { get; init; } = ApiKind.Normal;

    /// <summary>No authentication is asked for and <see cref="ApiCall.Caller"/> is null.</summary>
    public bool Anonymous { get; init; }

    public Func<object?, IReadOnlyDictionary<string, string>, ApiResult.Refused?>? Permit { get; init; }
}

/// <summary>Who sends this request? Null: nobody known, answered by 401 `authentication failed`.</summary>
public delegate ValueTask<object?> ApiAuthenticator(Exchange exchange);
