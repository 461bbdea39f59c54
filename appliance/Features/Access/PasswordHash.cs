// How secrets are kept: PBKDF2-HMAC-SHA512 with its own random salt, as one line of text. Comparison takes the same time whether right or wrong,
// and an unknown account costs as much as a known one.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Features.Access;

/// <summary>Makes and checks the stored form of a password or token secret.</summary>
public static class PasswordHash
{
    /// <summary>Rounds for passwords that people choose (about 50 ms of one core).</summary>
    public const int PasswordRounds = 100_000;

    /// <summary>Rounds for secrets of 128 random bits, which can't be guessed however fast one tries.</summary>
    public const int TokenRounds = 1;

    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    /// <summary>Stored when nobody is there, so that the check takes its time all the same.</summary>
    public static readonly string OfNobody = Of(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)), PasswordRounds);

    /// <summary>The same for tokens, whose own hash is quick.</summary>
    public static readonly string OfNoToken = Of(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)), TokenRounds);

    /// <summary><c>$pbkdf2-sha512$ROUNDS$SALT$HASH</c>, salt and hash in base64.</summary>
    public static string Of(string secret, int rounds)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        var hash = Derive(secret, salt, rounds);
        return string.Create(CultureInfo.InvariantCulture,
            $"$pbkdf2-sha512${rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
    }

    /// <summary>Does the secret match? False as well for a stored form that can't be read.</summary>
    public static bool Matches(string secret, string stored)
    {
        var parts = stored.Split('$');
        if (parts is not ["", "pbkdf2-sha512", var roundsText, var saltText, var hashText]
            || !int.TryParse(roundsText, NumberStyles.None, CultureInfo.InvariantCulture, out var rounds)
            || rounds is < 1 or > 10_000_000)
        {
            return false;
        }

        var salt = new byte[SaltBytes];
        var hash = new byte[HashBytes];
        if (!Convert.TryFromBase64String(saltText, salt, out var saltLength) || saltLength != SaltBytes
            || !Convert.TryFromBase64String(hashText, hash, out var hashLength) || hashLength != HashBytes)
        {
            return false;
        }

        return CryptographicOperations.FixedTimeEquals(Derive(secret, salt, rounds), hash);
    }

    private static byte[] Derive(string secret, byte[] salt, int rounds) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(secret), salt, rounds, HashAlgorithmName.SHA512, HashBytes);
}
