// Opens every datastore that the ledger names, makes the ones that are new, and compares each with the ledger before anybody may use it.
using Holdfast.Features.Datastores;
using Holdfast.Features.Settings;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The start of all datastores.</summary>
public sealed class DatastoreOpening(
    ApplianceSettings settings, DataFolder folder, DatastoreRegistry stores, Reconciliation reconciliation, TimeProvider clock, ILogger log)
{
    /// <summary>Opens and reconciles all. A datastore that can't be opened stays away, with a line that says why; the others serve.</summary>
    public async Task<ReconciliationReport> OpenAllAsync(DatastoresState datastores)
    {
        var report = ReconciliationReport.Nothing;
        foreach (var facts in datastores.Stores.Values)
        {
            try
            {
                var store = new OpenDatastore(facts.Name, Open(folder.DatastorePath(facts.Path)));
                report += await reconciliation.ReconcileStoreAsync(store).ConfigureAwait(false);
                stores.Add(store);
            }
            catch (StorageException error)
            {
                log.LogError("datastore '{Store}' can't be opened: {Problem}", facts.Name, error.Message);
            }
        }

        if (report != ReconciliationReport.Nothing)
        {
            log.LogWarning("reconciled: {Discovered} snapshots discovered, {Missing} missing, {Aborted} backups aborted, {Removed} remains removed",
                report.Discovered, report.Missing, report.Aborted, report.Removed);
        }

        return report;
    }

    private Datastore Open(string path)
    {
        if (!Directory.Exists(path))
        {
            // 0755, .chunks below it 0750: a PBS opens a store of no other modes.
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }

        var volume = DiskVolume.OpenFolder(path);
        try
        {
            var options = new DatastoreOptions
            {
                Clock = clock, SyncLevel = settings.SyncEveryFile ? SyncLevel.File : SyncLevel.FileSystem,
            };
            return Directory.Exists(Path.Combine(path, ChunkStore.Folder))
                ? Datastore.Open(volume, options)
                : Datastore.Create(volume, options);
        }
        catch
        {
            volume.Dispose();
            throw;
        }
    }
}
