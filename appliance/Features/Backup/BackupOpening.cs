// How a backup session comes to be: PBS's checks in PBS's order (pbs-protocol.md 2.3), the leases, the decision in the ledger, and only then the folder.
// What was taken before a refusal is given back.
using Holdfast.Features.Access;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Sessions;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Backup;

/// <summary>Opens backup sessions.</summary>
public sealed class BackupOpening(
    Permissions permissions, DatastoreRegistry stores, Func<DatastoresState> datastores, Func<SnapshotsState> snapshots, Leases leases,
    Recorder recorder, TaskRunner tasks, Reconciliation reconciliation, AbortBackup abort, ChunkCalls calls, TimeProvider clock) : ISessionKind
{
    private const int AttemptsMax = 3;
    private const string BenchmarkGroup = "host/benchmark";

    public string Path => "backup";

    public string Protocol => "proxmox-backup-protocol-v1";

    public async Task<IUpgradedSession> OpenAsync(SessionWish wish, CancellationToken cancel)
    {
        var store = Check(wish);
        if (!recorder.Ledger.IsAvailable)
        {
            throw new ApiException(503, LedgerAway.Text);
        }

        List<IDisposable> held = [];
        try
        {
            held.Add(leases.TryGroup(wish.Group) ?? throw Locked(wish.Group, "another backup or prune of the group is running"));
            var session = await StartAsync(wish, store, held, cancel).ConfigureAwait(false);
            return new BackupConnection(session, calls, abort, tasks);
        }
        catch (Exception error)
        {
            foreach (var lease in Enumerable.Reverse(held))
            {
                lease.Dispose();
            }

            if (error is StorageException fault)
            {
                await stores.SawAsync(store, fault).ConfigureAwait(false);
                throw new ApiException(fault.Message);
            }

            if (error is LedgerUnavailableException)
            {
                throw new ApiException(503, LedgerAway.Text);
            }

            throw;
        }
    }

    private OpenDatastore Check(SessionWish wish)
    {
        var path = wish.Group.AclPath;
        if ((permissions.On(path, wish.Caller) & Privileges.DatastoreBackup) == 0)
        {
            throw new ApiException(403, $"missing permissions 'Datastore.Backup' on '{path}'");
        }

        var store = stores.FindForWriting(wish.Group.Store, out var problem) ?? throw new ApiException(problem);
        SessionGate.CheckProtocol(wish, Protocol);
        if (!datastores().Stores.TryGetValue(wish.Group.Store, out var facts) || !facts.HasNamespace(wish.Group.Ns))
        {
            throw new ApiException(404, "namespace not found");
        }

        store.Guard.Configure(facts);
        if (store.Guard.Refuse() is { } full)
        {
            throw new ApiException(full);
        }

        if (wish.Benchmark != (wish.Group.ToString() == BenchmarkGroup))
        {
            throw new ApiException(wish.Benchmark
                ? $"unable to run benchmark in group '{wish.Group}', only '{BenchmarkGroup}' is allowed"
                : $"backup group '{BenchmarkGroup}' is for benchmarks only");
        }

        return store;
    }

    private async Task<BackupSession> StartAsync(SessionWish wish, OpenDatastore store, List<IDisposable> held, CancellationToken cancel)
    {
        if (store.Doubtful.Contains(wish.Group))
        {
            await reconciliation.ReconcileGroupAsync(store, wish.Group).ConfigureAwait(false);
        }

        var upid = tasks.NextUpid("backup", $"{wish.Group.Store}:{wish.Group}", wish.Caller.AuthId);
        for (var attempt = 1; ; attempt++)
        {
            var decision = BackupDecider.Decide(
                snapshots().Find(wish.Group), new StartBackup(wish.Group, wish.BackupTime, wish.Caller.AuthId, upid.ToString(), wish.Benchmark));
            if (decision is BackupDecision.Refused refused)
            {
                throw new ApiException(refused.Text);
            }

            var accepted = (BackupDecision.Accepted)decision;
            Hold(wish, store, accepted, held);
            var outcome = await recorder.DecideAsync(wish.Group.Stream, accepted.ExpectedVersion,
                [Event.Of(accepted.Event, wish.Caller.Because(upid.ToString(), upid.ToString()))], default, cancel).ConfigureAwait(false);
            if (outcome is AppendOutcome.Appended)
            {
                return await MakeFolderAsync(wish, store, accepted, upid, held).ConfigureAwait(false);
            }

            if (attempt == AttemptsMax)
            {
                throw Locked(wish.Group, "the group keeps changing");
            }
        }
    }

    /// <summary>The base is held against removal, the group's folder against another program; once, however often the decision is taken.</summary>
    private void Hold(SessionWish wish, OpenDatastore store, BackupDecision.Accepted accepted, List<IDisposable> held)
    {
        if (held.Count > 1)
        {
            return;
        }

        var (ns, group) = (wish.Group.Namespace, wish.Group.Group);
        if (store.Bytes.SnapshotExists(ns, wish.Group.At(wish.BackupTime)))
        {
            throw new ApiException("backup directory already exists.");
        }

        store.Bytes.CreateGroup(ns, group, accepted.Event.Owner);
        held.Add(store.Bytes.TryLockGroup(ns, group) ?? throw Locked(wish.Group, "another program holds its folder"));
        if (accepted.Base is { } previous)
        {
            held.Add(leases.TryShare(wish.Group, previous.BackupTime) ?? throw Locked(wish.Group, "its last snapshot is being removed"));
        }
    }

    private async Task<BackupSession> MakeFolderAsync(
        SessionWish wish, OpenDatastore store, BackupDecision.Accepted accepted, Upid upid, List<IDisposable> held)
    {
        try
        {
            var folder = store.Bytes.CreateSnapshot(wish.Group.Namespace, wish.Group.At(wish.BackupTime));
            held.Add(leases.TryOwn(wish.Group, wish.BackupTime) ?? throw Locked(wish.Group, "the snapshot is in use"));
            return new BackupSession(
                wish.Group, wish.BackupTime, upid, wish.Caller, store, folder, accepted.Base, wish.Benchmark, clock.GetTimestamp(), [.. held]);
        }
        catch (Exception error) when (error is StorageException or ApiException)
        {
            await abort.RecordAsync(store, wish.Group, wish.BackupTime, error.Message, wish.Caller.Because(upid.ToString(), upid.ToString()))
                .ConfigureAwait(false);
            throw;
        }
    }

    private static ApiException Locked(GroupKey group, string why) =>
        new($"unable to acquire lock on backup group '{group}' - {why}");
}
