// Opens every datastore that the ledger names, makes the ones that are new, and compares each with the ledger before anybody may use it.
using Holdfast.Features.Datastores;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Microsoft.Extensions.Logging;

namespace Holdfast.Host;

/// <summary>The start of all datastores.</summary>
public sealed class DatastoreOpening(StoreOpening opening, DatastoreRegistry stores, Reconciliation reconciliation, TimeProvider clock, ILogger log)
{
    /// <summary>So long a start waits for datastores: what lies on a pool that has stopped never answers, and the others are to serve.</summary>
    private static readonly TimeSpan AllWithin = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan EachAtLeast = TimeSpan.FromSeconds(5);

    /// <summary>Opens and reconciles all. A datastore that can't be opened stays away, with a line that says why; the others serve. One whose data is to be
    /// destroyed is not opened any more.</summary>
    public async Task<ReconciliationReport> OpenAllAsync(DatastoresState datastores)
    {
        var report = ReconciliationReport.Nothing;
        var started = clock.GetTimestamp();
        foreach (var facts in datastores.Stores.Values.Where(facts => facts.Maintenance is not { Type: "delete" }))
        {
            if (opening.IsRemote(facts.Path))
            {
                // Its server may be silent, and a start waits for nobody: the watch over NFS opens it.
                stores.SetAway(facts.Name, "the mount that it lies on has not been looked at yet");
                continue;
            }

            var opened = Task.Run(() => OpenAsync(facts));
            var left = AllWithin - clock.GetElapsedTime(started);
            try
            {
                report += (await opened.WaitAsync(left > EachAtLeast ? left : EachAtLeast, clock).ConfigureAwait(false)).Report;
            }
            catch (TimeoutException)
            {
                log.LogError("datastore '{Store}' is not open yet: its file system does not answer", facts.Name);
                stores.SetAway(facts.Name, "its file system has not answered since the appliance started");
                _ = ComeLaterAsync(facts.Name, opened);
            }
        }

        if (report != ReconciliationReport.Nothing)
        {
            log.LogWarning("reconciled: {Discovered} snapshots discovered, {Missing} missing, {Aborted} backups aborted, {Removed} remains removed",
                report.Discovered, report.Missing, report.Aborted, report.Removed);
        }

        return report;
    }

    private async Task ComeLaterAsync(string name, Task<(ReconciliationReport, string?)> opened)
    {
        try
        {
            var (_, problem) = await opened.ConfigureAwait(false);
            stores.SetAway(name, problem);
            log.LogWarning("datastore '{Store}' answers now: {Problem}", name, problem ?? "it is open");
        }
        catch (Exception error)
        {
            log.LogError(error, "datastore '{Store}' can't be opened", name);
        }
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
