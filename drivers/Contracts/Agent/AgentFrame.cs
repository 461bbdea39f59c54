// How requests and answers lie on the agent's unix socket: a length of four bytes, little-endian, and that many bytes of JSON. Bounded before anything is
// allocated; what is not a message of the closed list is an InvalidDataException.
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Holdfast.Contracts.Agent;

/// <summary>Reads and writes messages.</summary>
public static class AgentFrame
{
    /// <summary>Largest request.</summary>
    public const int BytesMax = 64 * 1024;

    /// <summary>Largest answer: the state of a pool of hundreds of disks is under 1 MiB.</summary>
    public const int AnswerBytesMax = 8 * 1024 * 1024;

    private const int LengthBytes = 4;

    public static Task WriteAsync(Stream stream, AgentRequest request, CancellationToken cancel) =>
        WriteAsync(stream, ToJson(request), cancel);

    public static Task WriteAsync(Stream stream, AgentAnswer answer, CancellationToken cancel) =>
        WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(answer, AgentJson.Default.AgentAnswer), cancel);

    /// <exception cref="InvalidDataException">Too long, or no request of the list.</exception>
    /// <exception cref="EndOfStreamException">The peer closed before the message was whole.</exception>
    public static Task<AgentRequest> ReadRequestAsync(Stream stream, CancellationToken cancel) =>
        ReadAsync(stream, AgentJson.Default.AgentRequest, BytesMax, cancel);

    /// <inheritdoc cref="ReadRequestAsync"/>
    public static Task<AgentAnswer> ReadAnswerAsync(Stream stream, CancellationToken cancel) =>
        ReadAsync(stream, AgentJson.Default.AgentAnswer, AnswerBytesMax, cancel);

    /// <summary>The message behind the bytes, for who has them all.</summary>
    /// <exception cref="InvalidDataException">No request of the list.</exception>
    public static AgentRequest ParseRequest(ReadOnlySpan<byte> json) => Parse(json, AgentJson.Default.AgentRequest);

    /// <summary>A request as JSON, as it is sent and, if it acts, recorded.</summary>
    public static byte[] ToJson(AgentRequest request) => JsonSerializer.SerializeToUtf8Bytes(request, AgentJson.Default.AgentRequest);

    private static async Task WriteAsync(Stream stream, byte[] json, CancellationToken cancel)
    {
        var frame = new byte[LengthBytes + json.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, json.Length);
        json.CopyTo(frame, LengthBytes);
        try
        {
            await stream.WriteAsync(frame, cancel).ConfigureAwait(false);
        }
        finally
        {
            // Requests hold passwords: nothing of them stays behind in memory that is used again.
            Array.Clear(frame);
            Array.Clear(json);
        }
    }

    private static async Task<T> ReadAsync<T>(Stream stream, JsonTypeInfo<T> type, int bytesMax, CancellationToken cancel) where T : class
    {
        var length = new byte[LengthBytes];
        await stream.ReadExactlyAsync(length, cancel).ConfigureAwait(false);
        var count = BinaryPrimitives.ReadInt32LittleEndian(length);
        if (count < 2 || count > bytesMax)
        {
            throw new InvalidDataException($"a message of {count} bytes; at most {bytesMax} are taken");
        }

        var json = new byte[count];
        try
        {
            await stream.ReadExactlyAsync(json, cancel).ConfigureAwait(false);
            return Parse(json, type);
        }
        finally
        {
            Array.Clear(json);
        }
    }

    private static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException("not a message");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            // The parser's own text may quote the input, which may hold a password.
            throw new InvalidDataException("not a message of the agent's list");
        }
    }
}
