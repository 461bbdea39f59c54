// What an API handler answers. Data is written, not built: a handler passes the code that writes its JSON, or JSON that
// it has ready as bytes.
using System.Buffers;
using System.Text.Json;

namespace Holdfast.Wire;

/// <summary>The closed set of answers.</summary>
public abstract class ApiResult
{
    /// <summary>A Set-Cookie value that makes a browser forget its ticket.</summary>
    public const string ClearTicketCookie =
        Credentials.HostCookie + "=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly; Path=/;";

    private ApiResult()
    {
    }

    /// <summary>`{"data":...}` plus siblings such as `total` or `digest`.</summary>
    public sealed class Json(Action<Utf8JsonWriter> data) : ApiResult
    {
        public Action<Utf8JsonWriter> WriteData { get; } = data;

        /// <summary>Writes further properties of the envelope, after `data`.</summary>
        public Action<Utf8JsonWriter>? WriteSiblings { get; init; }

        /// <summary>`{"data":..,"status":200,"success":true}` as `application/json`, also under /json/:
        /// tickets.</summary>
        public bool TicketStyle { get; init; }
    }

    /// <summary>`data` ready as UTF-8 JSON, sent as it is: the pieces of an array (commas are added) or one
    /// value.</summary>
    public sealed class Rendered(IReadOnlyList<ReadOnlyMemory<byte>> pieces, bool isArray) : ApiResult
    {
        public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; } = pieces;

        public bool IsArray { get; } = isArray;

        public Action<Utf8JsonWriter>? WriteSiblings { get; init; }
    }

    /// <summary>Raw bytes without envelope.</summary>
    public sealed class Bytes(ReadOnlyMemory<byte> body, string? contentType) : ApiResult
    {
        public ReadOnlyMemory<byte> Body { get; } = body;

        public string? ContentType { get; } = contentType;
    }

    /// <summary>The handler wrote the answer itself, through its exchange.</summary>
    public sealed class Written : ApiResult
    {
        public static readonly Written Instance = new();
    }

    /// <summary>A refusal: a status and PBS's text, and for parameter faults the reason of each.</summary>
    public sealed class Refused(int status, string text) : ApiResult
    {
        public int Status { get; } = status;

        public string Text { get; } = text;

        public IReadOnlyList<ParameterFault> Faults { get; init; } = [];

        /// <summary>Refused by an endpoint's Permit: only then is a 403 held back (a 401 always is).</summary>
        internal bool ByPermit { get; set; }
    }

    /// <summary>`{"data":null}`.</summary>
    public static readonly ApiResult Null = new Json(w => w.WriteNullValue());

    public static ApiResult Data(Action<Utf8JsonWriter> write) => new Json(write);

    public static ApiResult Data(Action<Utf8JsonWriter> write, Action<Utf8JsonWriter> siblings) =>
        new Json(write) { WriteSiblings = siblings };

    public static ApiResult String(string value) => new Json(w => w.WriteStringValue(value));

    public static ApiResult Number(long? value) => new Json(w =>
    {
        if (value is { } number)
        {
            w.WriteNumberValue(number);
        }
        else
        {
            w.WriteNullValue();
        }
    });

    /// <summary>An array whose elements are ready as UTF-8 JSON.</summary>
    public static ApiResult Array(IReadOnlyList<ReadOnlyMemory<byte>> elements) => new Rendered(elements, true);

    public static ApiResult Octets(ReadOnlyMemory<byte> body) => new Bytes(body, "application/octet-stream");

    public static ApiResult Error(string text) => new Refused(400, text);

    public static ApiResult Error(int status, string text) => new Refused(status, text);

    /// <summary>400 with PBS's parameter text.</summary>
    public static ApiResult BadParameters(ApiParameters parameters) =>
        new Refused(400, parameters.FaultText) { Faults = parameters.Faults };

    /// <summary>400 for one parameter.</summary>
    public static ApiResult BadParameter(string name, string reason)
    {
        var parameters = new ApiParameters();
        parameters.Fault(name, reason);
        return BadParameters(parameters);
    }
}

/// <summary>A refusal thrown from deep inside a handler; answered as <see cref="ApiResult.Refused"/>.</summary>
public sealed class ApiException(int status, string text) : Exception(text)
{
    public ApiException(string text)
        : this(400, text)
    {
    }

    public int Status { get; } = status;
}
