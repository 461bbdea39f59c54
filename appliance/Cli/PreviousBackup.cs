// The snapshot that an incremental backup builds on. Nothing about it is trusted before it is checked: manifest, signature
// where there is a key, index checksum. What does not hold is not used, and the backup is a full one.
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Cli;

internal sealed class PreviousBackup
{
    private readonly BackupWriter writer;
    private readonly Manifest? manifest;
    private readonly CryptMode mode;

    private PreviousBackup(BackupWriter writer, Manifest? manifest, CryptMode mode) =>
        (this.writer, this.manifest, this.mode) = (writer, manifest, mode);

    /// <summary>Looks for the previous snapshot of the session's group.</summary>
    public static async Task<PreviousBackup> FindAsync(
        BackupWriter writer, CryptConfig? crypt, CryptMode mode, Action<string> say, CancellationToken cancel)
    {
        Manifest? manifest = null;
        try
        {
            if (await writer.PreviousBackupTimeAsync(cancel) is { } time)
            {
                manifest = Manifest.FromBlob(await writer.PreviousAsync(SafeId.ManifestName, cancel), "previous manifest");
                string? fault = crypt is not null && mode != CryptMode.None ? manifest.CheckSignature(crypt) : null;
                say(fault is null
                    ? $"previous snapshot: {manifest.Snapshot}"
                    : $"previous snapshot of {SnapshotName.FormatTime(time)} is not built on: {fault}");
                manifest = fault is null ? manifest : null;
            }
            else
            {
                say("no previous snapshot: this is a full backup");
            }
        }
        catch (Exception fault) when (fault is PbsException or CorruptDataException)
        {
            say($"previous snapshot is not built on: {Tables.Printable(fault.Message)}");
        }

        return new PreviousBackup(writer, manifest, mode);
    }

    /// <summary>Adds the chunks of the previous archive of that name, if it is good; the server then knows them too.</summary>
    public async Task AddKnownAsync(string archive, KnownDigests known, Action<string> say, CancellationToken cancel)
    {
        if (manifest?.Find(archive) is not { } file || (file.CryptMode == CryptMode.Encrypt) != (mode == CryptMode.Encrypt))
        {
            return;
        }

        try
        {
            byte[] bytes = await writer.PreviousAsync(archive, cancel);
            using IndexReader index = IndexReader.Open(new MemoryFile(archive, bytes));
            if (index.TotalSize != file.SizeBytes || index.ComputeCsum() != file.Csum)
            {
                say($"previous {archive} is not built on: it does not match its manifest");
                return;
            }

            for (int i = 0; i < index.Count; i++)
            {
                known.AddPrevious(index[i].Digest);
            }
        }
        catch (Exception fault) when (fault is PbsException or CorruptDataException)
        {
            say($"previous {archive} is not built on: {Tables.Printable(fault.Message)}");
        }
    }
}
