// The JSON file that holds an encryption key (reference 3.11), plain or wrapped under a passphrase. Parameters of the
// key derivation are bounded before any memory or time is spent on them. Errors never carry key or passphrase.
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Holdfast.Storage;

/// <summary>How the key in the file is protected.</summary>
public enum KeyDerivation
{
    None,
    Scrypt,
    Pbkdf2,
}

/// <summary>A parsed or new key file.</summary>
public sealed class KeyFile
{
    public const int MaxFileSize = 64 * 1024;

    public const int MinPassphraseLength = 5;

    /// <summary>What scrypt may use: 1025 MiB, as the peers allow.</summary>
    public const long MaxScryptMemory = 1025L * 1024 * 1024;

    private const int SaltSize = 32;
    private const int MaxPbkdf2Rounds = 10_000_000;

    private readonly byte[] data;
    private readonly byte[] salt;
    private readonly ulong cost;
    private readonly ulong blockSize;
    private readonly ulong parallelism;

    internal KeyFile(KeyDerivation derivation, byte[] data, byte[] salt, ulong cost, ulong blockSize, ulong parallelism)
    {
        (Derivation, this.data, this.salt) = (derivation, data, salt);
        (this.cost, this.blockSize, this.parallelism) = (cost, blockSize, parallelism);
    }

    public KeyDerivation Derivation { get; }

    public DateTimeOffset Created { get; internal init; }

    public DateTimeOffset Modified { get; internal init; }

    /// <summary>Fingerprint text of the key; old files have none.</summary>
    public string? Fingerprint { get; internal init; }

    public string? Hint { get; internal init; }

    /// <summary>Wraps a key. The passphrase is UTF-8 text of at least 5 characters, or null for no
    /// derivation.</summary>
    /// <exception cref="RefusedException">The passphrase is too short.</exception>
    public static KeyFile Create(
        ReadOnlySpan<byte> key, KeyDerivation derivation, string? passphrase, TimeProvider clock, string? hint = null)
    {
        using var crypt = new CryptConfig(key);
        var now = clock.GetLocalNow();
        if (derivation == KeyDerivation.None)
        {
            return new KeyFile(derivation, key.ToArray(), [], 0, 0, 0)
            {
                Created = now, Modified = now, Fingerprint = crypt.FingerprintText, Hint = hint,
            };
        }

        if (passphrase == null || passphrase.Length < MinPassphraseLength)
        {
            throw new RefusedException("Passphrase is too short (must be at least 5 characters)");
        }

        var salt = RandomNumberGenerator.GetBytes(SaltSize);
        var (cost, blockSize, parallelism) = derivation == KeyDerivation.Scrypt ? (65536UL, 8UL, 1UL) : (65535UL, 0, 0);
        var file = new KeyFile(derivation, new byte[64], salt, cost, blockSize, parallelism)
        {
            Created = now, Modified = now, Fingerprint = crypt.FingerprintText, Hint = hint,
        };
        file.Wrap(key, passphrase);
        return file;
    }

