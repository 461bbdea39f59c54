// How a reader session comes to be, and how it ends: rights, the snapshot's existence, a shared lease, and the two events that tell of it. A restore never
// waits for the ledger: with PostgreSQL away its events are queued (write order W9).
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Sessions;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Features.Verify;
using Holdfast.Wire;

namespace Holdfast.Features.Restore;

/// <summary>Opens reader sessions.</summary>
public sealed class ReaderOpening(
    Permissions permissions, DatastoreRegistry stores, Func<SnapshotsState> snapshots, Leases leases, Recorder recorder, TaskRunner tasks,
    ApiRouter calls, TimeProvider clock, CorruptChunks? corrupt = null) : ISessionKind
{
    public string Path => "reader";

    public string Protocol => "proxmox-backup-reader-protocol-v1";

    public async Task<IUpgradedSession> OpenAsync(SessionWish wish, CancellationToken cancel)
    {
        var key = wish.Group;
        var path = key.AclPath;
        var has = permissions.On(path, wish.Caller);
        if ((has & (Privileges.DatastoreRead | Privileges.DatastoreBackup)) == 0)
        {
            throw new ApiException(403, $"missing permissions 'Datastore.Read|Datastore.Backup' on '{path}'");
        }

        var store = stores.Find(key.Store, out var problem) ?? throw new ApiException(problem);
        SessionGate.CheckProtocol(wish, Protocol);
        var group = snapshots().Find(key);
        if (group is null || !group.Snapshots.TryGetValue(wish.BackupTime, out var snapshot) || snapshot.Missing)
        {
            throw new ApiException($"snapshot {key.SnapshotPath(wish.BackupTime)} does not exist.");
        }

        if ((has & Privileges.DatastoreRead) == 0 && !Ownership.Is(group.Owner, wish.Caller.AuthId))
        {
            throw new ApiException($"backup owner check failed ({wish.Caller.AuthId} != {group.Owner})");
        }

        var lease = leases.TryShare(key, wish.BackupTime)
            ?? throw new ApiException($"unable to acquire lock on snapshot '{key.SnapshotPath(wish.BackupTime)}' - it is being removed");
        var upid = tasks.NextUpid("reader", $"{key.Store}:{key}/{wish.BackupTime:X8}", wish.Caller.AuthId);
        var session = new ReaderSession(key, snapshot, upid, wish.Caller, store, clock.GetTimestamp(), lease);
        await recorder.NoteAsync("session:" + upid, new RestoreStarted(
            key.Store, key.Ns, key.BackupType, key.BackupId, wish.BackupTime, upid.ToString()), Metadata(session)).ConfigureAwait(false);
        return new ReaderConnection(session, calls, recorder, tasks, clock, corrupt);
    }

    private static Ledger.EventMetadata Metadata(ReaderSession session) =>
        session.Caller.Because(session.Upid.ToString(), session.Upid.ToString());

    private sealed class ReaderConnection(
        ReaderSession session, ApiRouter calls, Recorder recorder, TaskRunner tasks, TimeProvider clock, CorruptChunks? corrupt) : IUpgradedSession
    {
        private RunningTask? task;

        public void Attach(Action abort)
        {
            var (key, snapshot) = (session.Group, session.Group.SnapshotPath(session.Snapshot.BackupTime));
            task = tasks.Register(session.Upid, session.Caller, key.Store, key.Ns, abort);
            task.Say($"starting new backup reader datastore '{key.Store}' from {session.Caller.Source}: \"{snapshot}\"");
        }

        public Task HandleAsync(Exchange call) => calls.ServeSessionAsync(call, session);

        public async Task EndAsync(Exception? error)
        {
            try
            {
                if (corrupt is not null)
                {
                    await corrupt.LookAgainAsync(session.Store, session.Suspects, Metadata(session), line => task?.Say(line)).ConfigureAwait(false);
                }
            }
            finally
            {
                // Whatever the look finds: a snapshot that stayed leased could never be removed again.
                await TellEndAsync().ConfigureAwait(false);
            }
        }

        private async Task TellEndAsync()
        {
            session.Dispose();
            var durationMs = (long)clock.GetElapsedTime(session.StartedAt).TotalMilliseconds;
            var summary = session.Summary(durationMs);
            await recorder.NoteAsync("session:" + session.Upid, summary, Metadata(session)).ConfigureAwait(false);
            if (task is not null)
            {
                task.Say($"read {summary.Files.Count} files and {summary.Chunks} chunks, {summary.BytesSent} bytes");
                tasks.Unregister(task, summary.Problem);
            }
        }
    }
}
