// An encryption key and what PBS derives from it: the id key that chunk names and signatures depend on, and the
// fingerprint that people see. The key itself never leaves this object as text.
using System.Security.Cryptography;

namespace Holdfast.Storage;

/// <summary>Key material for one backup key (reference 3.3). Safe for several threads until disposed.</summary>
public sealed class CryptConfig : IDisposable
{
    public const int KeySize = 32;

    private readonly byte[] key;
    private readonly byte[] idKey;

    /// <param name="encryptionKey">32 bytes; copied.</param>
    public CryptConfig(ReadOnlySpan<byte> encryptionKey)
    {
        if (encryptionKey.Length != KeySize)
        {
            throw new ArgumentException("an encryption key has 32 bytes", nameof(encryptionKey));
        }

        key = encryptionKey.ToArray();
        idKey = Rfc2898DeriveBytes.Pbkdf2(key, "_id_key"u8, 10, HashAlgorithmName.SHA256, KeySize);
        Fingerprint = ComputeDigest(SHA256.HashData("Proxmox Backup Encryption Key Fingerprint"u8));
    }

    /// <summary>SHA-256 of the fingerprint sentence, keyed: identifies the key without telling it.</summary>
    public Digest Fingerprint { get; }

    /// <summary>32 lower-case hex pairs joined by ':'.</summary>
    public string FingerprintText => FormatFingerprint(Fingerprint);

    internal ReadOnlySpan<byte> Key => key;

    public static string FormatFingerprint(Digest fingerprint)
    {
        var hex = fingerprint.ToString();
        return string.Create(95, hex, static (target, source) =>
        {
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = i % 3 == 2 ? ':' : source[(i / 3 * 2) + (i % 3)];
            }
        });
    }

    /// <summary>Name of a chunk made with this key: SHA-256(data || id key).</summary>
    public Digest ComputeDigest(ReadOnlySpan<byte> data)
    {
        var context = CodecContext.Rent();
        try
        {
            return context.Hash(data, idKey);
        }
        finally
        {
            context.Return();
        }
    }

    /// <summary>HMAC-SHA256 with the id key: the signature of a manifest.</summary>
    public Digest Sign(ReadOnlySpan<byte> data)
    {
        Span<byte> tag = stackalloc byte[Digest.Size];
        HMACSHA256.HashData(idKey, data, tag);
        return new Digest(tag);
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(key);
        CryptographicOperations.ZeroMemory(idKey);
    }
}
