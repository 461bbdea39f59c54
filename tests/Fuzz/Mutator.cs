// Makes bad input of good: bits, bytes, integers with interesting values at aligned offsets, cuts, insertions, doubled and
// moved parts, splices of two seeds, and for text whole tokens (numbers, escapes, brackets, names). Bounded in length.
using System.Buffers.Binary;
using System.Text;

namespace Holdfast.Tests.Fuzz;

/// <summary>One mutator a thread; <see cref="Mutate"/> gives a fresh array.</summary>
public sealed class Mutator(int maxLength)
{
    private static readonly ulong[] Interesting =
    [
        0, 1, 2, 7, 8, 31, 32, 44, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 4096, 65535, 65536, 1 << 20, 1 << 24, (1 << 24) + 1,
        int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, 1UL << 40, 1UL << 60, 1UL << 62, long.MaxValue, 1UL << 63, ulong.MaxValue,
        ulong.MaxValue - 1, ulong.MaxValue - 4095,
    ];

    private static readonly string[] Numbers =
    [
        "0", "-1", "1", "-0", "01", "1.0", "1e3", "1e999", "-1e-999", "16777217", "2147483648", "4294967296", "1152921504606846976",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", "253402300800", "NaN", "+5", " 7",
        "٣", "123456789012345678901234567890",
    ];

    private static readonly byte[][] Tokens =
    [
        .. ((string[])[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\\udfff\\ud800", "\"\\ud800\"", "null", "true", "{}", "[]", "/*", "//",
            "..", "../", "/", "//", "\0", ".", "-", "%", "%00", "%2e%2e", "%2f", "%ff", "%c3%28", "%u0041", "+", "&", "=", "&&", ";", "::", "@", "!",
            "\r\n", "\r\n\r\n", "\n", "\r", "\t", " ", "\\x2d", "\\x", "\\xff", "\u2024\u2024", "\uFF0F", "\u202E", "ｖｍ", "é", "😀", "$", "#", "[::1]",
            "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "HTTP/1.1", "0\r\n\r\n", "FFFFFFFF\r\n", "fffffffffffffff\r\n", "1e3",
            ".fidx", ".didx", ".blob", "vm/", "ns/", "T00:00:00Z", "9999-12-31T23:59:59Z", "host/a/0001-01-01T00:00:00Z",
        ]).Select(Encoding.UTF8.GetBytes),
        [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xEF, 0xBB, 0xBF],
    ];

    private readonly byte[] buffer = new byte[maxLength];
    private int length;

    /// <summary>A mutated copy of one of the seeds. One in sixteen comes unchanged, so that the good way is walked too.</summary>
    public byte[] Mutate(FuzzRandom random, IReadOnlyList<byte[]> seeds, bool isText)
    {
        Set(random.Of(seeds));
        if (!random.OneIn(16))
        {
            for (var steps = 1 + random.Below(1 << random.Below(4)); steps > 0; steps--)
            {
                if (isText && random.Below(3) > 0)
                {
                    StepText(random);
                }
                else
                {
                    Step(random, seeds);
                }
            }
        }

        return buffer.AsSpan(0, length).ToArray();
    }

    private void Step(FuzzRandom random, IReadOnlyList<byte[]> seeds)
    {
        var at = random.Below(length);
        switch (random.Below(12))
        {
            case 0 or 1 when length > 0:
                buffer[at] ^= (byte)(1 << random.Below(8));
                break;
            case 2 when length > 0:
                buffer[at] = random.Byte();
                break;
            case 3 when length > 0:
                buffer[at] = (byte)random.Of(Interesting);
                break;
            case 4:
                length = random.Below(length + 1);
                break;
            case 5:
                Insert(at, Noise(random, 1 + random.Below(16)));
                break;
            case 6:
                Insert(at, Run(random.Byte(), 1 << random.Below(10)));
                break;
            case 7:
                Delete(at, 1 + random.Below(1 << random.Below(8)));
                break;
            case 8:
                Insert(random.Below(length + 1), Part(random, at));
                break;
            case 9:
                var other = random.Of(seeds);
                length = random.Below(length + 1);
                Insert(length, other.AsSpan(random.Below(other.Length + 1)));
                break;
            default:
                Integer(random);
                break;
        }
    }

