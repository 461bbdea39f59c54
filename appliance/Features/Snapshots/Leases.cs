// Who holds which group and snapshot right now: in memory, owned by sessions, gone with the process. A group has one writer; a snapshot has many
// readers or one who removes it. Nothing waits: a taken lease is refused at once, as PBS does.
namespace Holdfast.Features.Snapshots;

/// <summary>Leases on groups (exclusive) and snapshots (shared or exclusive).</summary>
public sealed class Leases
{
    private const int Exclusive = -1;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim[] manifests = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];
    private readonly HashSet<GroupKey> groups = [];
    private readonly Dictionary<(GroupKey Group, long BackupTime), int> snapshots = [];
    private readonly Dictionary<string, int> kept = new(StringComparer.Ordinal);
    private readonly List<(GroupKey Group, long BackupTime)> givenBack = [];

    /// <summary>The group for one writer, or null if another has it.</summary>
    public IDisposable? TryGroup(GroupKey key)
    {
        lock (gate)
        {
            return groups.Add(key) ? new Release(() => groups.Remove(key), gate) : null;
        }
    }

    /// <summary>The snapshot for reading (a restore, the base of a backup), or null while somebody removes it.</summary>
    public IDisposable? TryShare(GroupKey key, long backupTime)
    {
        lock (gate)
        {
            var holders = snapshots.GetValueOrDefault((key, backupTime));
            if (holders == Exclusive)
            {
                return null;
            }

            snapshots[(key, backupTime)] = holders + 1;
            return new Release(() => GiveBack((key, backupTime)), gate);
        }
    }

    /// <summary>Until disposed, every snapshot of the store that is or will be shared stays shared, even if who shares it gives it back: a collection that
    /// marks has not seen yet what a backup took over from it.</summary>
    public IDisposable KeepShares(string store)
    {
        lock (gate)
        {
            kept[store] = kept.GetValueOrDefault(store) + 1;
            return new Release(() => LetGo(store), gate);
        }
    }

    /// <summary>The snapshot for changing or removing it, or null while anybody holds it.</summary>
    public IDisposable? TryOwn(GroupKey key, long backupTime)
    {
        lock (gate)
        {
            return snapshots.TryAdd((key, backupTime), Exclusive)
                ? new Release(() => snapshots.Remove((key, backupTime)), gate)
                : null;
        }
    }

    /// <summary>The turn to rewrite the snapshot's manifest, or null if others did not finish in time. Snapshots may share a turn.</summary>
    public async Task<IDisposable?> LockManifestAsync(GroupKey key, long backupTime, TimeSpan patience)
    {
        var turn = TurnOf(key, backupTime);
        return await turn.WaitAsync(patience).ConfigureAwait(false) ? new Release(() => turn.Release(), gate) : null;
    }

    /// <summary>Has somebody the turn of the snapshot's manifest (or of one that shares it)?</summary>
    public bool IsManifestBusy(GroupKey key, long backupTime) => TurnOf(key, backupTime).CurrentCount == 0;

    private SemaphoreSlim TurnOf(GroupKey key, long backupTime) => manifests[(uint)HashCode.Combine(key, backupTime) % manifests.Length];

    private void GiveBack((GroupKey Group, long BackupTime) snapshot)
    {
        if (kept.ContainsKey(snapshot.Group.Store))
        {
            givenBack.Add(snapshot);
        }
        else
        {
            ReleaseShare(snapshot);
        }
    }

    private void LetGo(string store)
    {
        if (--kept[store] > 0)
        {
            return;
        }

        kept.Remove(store);
        foreach (var snapshot in givenBack.Where(snapshot => snapshot.Group.Store == store))
        {
            ReleaseShare(snapshot);
        }

        givenBack.RemoveAll(snapshot => snapshot.Group.Store == store);
    }

    private void ReleaseShare((GroupKey Group, long BackupTime) snapshot)
    {
        if (--snapshots[snapshot] == 0)
        {
            snapshots.Remove(snapshot);
        }
    }

    private sealed class Release(Action release, Lock gate) : IDisposable
    {
        private Action? pending = release;

        public void Dispose()
        {
            lock (gate)
            {
                pending?.Invoke();
                pending = null;
            }
        }
    }
}
