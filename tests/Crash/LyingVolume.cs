// A disk that says "synced" and did nothing, or forgets to make names durable: the planted bugs that the harness must catch, as it would catch a product
// that left out the call.
using Holdfast.Storage;

namespace Holdfast.Tests.Crash;

internal class LyingVolume(SimulatedVolume disk, bool skipSyncAll, bool skipSyncFolder) : Volume
{
    protected override VolumeFile OpenCore(string path, FileUse use, int mode) => disk.Open(path, use, mode);

    protected override void MakeFolderCore(string path, int mode) => disk.MakeFolder(path, mode);

    protected override void RenameCore(string from, string to) => disk.Rename(from, to);

    protected override void UnlinkCore(string path) => disk.Unlink(path);

    protected override void RemoveFolderCore(string path) => disk.RemoveFolder(path);

    protected override List<VolumeEntry> ListCore(string path, int maxEntries) => disk.List(path, maxEntries);

    protected override bool TryStatCore(string path, out VolumeStat stat) => disk.TryStat(path, out stat);

    protected override bool TouchCore(string path) => disk.Touch(path);

    protected override void SyncFolderCore(string path)
    {
        if (!skipSyncFolder)
        {
            disk.SyncFolder(path);
        }
    }

    protected override void SyncAllCore()
    {
        if (!skipSyncAll)
        {
            disk.SyncAll();
        }
    }

    protected override VolumeSpace SpaceCore() => disk.Space();

    protected override IDisposable? TryLockCore(string path, LockMode mode, LockKind kind) => disk.TryLock(path, mode, kind);

    protected override bool TryChangeLockCore(IDisposable held, LockMode mode) => disk.TryChangeLock(held, mode);

    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>A disk that shows indexes in the first snapshot of a minute only, while it is asked to.</summary>
internal sealed class OverlookingVolume(SimulatedVolume disk, Func<bool> isOverlooking) : LyingVolume(disk, false, false)
{
    protected override List<VolumeEntry> ListCore(string path, int maxEntries)
    {
        var entries = base.ListCore(path, maxEntries);
        return isOverlooking() && !path.Contains("00Z", StringComparison.Ordinal)
            ? entries.FindAll(entry => !entry.Name.EndsWith(".didx", StringComparison.Ordinal))
            : entries;
    }
}
