// A volume in memory that treats unsynced data as a disk may: Crash(seed) keeps some of it, tears it, loses or reorders
// folder entries. Any call can be made to fail with any errno, the volume can fill up, and power can be cut at a call.
// It obeys only what POSIX promises: fsync of a file does not make its name durable, fsync of a folder does.
namespace Holdfast.Storage;

/// <summary>One call as a fault rule sees it; numbers count from 1.</summary>
public readonly record struct VolumeCall(int Number, string Operation, string Path);

/// <summary>The power went away: no call returns any more. Not a StorageException, so that nobody handles it.</summary>
public sealed class SimulatedPowerCutException() : Exception("simulated power cut");

/// <summary>In-memory <see cref="Volume"/> with faults. Files up to 2 GiB.</summary>
public sealed partial class SimulatedVolume : Volume
{
    private const long StartTimeNs = 1_700_000_000_000_000_000;

    private readonly object gate = new();
    private readonly SimulatedNode root;
    private readonly List<NameChange> pendingNames = [];
    private readonly HashSet<SimulatedNode> dirty = [];
    private ulong nextInode = 2;
    private long clockNs = StartTimeNs;
    private long usedBytes;

    public SimulatedVolume() => root = new SimulatedNode(1, EntryKind.Folder, 0x1ED);

    /// <summary>Number of calls so far.</summary>
    public int Calls { get; private set; }

    /// <summary>Power is cut instead of executing this call and every later one; 0 = never.</summary>
    public int CutAtCall { get; set; }

    /// <summary>Errno with which a call fails, 0 to let it pass. A failed sync loses what it should have
    /// saved.</summary>
    public Func<VolumeCall, int>? Fault { get; set; }

    /// <summary>Bytes that fit; a write beyond fails with NoSpace.</summary>
    public long CapacityBytes { get; set; } = long.MaxValue;

    /// <summary>What <see cref="Volume.Space"/> says about inodes; nothing is counted.</summary>
    public long? FreeInodes { get; set; }

    /// <summary>As on NFS: flock is a record lock, so that the two kinds meet on one file.</summary>
    public bool LocksAreOne { get; set; }

    protected override VolumeFile OpenCore(string path, FileUse use, int mode)
    {
        lock (gate)
        {
            Enter(use == FileUse.Read ? "open" : "create", path);
            var (folder, name) = Locate(path, "open");
            var exists = folder.Entries.TryGetValue(name, out var node);
            if (exists && use == FileUse.CreateNew)
            {
                throw Error("open", path, 17);
            }

            if (!exists)
            {
                if (use is FileUse.Read or FileUse.Write)
                {
                    throw Error("open", path, 2);
                }

                node = New(EntryKind.File, mode);
                Change(new NameStep(folder, name, node));
            }

            if (node!.Kind != EntryKind.File)
            {
                throw Error("open", path, 21);
            }

            if (exists && use == FileUse.Create)
            {
                Truncate(node, 0, path);
            }

            return new SimulatedFile(this, node, path, use != FileUse.Read);
        }
    }

    protected override void MakeFolderCore(string path, int mode)
    {
        lock (gate)
        {
            Enter("mkdir", path);
            var (folder, name) = Locate(path, "mkdir");
            if (folder.Entries.ContainsKey(name))
            {
                throw Error("mkdir", path, 17);
            }

            Change(new NameStep(folder, name, New(EntryKind.Folder, mode)));
        }
    }

    protected override void RenameCore(string from, string to)
    {
        lock (gate)
        {
            Enter("rename", to);
            var (fromFolder, fromName) = Locate(from, "rename");
            var (toFolder, toName) = Locate(to, "rename");
            if (!fromFolder.Entries.TryGetValue(fromName, out var node))
            {
                throw Error("rename", from, 2);
            }

            if (toFolder.Entries.TryGetValue(toName, out var old))
            {
                if (old.Kind != node.Kind)
                {
                    throw Error("rename", to, old.Kind == EntryKind.Folder ? 21 : 20);
                }

                if (old.Entries.Count > 0)
                {
                    throw Error("rename", to, 39);
                }

                Forget(old);
            }

            Change(new NameStep(fromFolder, fromName, null), new NameStep(toFolder, toName, node));
        }
    }

    protected override void UnlinkCore(string path) => Remove(path, "unlink", EntryKind.File);

    protected override void RemoveFolderCore(string path) => Remove(path, "rmdir", EntryKind.Folder);

    protected override List<VolumeEntry> ListCore(string path, int maxEntries)
    {
        lock (gate)
        {
            Enter("list", path);
            var folder = Find(path) ?? throw Error("list", path, 2);
            if (folder.Kind != EntryKind.Folder)
            {
                throw Error("list", path, 20);
            }

            return folder.Entries.Count <= maxEntries
                ? folder.Entries.Select(e => new VolumeEntry(e.Key, e.Value.Kind)).ToList()
                : throw new VolumeException(VolumeError.TooManyEntries, 0, "list", path);
        }
    }

