// Opens every datastore that the ledger names, makes the ones that are new, and compares each with the ledger before anybody may use it.
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The start of all datastores.</summary>
public sealed class DatastoreOpening(StoreOpening opening, DatastoreRegistry stores, Reconciliation reconciliation, ILogger log)
{
    /// <summary>Opens and reconciles all. A datastore that can't be opened stays away, with a line that says why; the others serve. One whose data is to be
    /// destroyed is not opened any more.</summary>
    public async Task<ReconciliationReport> OpenAllAsync(DatastoresState datastores)
    {
        var report = ReconciliationReport.Nothing;
        foreach (var facts in datastores.Stores.Values.Where(facts => facts.Maintenance is not { Type: "delete" }))
        {
            try
            {
                var store = new OpenDatastore(facts.Name, opening.Open(facts, mayMake: !reconciliation.Knows(facts.Name)));
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
}
