// How a backup comes to nothing: recorded first, then its folder is removed (write order W5). With the ledger away the folder stays, the group is marked
// doubtful, and reconciliation does both later.
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Backup;

/// <summary>Brings a session to its bad end.</summary>
public sealed class AbortBackup(Recorder recorder, DatastoreRegistry stores)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Records <c>BackupAborted</c> and removes the folder; the session's leases are still held.</summary>
    public async Task RunAsync(BackupSession session, string reason)
    {
        if (session.Store.Doubtful.Contains(session.Group))
        {
            // Its finish is in doubt: it may be a good backup. Only reconciliation may say otherwise.
            return;
        }

        if (!await RecordAsync(session.Store, session.Group, session.BackupTime, reason, session.Metadata).ConfigureAwait(false))
        {
            return;
        }

        try
        {
            session.Store.Bytes.RemoveSnapshot(session.Group.Namespace, session.Group.At(session.BackupTime));
        }
        catch (StorageException error)
        {
            // What is left has no manifest and is removed at the next start (W6).
            await stores.SawAsync(session.Store, error).ConfigureAwait(false);
        }
    }

    /// <summary>Records the abort; false if the ledger is away, and the group is doubtful from now on.</summary>
    public async Task<bool> RecordAsync(OpenDatastore store, GroupKey group, long backupTime, string reason, EventMetadata metadata)
    {
        var aborted = new BackupAborted(group.Store, group.Ns, group.BackupType, group.BackupId, backupTime, reason);
        try
        {
            await recorder.DecideAsync(group.Stream, ExpectedVersion.Any, [Event.Of(aborted, metadata)], Patience, CancellationToken.None)
                .ConfigureAwait(false);
            return true;
        }
        catch (LedgerUnavailableException)
        {
            store.Doubtful.Add(group);
            return false;
        }
    }
}
