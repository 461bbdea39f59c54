// One archive as the manifest lists it.
namespace Holdfast.Storage;

/// <summary>How an archive is protected.</summary>
public enum CryptMode
{
    None,
    Encrypt,
    SignOnly,
}

/// <summary>An archive of a snapshot. For an index, csum and size are those of the stream; for a blob they are those
/// of the file, header included.</summary>
public sealed record ManifestFile(string Name, CryptMode CryptMode, long SizeBytes, Digest Csum)
{
    public ArchiveKind Kind =>
        SafeId.TryArchiveKind(Name, out var kind) ? kind : throw new InvalidOperationException("unchecked name");

    public string CryptModeText => CryptMode switch
    {
        CryptMode.Encrypt => "encrypt",
        CryptMode.SignOnly => "sign-only",
        _ => "none",
    };
}
