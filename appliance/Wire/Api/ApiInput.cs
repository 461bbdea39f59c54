// Reads the parameters of a call from where its kind says they come (pbs-protocol 1.3), within 512 KiB.
using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Holdfast.Wire;

internal static class ApiInput
{
    public const int MaxBodyBytes = 512 * 1024;
    private static readonly JsonDocumentOptions JsonOptions = new() { MaxDepth = 32 };

    public static async ValueTask<(ApiParameters? Parameters, ApiResult? Fault)> ReadAsync(
        Exchange exchange, ApiEndpoint endpoint, IReadOnlyDictionary<string, string> pathValues)
    {
        if (endpoint.Kind == ApiKind.Stream || (exchange.BodyLengthBytes is 0 or null && exchange.Method == "GET"))
        {
            return FromText(endpoint, exchange.Query, null, pathValues);
        }

        string? type = MediaType(exchange.Header("Content-Type"));
        bool json = type == "application/json";
        if (!json && type is not (null or "application/x-www-form-urlencoded"))
        {
            return (null, ApiResult.Error("unsupported content type"));
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxBodyBytes);
        try
        {
            int length = await exchange.ReadBodyAsync(buffer.AsMemory(0, MaxBodyBytes), exchange.Aborted);
            if (length < 0)
            {
                return (null, ApiResult.Error("Request body too large"));
            }

            ReadOnlyMemory<byte> body = buffer.AsMemory(0, length);
            if (json)
            {
                return FromJson(endpoint, body, pathValues);
            }

            return System.Text.Unicode.Utf8.IsValid(body.Span)
                ? FromText(endpoint, exchange.Query, Encoding.UTF8.GetString(body.Span), pathValues)
                : (null, ApiResult.Error("request body is not valid utf-8"));
        }
        finally
        {
            // Bodies hold passwords: the buffer goes back to the pool empty.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>The media type in lower case without parameters; null for none.</summary>
    public static string? MediaType(string? header)
    {
        string type = (header ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type.Length == 0 ? null : type;
    }

    private static (ApiParameters?, ApiResult?) FromText(
        ApiEndpoint endpoint, string query, string? form, IReadOnlyDictionary<string, string> pathValues)
    {
        List<KeyValuePair<string, string>>? fromForm = form is null ? [] : ParameterSchema.Split(form);
        List<KeyValuePair<string, string>>? fromQuery = ParameterSchema.Split(query);
        return fromForm is null || fromQuery is null
            ? (null, ApiResult.Error("parameters are not valid utf-8"))
            : (endpoint.Parameters.ReadText(fromForm.Concat(fromQuery).Concat(pathValues)), null);
    }

    private static (ApiParameters?, ApiResult?) FromJson(
        ApiEndpoint endpoint, ReadOnlyMemory<byte> body, IReadOnlyDictionary<string, string> pathValues)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body.IsEmpty ? "{}"u8.ToArray() : body, JsonOptions);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? (endpoint.Parameters.ReadJson(document.RootElement, pathValues), null)
                : (null, ApiResult.Error("request body is not a JSON object"));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name with a lone surrogate. The text of neither names the content.
            return (null, ApiResult.Error("request body is not valid JSON"));
        }
    }
}
