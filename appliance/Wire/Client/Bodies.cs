// Bounded reading of answers.
using System.Text.Json;

namespace Holdfast.Wire;

internal static class Bodies
{
    /// <summary>The whole body, or PbsException 502 if it is longer than <paramref name="maxBytes"/>.</summary>
    public static async Task<byte[]> ReadAsync(HttpContent content, int maxBytes, CancellationToken cancel)
    {
        long? announced = content.Headers.ContentLength;
        if (announced > maxBytes)
        {
            throw TooLong();
        }

        await using Stream stream = await content.ReadAsStreamAsync(cancel);
        var buffer = new byte[announced ?? 4096];
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (announced is not null)
                {
                    return buffer; // HttpClient has checked the length
                }

                if (length >= maxBytes)
                {
                    throw TooLong();
                }

                Array.Resize(ref buffer, (int)Math.Min(2L * buffer.Length, maxBytes));
            }

            int read = await stream.ReadAsync(buffer.AsMemory(length), cancel);
            if (read == 0)
            {
                Array.Resize(ref buffer, length);
                return buffer;
            }

            length += read;
        }
    }

    /// <summary>The answer as JSON; an empty body is null.</summary>
    public static JsonElement Json(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body.Length == 0 ? "null"u8.ToArray() : body);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw new PbsException(502, "the server's answer is not JSON");
        }
    }

    private static PbsException TooLong() => new(502, "the server's answer is too long");
}
