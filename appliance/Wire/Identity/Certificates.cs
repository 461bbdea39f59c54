// The appliance's TLS certificate: made, read and named by fingerprint. Writing the files is the host's job.
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Holdfast.Wire;

/// <summary>A certificate and its private key, both PEM.</summary>
public sealed record CertificatePems(string CertificatePem, string KeyPem)
{
    public override string ToString() => "certificate and key";
}

/// <summary>Makes, loads and fingerprints certificates.</summary>
public static class Certificates
{
    /// <summary>
    /// A self-signed server certificate: ECDSA P-256, CA=false, serverAuth, names localhost, 127.0.0.1, ::1 and
    /// <paramref name="hostNames"/>, valid from one day ago for a thousand years, as PBS's own.
    /// </summary>
    public static CertificatePems MakeSelfSigned(IEnumerable<string> hostNames, TimeProvider clock)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string[] names = [.. hostNames.Where(n => Uri.CheckHostName(n) == UriHostNameType.Dns).Distinct()];
        var request = new CertificateRequest(
            new X500DistinguishedName($"CN={names.FirstOrDefault() ?? "localhost"}, O=Holdfast"), key,
            HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string name in names.Prepend("localhost").Distinct())
        {
            alternatives.AddDnsName(name);
        }

        alternatives.AddIpAddress(IPAddress.Loopback);
        alternatives.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], false));
        DateTimeOffset now = clock.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1000));
        return new CertificatePems(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>A certificate with its key, ready for TLS. Throws CryptographicException on wrong PEM.</summary>
    public static X509Certificate2 Load(CertificatePems pems) =>
        X509Certificate2.CreateFromPem(pems.CertificatePem, pems.KeyPem);

    /// <summary>SHA-256 of the DER certificate: 32 lower-case hex pairs joined by `:`.</summary>
    public static string Fingerprint(X509Certificate2 certificate) =>
        string.Join(':', certificate.GetCertHash(HashAlgorithmName.SHA256).Select(b => b.ToString("x2")));

    /// <summary>Lower case, with colons; null where the text is no SHA-256 fingerprint.</summary>
    public static string? NormaliseFingerprint(string text)
    {
        string hex = text.Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();
        return hex.Length == 64 && hex.All(char.IsAsciiHexDigit)
            ? string.Join(':', hex.Chunk(2).Select(pair => new string(pair)))
            : null;
    }
}
