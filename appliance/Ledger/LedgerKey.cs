// The key of the box: ECDSA P-256, in a PEM file that only its owner can read. Signs checkpoints and exports.
// The public half is all that a verifier needs and trusts.
using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Ledger;

/// <summary>Public half: verifies signatures (IEEE P1363, 64 bytes, SHA-256).</summary>
public sealed class LedgerPublicKey : IDisposable
{
    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly ECDsa key;

    private LedgerPublicKey(ECDsa key)
    {
        this.key = key;
        Der = key.ExportSubjectPublicKeyInfo();
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(Der.Span));
    }

    /// <summary>SubjectPublicKeyInfo, DER.</summary>
    public ReadOnlyMemory<byte> Der { get; }

    /// <summary>SHA-256 of <see cref="Der"/>, 64 lower-case hex digits.</summary>
    public string Fingerprint { get; }

    /// <summary>Reads a DER SubjectPublicKeyInfo.</summary>
    /// <exception cref="InvalidDataException">Not a P-256 public key.</exception>
    public static LedgerPublicKey FromDer(ReadOnlySpan<byte> der)
    {
        var copy = der.ToArray();
        return Import(key =>
        {
            key.ImportSubjectPublicKeyInfo(copy, out var read);
            return read == copy.Length;
        });
    }

    /// <summary>Reads PEM text: a public key, or a private one of which the public half is taken.</summary>
    /// <exception cref="InvalidDataException">Not a P-256 key.</exception>
    public static LedgerPublicKey FromPem(string pem) => Import(key =>
    {
        key.ImportFromPem(pem);
        return true;
    });

    /// <summary>PEM text of the public key.</summary>
    public string ToPem() => key.ExportSubjectPublicKeyInfoPem();

    /// <summary>True if the signature is this key's over the message.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        signature.Length == 64 && key.VerifyData(message, signature, HashAlgorithmName.SHA256);

    /// <summary>True if the text is this key's fingerprint, with or without colons, in any case.</summary>
    public bool HasFingerprint(string text) =>
        text.Replace(":", "", StringComparison.Ordinal).Trim().Equals(Fingerprint, StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public void Dispose() => key.Dispose();

    private static LedgerPublicKey Import(Func<ECDsa, bool> read)
    {
        var key = ECDsa.Create();
        try
        {
            // The size alone does not tell: there are other curves of 256 bits.
            if (read(key) && key.KeySize == 256 && key.ExportParameters(false).Curve.Oid?.Value == P256)
            {
                return new LedgerPublicKey(key);
            }
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            key.Dispose();
            throw new InvalidDataException("not an ECDSA P-256 key", e);
        }
        key.Dispose();
        throw new InvalidDataException("not an ECDSA P-256 key");
    }
}

/// <summary>The private key of the box.</summary>
public sealed class LedgerKey : IDisposable
{
    private readonly ECDsa key;

    private LedgerKey(ECDsa key)
    {
        this.key = key;
        Public = LedgerPublicKey.FromDer(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The public half.</summary>
    public LedgerPublicKey Public { get; }

    /// <summary>A new key that lives in memory only.</summary>
    public static LedgerKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Reads the key from a PEM file, or makes one (mode 0600, durable) if there is no file.</summary>
    /// <exception cref="InvalidDataException">The file holds no P-256 private key.</exception>
    public static LedgerKey LoadOrCreate(string path)
    {
        var bytes = LedgerFiles.ReadIfExists(path, 64 << 10);
        if (bytes is null)
        {
            var made = Create();
            LedgerFiles.Replace(path, Encoding.ASCII.GetBytes(made.key.ExportPkcs8PrivateKeyPem()), isSecret: true);
            return made;
        }
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(Encoding.ASCII.GetString(bytes));
            key.ExportParameters(includePrivateParameters: true);
            return key.KeySize == 256
                ? new LedgerKey(key)
                : throw new InvalidDataException($"{path} holds no ECDSA P-256 private key");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            key.Dispose();
            throw new InvalidDataException($"{path} holds no ECDSA P-256 private key", e);
        }
    }

    /// <summary>Signs: IEEE P1363, 64 bytes, over SHA-256 of the message.</summary>
    public byte[] Sign(ReadOnlySpan<byte> message)
    {
        lock (key)
        {
            return key.SignData(message, HashAlgorithmName.SHA256);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        key.Dispose();
        Public.Dispose();
    }
}