    protected override bool TryStatCore(string path, out VolumeStat stat)
    {
        lock (gate)
        {
            Enter("stat", path);
            stat = default;
            if (Find(path) is not { } node)
            {
                return false;
            }

            stat = new VolumeStat(
                node.Kind, node.Length, node.AccessTimeNs, node.ModifyTimeNs, node.Mode, node.Inode);
            return true;
        }
    }

    protected override bool TouchCore(string path)
    {
        lock (gate)
        {
            Enter("touch", path);
            if (Find(path) is not { } node)
            {
                return false;
            }

            node.AccessTimeNs = clockNs;
            return true;
        }
    }

    protected override void SyncFolderCore(string path)
    {
        lock (gate)
        {
            var folder = Find(path) ?? throw Error("open folder", path, 2);
            try
            {
                Enter("fsync folder", path);
            }
            catch (VolumeException)
            {
                pendingNames.RemoveAll(c => c.Touches(folder));
                MarkFailed();
                throw;
            }

            SyncNames(folder);
        }
    }

    protected override void SyncAllCore()
    {
        lock (gate)
        {
            try
            {
                Enter("syncfs", "");
            }
            catch (VolumeException)
            {
                pendingNames.Clear();
                foreach (var node in dirty)
                {
                    node.LosePending();
                }

                MarkFailed();
                throw;
            }

            foreach (var change in pendingNames)
            {
                change.Apply(durable: true);
            }

            pendingNames.Clear();
            foreach (var node in dirty)
            {
                node.MakeDurable();
            }

            dirty.Clear();
        }
    }

    protected override VolumeSpace SpaceCore()
    {
        lock (gate)
        {
            Enter("statvfs", "");
            return new VolumeSpace(CapacityBytes, usedBytes, Math.Max(0, CapacityBytes - usedBytes)) { FreeInodes = FreeInodes };
        }
    }

    protected override IDisposable? TryLockCore(string path, LockMode mode, LockKind kind)
    {
        lock (gate)
        {
            Enter("lock", path);
            var node = Find(path) ?? throw Error("lock", path, 2);
            if (node.Locks.Exists(l => (l.Kind == kind || LocksAreOne) && (mode == LockMode.Exclusive || l.Mode == LockMode.Exclusive)))
            {
                return null;
            }

            var held = new HeldLock(this, node);
            node.Locks.Add((mode, kind, held));
            return held;
        }
    }

    protected override bool TryChangeLockCore(IDisposable held, LockMode mode)
    {
        lock (gate)
        {
            Enter("lock", "");
            return ((HeldLock)held).TryChange(mode);
        }
    }

    protected override void Dispose(bool disposing)
    {
        // Memory only.
    }

    private static VolumeException Error(string operation, string path, int errno) =>
        new(VolumeException.Classify(errno), errno, operation, path);

    /// <summary>Counts the call, advances the clock, and fails or cuts power where a rule says so.</summary>
    private void Enter(string operation, string path)
    {
        Calls++;
        clockNs += 1_000_000;
        if (CutAtCall > 0 && Calls >= CutAtCall)
        {
            throw new SimulatedPowerCutException();
        }

        var errno = Fault?.Invoke(new VolumeCall(Calls, operation, path)) ?? 0;
        if (errno != 0)
        {
            throw Error(operation, path, errno);
        }
    }

    private SimulatedNode New(EntryKind kind, int mode) =>
        new(nextInode++, kind, mode) { AccessTimeNs = clockNs, ModifyTimeNs = clockNs };

    private SimulatedNode? Find(string path)
    {
        var node = root;
        if (path.Length == 0)
        {
            return node;
        }

        foreach (var part in path.Split('/'))
        {
            if (!node.Entries.TryGetValue(part, out var next))
            {
                return null;
            }

            node = next;
        }

        return node;
    }

    private (SimulatedNode Folder, string Name) Locate(string path, string operation)
    {
        var slash = path.LastIndexOf('/');
        var folder = slash < 0 ? root : Find(path[..slash]) ?? throw Error(operation, path, 2);
        return folder.Kind == EntryKind.Folder && path.Length > 0
            ? (folder, path[(slash + 1)..])
            : throw Error(operation, path, 20);
    }

    private void Remove(string path, string operation, EntryKind kind)
    {
        lock (gate)
        {
            Enter(operation, path);
            var (folder, name) = Locate(path, operation);
            if (!folder.Entries.TryGetValue(name, out var node))
            {
                throw Error(operation, path, 2);
            }

            if (node.Kind != kind)
            {
                throw Error(operation, path, kind == EntryKind.File ? 21 : 20);
            }

            if (node.Entries.Count > 0)
            {
                throw Error(operation, path, 39);
            }

            Forget(node);
            Change(new NameStep(folder, name, null));
        }
    }
}
