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
            if (opening.IsRemote(facts.Path))
            {
                // Its server may be silent, and a start waits for nobody: the watch over NFS opens it.
                stores.SetAway(facts.Name, "the mount that it lies on has not been looked at yet");
                continue;
            }

            report += (await OpenAsync(facts).ConfigureAwait(false)).Report;
        }

        if (report != ReconciliationReport.Nothing)
        {
            log.LogWarning("reconciled: {Discovered} snapshots discovered, {Missing} missing, {Aborted} backups aborted, {Removed} remains removed",
                report.Discovered, report.Missing, report.Aborted, report.Removed);
        }

        return report;
    }

    /// <summary>Opens and reconciles one; says why it can't be, null = it is open.</summary>
    public async Task<string?> OpenLaterAsync(DatastoreFacts facts) => (await OpenAsync(facts).ConfigureAwait(false)).Problem;

    private async Task<(ReconciliationReport Report, string? Problem)> OpenAsync(DatastoreFacts facts)
    {
        try
        {
            var isRemote = opening.IsRemote(facts.Path);
            var bytes = opening.Open(facts, mayMake: !isRemote && !reconciliation.Knows(facts.Name));
            var store = new OpenDatastore(facts.Name, bytes) { IsRemote = isRemote };
            var report = await reconciliation.ReconcileStoreAsync(store).ConfigureAwait(false);
            stores.Add(store);
            return (report, null);
        }
        catch (StorageException error)
        {
            log.LogError("datastore '{Store}' can't be opened: {Problem}", facts.Name, error.Message);
            return (ReconciliationReport.Nothing, $"it can't be opened: {error.Message}");
        }
    }
}
