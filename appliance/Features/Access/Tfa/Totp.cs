// Time-based one-time passwords (RFC 6238 over RFC 4226) and the otpauth URI that authenticator apps exchange. Bounded, and total on bad input.
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using Holdfast.Wire;

namespace Holdfast.Features.Access;

/// <summary>A shared secret and how codes are made of it.</summary>
/// <param name="Algorithm"><c>SHA1</c>, <c>SHA256</c> or <c>SHA512</c>.</param>
/// <param name="PeriodS">Seconds that one code stands for.</param>
public sealed record Totp(string Secret, string Algorithm, int Digits, int PeriodS)
{
    private const string Scheme = "otpauth://";
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int UriCharsMax = 2048;
    private const int SecretBytesMin = 10;
    private const int SecretBytesMax = 128;

    /// <summary>Steps before and after the present one whose codes count: clocks of telephones differ.</summary>
    private const int SkewSteps = 1;

    /// <summary>Reads <c>otpauth://totp/LABEL?secret=…&amp;algorithm=…&amp;digits=…&amp;period=…</c>.</summary>
    /// <param name="problem">Why not; it names no part of the secret.</param>
    public static bool TryParse(string uri, [NotNullWhen(true)] out Totp? totp, out string problem)
    {
        (totp, problem) = (null, "");
        if (uri.Length > UriCharsMax || !uri.StartsWith(Scheme, StringComparison.Ordinal))
        {
            problem = "not an otpauth uri";
            return false;
        }

        var rest = uri[Scheme.Length..];
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        if (!rest.StartsWith("totp/", StringComparison.Ordinal) || question < 0 || ParameterSchema.Split(rest[(question + 1)..]) is not { } pairs)
        {
            problem = "not a totp uri with parameters";
            return false;
        }

        var values = pairs.GroupBy(pair => pair.Key).ToDictionary(same => same.Key, same => same.First().Value);
        var algorithm = values.GetValueOrDefault("algorithm", "SHA1").ToUpperInvariant();
        var secret = values.GetValueOrDefault("secret", "").TrimEnd('=').ToUpperInvariant();
        problem = algorithm is not ("SHA1" or "SHA256" or "SHA512") ? "unsupported totp algorithm"
            : !InRange(values, "digits", 6, 6, 8, out var digits) ? "totp digits must be 6 to 8"
            : !InRange(values, "period", 30, 15, 300, out var period) ? "totp period must be 15 to 300 seconds"
            : Bytes(secret) is not { Length: >= SecretBytesMin and <= SecretBytesMax } ? "totp secret must be base32 of 10 to 128 bytes"
            : Make(out totp, new Totp(secret, algorithm, digits, period));
        return totp is not null;
    }

    /// <summary>The step whose code this is, within the skew and after <paramref name="lastStep"/> (a code counts once); null if none.</summary>
    public long? FindStep(string code, long nowSeconds, long lastStep)
    {
        long? found = null;
        var present = nowSeconds / PeriodS;
        for (var step = present - SkewSteps; step <= present + SkewSteps; step++)
        {
            // All are compared, so that time tells nothing of which one fits.
            var isIt = CryptographicOperations.FixedTimeEquals(
                System.Text.Encoding.UTF8.GetBytes(code), System.Text.Encoding.UTF8.GetBytes(CodeAt(step)));
            found = isIt && step > lastStep ? step : found;
        }

        return found;
    }

    /// <summary>The code of a step.</summary>
    public string CodeAt(long step)
    {
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        var key = Bytes(Secret)!;
        var mac = Algorithm switch
        {
#pragma warning disable CA5350 // RFC 6238's default, and what every authenticator app uses: the code's strength lies in its key and its short life.
            "SHA1" => HMACSHA1.HashData(key, counter),
#pragma warning restore CA5350
            "SHA256" => HMACSHA256.HashData(key, counter),
            _ => HMACSHA512.HashData(key, counter),
        };
        var number = BinaryPrimitives.ReadInt32BigEndian(mac.AsSpan(mac[^1] & 0x0f)) & 0x7fff_ffff;
        var modulus = (int)Math.Pow(10, Digits);
        return (number % modulus).ToString(CultureInfo.InvariantCulture).PadLeft(Digits, '0');
    }

    /// <summary>As it lies in the credential file.</summary>
    public string Stored(long lastStep) =>
        string.Create(CultureInfo.InvariantCulture, $"totp${Algorithm}${Digits}${PeriodS}${Secret}${lastStep}");

    /// <summary>Reads <see cref="Stored"/> back; null if it is nothing of the kind.</summary>
    public static (Totp Totp, long LastStep)? FromStored(string? stored) =>
        stored?.Split('$') is ["totp", "SHA1" or "SHA256" or "SHA512", var digits, var period, var secret, var last] parts
        && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var digitCount) && digitCount is >= 6 and <= 8
        && int.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out var periodS) && periodS is >= 15 and <= 300
        && Bytes(secret) is { Length: > 0 } && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var lastStep)
            ? (new Totp(secret, parts[1], digitCount, periodS), lastStep)
            : null;

    public override string ToString() => "totp";

    private static string Make(out Totp? totp, Totp made)
    {
        totp = made;
        return "";
    }

    private static bool InRange(Dictionary<string, string> values, string name, int otherwise, int least, int most, out int number)
    {
        number = otherwise;
        return !values.TryGetValue(name, out var text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most);
    }

    private static byte[]? Bytes(string base32)
    {
        if (base32.Length > 2 * SecretBytesMax || base32.AsSpan().ContainsAnyExcept(Alphabet))
        {
            return null;
        }

        var (bytes, buffer, bits) = (new List<byte>(), 0, 0);
        foreach (var c in base32)
        {
            buffer = (buffer << 5 | Alphabet.IndexOf(c, StringComparison.Ordinal)) & 0xffff;
            bits += 5;
            if (bits >= 8)
            {
                bits -= 8;
                bytes.Add((byte)(buffer >> bits));
            }
        }

        return [.. bytes];
    }
}