    private void StepText(FuzzRandom random)
    {
        var (start, size) = Token(random.Below(length));
        switch (random.Below(8))
        {
            case 0:
                var digits = Array.FindIndex(buffer, random.Below(length), IsDigit);
                if (digits >= 0 && digits < length)
                {
                    var end = digits;
                    while (end < length && IsDigit(buffer[end]))
                    {
                        end++;
                    }

                    Delete(digits, end - digits);
                    Insert(digits, Encoding.UTF8.GetBytes(random.Of(Numbers)));
                }

                break;
            case 1 or 2:
                Insert(start, random.Of(Tokens));
                break;
            case 3:
                Delete(start, size);
                Insert(start, random.Of(Tokens));
                break;
            case 4:
                Delete(start, size);
                break;
            case 5:
                Insert(Token(random.Below(length)).Start, buffer.AsSpan(start, size).ToArray());
                break;
            case 6:
                Insert(start, Repeated(random.Of(Tokens), 1 << random.Below(8)));
                break;
            default:
                if (length > 0 && char.IsAsciiLetter((char)buffer[start]))
                {
                    buffer[start] ^= 0x20;
                }

                break;
        }
    }

    private void Integer(FuzzRandom random)
    {
        var width = 2 << random.Below(3);
        if (length < width)
        {
            return;
        }

        // Aligned offsets first: that is where fields of binary formats stand.
        var at = random.OneIn(4) ? random.Below(length - width + 1) : random.Below((length / width)) * width;
        var field = buffer.AsSpan(at, width);
        Span<byte> eight = stackalloc byte[8];
        var value = random.Below(4) switch
        {
            0 => (ulong)(length + random.Below(3) - 1),
            1 => BinaryPrimitives.ReadUInt64LittleEndian(Widen(field, eight)) + (ulong)(random.Below(71) - 35),
            _ => random.Of(Interesting),
        };
        if (random.OneIn(2))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(eight, value);
            eight[..width].CopyTo(field);
        }
        else
        {
            BinaryPrimitives.WriteUInt64BigEndian(eight, value);
            eight[(8 - width)..].CopyTo(field);
        }
    }

    private static bool IsDigit(byte b) => char.IsAsciiDigit((char)b);

    private static ReadOnlySpan<byte> Widen(ReadOnlySpan<byte> field, Span<byte> eight)
    {
        eight.Clear();
        field.CopyTo(eight);
        return eight;
    }

    /// <summary>What stands between two separators around a place, or one byte that is a separator.</summary>
    private (int Start, int Size) Token(int at)
    {
        if (length == 0)
        {
            return (0, 0);
        }

        var separators = "{}[],:\"&=;/ \r\n?%@!$."u8;
        var start = at;
        while (start > 0 && separators.IndexOf(buffer[start - 1]) < 0)
        {
            start--;
        }

        var end = at;
        while (end < length && separators.IndexOf(buffer[end]) < 0)
        {
            end++;
        }

        return end > start ? (start, end - start) : (at, 1);
    }

    private byte[] Part(FuzzRandom random, int at) =>
        buffer.AsSpan(at, Math.Min(length - at, 1 + random.Below(1 << random.Below(9)))).ToArray();

    private static byte[] Noise(FuzzRandom random, int size)
    {
        var bytes = new byte[size];
        for (var i = 0; i < size; i++)
        {
            bytes[i] = random.Byte();
        }

        return bytes;
    }

    private static byte[] Run(byte value, int size)
    {
        var bytes = new byte[size];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private static byte[] Repeated(byte[] token, int times)
    {
        var bytes = new byte[token.Length * times];
        for (var i = 0; i < times; i++)
        {
            token.CopyTo(bytes, i * token.Length);
        }

        return bytes;
    }

    private void Set(byte[] seed)
    {
        length = Math.Min(seed.Length, buffer.Length);
        seed.AsSpan(0, length).CopyTo(buffer);
    }

    private void Insert(int at, ReadOnlySpan<byte> bytes)
    {
        var size = Math.Min(bytes.Length, buffer.Length - length);
        buffer.AsSpan(at, length - at).CopyTo(buffer.AsSpan(at + size));
        bytes[..size].CopyTo(buffer.AsSpan(at));
        length += size;
    }

    private void Delete(int at, int size)
    {
        size = Math.Min(size, length - at);
        buffer.AsSpan(at + size, length - at - size).CopyTo(buffer.AsSpan(at));
        length -= size;
    }
}
