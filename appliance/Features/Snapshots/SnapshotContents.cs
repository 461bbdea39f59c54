// From a manifest to what the ledger keeps of a snapshot's content.
using Holdfast.Storage;

namespace Holdfast.Features.Snapshots;

/// <summary>Makes <see cref="SnapshotContent"/>.</summary>
public static class SnapshotContents
{
    /// <param name="manifestBytes">Size of the manifest's file, as listings show it.</param>
    public static SnapshotContent Of(Manifest manifest, long manifestBytes, bool isProtected)
    {
        List<SnapshotFile> files =
        [
            .. manifest.Files.Select(file => new SnapshotFile(file.Name, file.CryptModeText, file.SizeBytes, file.Csum.ToString())),
            new SnapshotFile(SnapshotJson.ManifestName, manifest.Signature is null ? "none" : "sign-only", manifestBytes, null),
        ];
        return new SnapshotContent(
            files, manifest.KeyFingerprint, manifest.Notes, manifest.VerifyState?.State, manifest.VerifyState?.Upid, isProtected);
    }

    /// <summary>Is an index on disk the one that the ledger knows? Recomputes its checksum: what it names is about to be trusted.</summary>
    /// <exception cref="CorruptDataException">It is another, or it contradicts its own header.</exception>
    public static void CheckIndex(IndexReader index, SnapshotContent content, string name)
    {
        var actual = index.ComputeCsum();
        var expected = content.Files.FirstOrDefault(file => file.Filename == name)?.Csum ?? index.Csum.ToString();
        if (actual != index.Csum || actual.ToString() != expected)
        {
            throw new CorruptDataException(name, $"wrong checksum ({actual} instead of {expected})");
        }
    }
}