    /// <summary>Parses the JSON text.</summary>
    /// <exception cref="CorruptDataException">Not a key file, or one whose parameters are out of bounds.</exception>
    public static KeyFile Parse(ReadOnlyMemory<byte> json)
    {
        const string subject = "key file";
        if (json.Length > MaxFileSize)
        {
            throw new CorruptDataException(subject, "too large");
        }

        try
        {
            using var document = JsonDocument.Parse(
                json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            return Read(document.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException
            or KeyNotFoundException)
        {
            // The inner text could quote the file; it stays out.
            throw new CorruptDataException(subject, "unable to parse key file");
        }
    }

    /// <summary>Unwraps the key and checks it against the fingerprint.</summary>
    /// <param name="passphrase">Needed unless <see cref="Derivation"/> is None.</param>
    /// <exception cref="KeyRequiredException">No, or a wrong, passphrase.</exception>
    /// <exception cref="CorruptDataException">The key does not have the fingerprint that the file names.</exception>
    public CryptConfig Open(string? passphrase)
    {
        Span<byte> key = stackalloc byte[CryptConfig.KeySize];
        try
        {
            if (Derivation == KeyDerivation.None)
            {
                data.CopyTo(key);
            }
            else
            {
                Unwrap(passphrase ?? throw new KeyRequiredException("no password supplied for the key"), key);
            }

            var crypt = new CryptConfig(key);
            if (Fingerprint != null && Fingerprint != crypt.FingerprintText)
            {
                crypt.Dispose();
                throw new CorruptDataException("key file", "key does not match its fingerprint");
            }

            return crypt;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The JSON text, as the peers' tools write it.</summary>
    public byte[] ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions
        {
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            writer.WriteStartObject();
            WriteDerivation(writer);
            writer.WriteString("created", Format(Created));
            writer.WriteString("modified", Format(Modified));
            writer.WriteBase64String("data", data);
            if (Fingerprint != null)
            {
                writer.WriteString("fingerprint", Fingerprint);
            }

            if (Hint != null)
            {
                writer.WriteString("hint", Hint);
            }

            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static string Format(DateTimeOffset time) =>
        time.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

    private static KeyFile Read(JsonElement root)
    {
        var wrapped = root.GetProperty("data").GetBytesFromBase64();
        var kdf = root.GetProperty("kdf");
        var (derivation, salt, cost, blockSize, parallelism) = ReadDerivation(kdf);
        if (wrapped.Length != (derivation == KeyDerivation.None ? 32 : 64))
        {
            throw new FormatException();
        }

        return new KeyFile(derivation, wrapped, salt, cost, blockSize, parallelism)
        {
            Created = Time(root, "created"),
            Modified = Time(root, "modified"),
            Fingerprint = ManifestJson.Text(root, "fingerprint"),
            Hint = ManifestJson.Text(root, "hint"),
        };
    }

    private static (KeyDerivation, byte[], ulong, ulong, ulong) ReadDerivation(JsonElement kdf)
    {
        if (kdf.ValueKind == JsonValueKind.Null)
        {
            return (KeyDerivation.None, [], 0, 0, 0);
        }

        if (kdf.TryGetProperty("Scrypt", out var scrypt))
        {
            var (n, r, p) = (Number(scrypt, "n"), Number(scrypt, "r"), Number(scrypt, "p"));
            var sane = n >= 2 && ulong.IsPow2(n) && n <= 1 << 24 && r is >= 1 and <= 1024 && p is >= 1 and <= 16
                && (long)(128 * n * r) <= MaxScryptMemory;
            return sane ? (KeyDerivation.Scrypt, Salt(scrypt), n, r, p) : throw new FormatException();
        }

        var pbkdf2 = kdf.GetProperty("PBKDF2");
        var rounds = Number(pbkdf2, "iter");
        return rounds is >= 1 and <= MaxPbkdf2Rounds
            ? (KeyDerivation.Pbkdf2, Salt(pbkdf2), rounds, 0UL, 0UL)
            : throw new FormatException();
    }

    private static ulong Number(JsonElement element, string name) => element.GetProperty(name).GetUInt64();

    private static byte[] Salt(JsonElement element) => element.GetProperty("salt").GetBytesFromBase64();

    private static DateTimeOffset Time(JsonElement root, string name) => root.GetProperty(name).GetDateTimeOffset();

    private void WriteDerivation(Utf8JsonWriter writer)
    {
        if (Derivation == KeyDerivation.None)
        {
            writer.WriteNull("kdf");
            return;
        }

        writer.WriteStartObject("kdf");
        writer.WriteStartObject(Derivation == KeyDerivation.Scrypt ? "Scrypt" : "PBKDF2");
        if (Derivation == KeyDerivation.Scrypt)
        {
            writer.WriteNumber("n", cost);
            writer.WriteNumber("r", blockSize);
            writer.WriteNumber("p", parallelism);
        }
        else
        {
            writer.WriteNumber("iter", cost);
        }

        writer.WriteBase64String("salt", salt);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void Wrap(ReadOnlySpan<byte> key, string passphrase)
    {
        var wrapping = Derive(passphrase);
        var context = CodecContext.Rent();
        try
        {
            RandomNumberGenerator.Fill(data.AsSpan(0, 16));
            context.Encrypt(wrapping, data.AsSpan(0, 16), key, data.AsSpan(32), data.AsSpan(16, 16));
        }
        finally
        {
            context.Return();
            CryptographicOperations.ZeroMemory(wrapping);
        }
    }

    private void Unwrap(string passphrase, Span<byte> key)
    {
        var wrapping = Derive(passphrase);
        var context = CodecContext.Rent();
        try
        {
            if (!context.Decrypt(wrapping, data.AsSpan(0, 16), data.AsSpan(16, 16), data.AsSpan(32), key))
            {
                throw new KeyRequiredException("wrong password for the key, or damaged key file");
            }
        }
        finally
        {
            context.Return();
            CryptographicOperations.ZeroMemory(wrapping);
        }
    }

    private byte[] Derive(string passphrase)
    {
        var password = System.Text.Encoding.UTF8.GetBytes(passphrase);
        try
        {
            return Derivation == KeyDerivation.Scrypt
                ? KeyDerivationFunctions.Scrypt(password, salt, cost, blockSize, parallelism, CryptConfig.KeySize)
                : Rfc2898DeriveBytes.Pbkdf2(
                    password, salt, (int)cost, HashAlgorithmName.SHA256, CryptConfig.KeySize);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(password);
        }
    }
}
