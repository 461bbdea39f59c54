// Writes answers in PBS's two envelopes (pbs-protocol 1.4): `/json/` with bare error texts, `/extjs/` with everything
// wrapped in a 200; and holds failed credentials back as long as PBS does.
using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Holdfast.Wire;

internal enum ApiFormat
{
    Json,
    ExtJs,
}

internal sealed class ApiAnswer(Exchange exchange, ApiFormat format, TimeProvider clock, long startedAt)
{
    private const string JsonType = "application/json;charset=UTF-8";
    private const string PlainJsonType = "application/json";
    private const int BlockBytes = 128 * 1024;

    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = false,
    };

    public Exchange Exchange { get; } = exchange;

    /// <summary>An error before the envelope is chosen: text without a type, never wrapped.</summary>
    public async Task PlainAsync(int status, string text)
    {
        await DelayAsync(status);
        if (status == 401)
        {
            Exchange.SetHeader("Set-Cookie", ApiResult.ClearTicketCookie);
        }

        await Exchange.RespondAsync(status, null, Encoding.UTF8.GetBytes(text));
    }

    public async Task SendAsync(ApiResult result)
    {
        switch (result)
        {
            case ApiResult.Json json:
                await SendJsonAsync(json);
                break;
            case ApiResult.Rendered rendered:
                await SendRenderedAsync(rendered);
                break;
            case ApiResult.Bytes bytes:
                await Exchange.RespondAsync(200, bytes.ContentType, bytes.Body);
                break;
            case ApiResult.Refused refused:
                await RefuseAsync(refused);
                break;
            case ApiResult.Written when !Exchange.ResponseStarted:
                throw new InvalidOperationException("the handler said that it had answered, but had not");
        }
    }

    private async Task SendJsonAsync(ApiResult.Json json)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("data"u8);
            json.WriteData(writer);
            json.WriteSiblings?.Invoke(writer);
            if (json.TicketStyle || format == ApiFormat.ExtJs)
            {
                WriteSuccess(writer);
            }

            writer.WriteEndObject();
        }

        await Exchange.RespondAsync(200, json.TicketStyle ? PlainJsonType : JsonType, buffer.WrittenMemory);
    }

    // The pieces are copied straight into the transport, a block at a time; only the tail of the envelope is rendered.
    private async Task SendRenderedAsync(ApiResult.Rendered rendered)
    {
        byte[] tail = RenderTail(rendered);
        long length = "{\"data\":"u8.Length + tail.Length + (rendered.IsArray ? 2 : 0);
        foreach (ReadOnlyMemory<byte> piece in rendered.Pieces)
        {
            length += piece.Length;
        }

        length += rendered.IsArray ? Math.Max(0, rendered.Pieces.Count - 1) : 0;
        PipeWriter writer = Exchange.Start(200, JsonType, length);
        writer.Write(rendered.IsArray ? "{\"data\":["u8 : "{\"data\":"u8);
        long unflushed = 0;
        for (int i = 0; i < rendered.Pieces.Count; i++)
        {
            if (rendered.IsArray && i > 0)
            {
                writer.Write(","u8);
            }

            writer.Write(rendered.Pieces[i].Span);
            unflushed += rendered.Pieces[i].Length;
            if (unflushed >= BlockBytes)
            {
                unflushed = 0;
                await writer.FlushAsync(Exchange.Aborted);
            }
        }

        if (rendered.IsArray)
        {
            writer.Write("]"u8);
        }

        writer.Write(tail);
        await writer.FlushAsync(Exchange.Aborted);
    }

    // Renders the siblings as an object of their own and drops its opening brace: `}` or `,"total":3}`.
    private byte[] RenderTail(ApiResult.Rendered rendered)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            writer.WriteStartObject();
            rendered.WriteSiblings?.Invoke(writer);
            if (format == ApiFormat.ExtJs)
            {
                WriteSuccess(writer);
            }

            writer.WriteEndObject();
        }

        byte[] tail = buffer.WrittenSpan.ToArray();
        if (tail.Length == 2)
        {
            return "}"u8.ToArray();
        }

        tail[0] = (byte)',';
        return tail;
    }

    private async Task RefuseAsync(ApiResult.Refused refused)
    {
        await DelayAsync(refused.Status, refused.ByPermit);
        if (format == ApiFormat.Json)
        {
            if (refused.Status == 401)
            {
                Exchange.SetHeader("Set-Cookie", ApiResult.ClearTicketCookie);
            }

            await Exchange.RespondAsync(refused.Status, JsonType, Encoding.UTF8.GetBytes(refused.Text));
            return;
        }

        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            WriteExtJsError(writer, refused);
        }

        await Exchange.RespondAsync(200, JsonType, buffer.WrittenMemory);
    }

    private static void WriteExtJsError(Utf8JsonWriter writer, ApiResult.Refused refused)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("errors");
        foreach (IGrouping<string, ParameterFault> faults in refused.Faults.GroupBy(f => f.Name))
        {
            writer.WriteString(faults.Key, faults.First().Reason);
        }

        writer.WriteEndObject();
        writer.WriteString("message", refused.Faults.Count > 0 ? "parameter verification errors" : refused.Text);
        writer.WriteNumber("status", refused.Status);
        writer.WriteBoolean("success", false);
        writer.WriteEndObject();
    }

    private static void WriteSuccess(Utf8JsonWriter writer)
    {
        writer.WriteNumber("status"u8, 200);
        writer.WriteBoolean("success"u8, true);
    }

    // Counted from the start of the request, so that the answer doesn't tell how long the check took.
    private async Task DelayAsync(int status, bool byPermit = false)
    {
        TimeSpan wanted = status switch
        {
            401 => TimeSpan.FromSeconds(3),
            403 when byPermit => TimeSpan.FromMilliseconds(500),
            _ => TimeSpan.Zero,
        };
        TimeSpan rest = wanted - clock.GetElapsedTime(startedAt);
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, clock, Exchange.Aborted);
        }
    }
}
