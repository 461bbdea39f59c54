// The bookkeeping of the simulated volume: changes of folder entries and when they become durable, space, locks.
namespace Holdfast.Storage;

public sealed partial class SimulatedVolume
{
    private void Forget(SimulatedNode node) => usedBytes -= node.Length;

    private void Change(params NameStep[] steps)
    {
        var change = new NameChange(steps);
        change.Apply(durable: false);
        pendingNames.Add(change);
        foreach (var step in steps)
        {
            step.Folder.ModifyTimeNs = clockNs;
        }
    }

    /// <summary>Makes all changes of a folder durable, with the older changes of the same names elsewhere.</summary>
    private void SyncNames(SimulatedNode folder)
    {
        var names = new HashSet<(SimulatedNode, string)>();
        var chosen = new List<NameChange>();
        for (var i = pendingNames.Count - 1; i >= 0; i--)
        {
            var change = pendingNames[i];
            if (change.Touches(folder) || change.Steps.Any(s => names.Contains((s.Folder, s.Name))))
            {
                names.UnionWith(change.Steps.Select(s => (s.Folder, s.Name)));
                chosen.Add(change);
                pendingNames.RemoveAt(i);
            }
        }

        for (var i = chosen.Count - 1; i >= 0; i--)
        {
            chosen[i].Apply(durable: true);
        }
    }

    private void Truncate(SimulatedNode node, long sizeBytes, string path)
    {
        Reserve(node, sizeBytes, path);
        node.Truncate((int)sizeBytes);
        node.ModifyTimeNs = clockNs;
        dirty.Add(node);
    }

    private void Reserve(SimulatedNode node, long newLength, string path)
    {
        var growth = newLength - node.Length;
        if (newLength > int.MaxValue - 64 || (growth > 0 && usedBytes + growth > CapacityBytes))
        {
            throw Error("write", path, 28);
        }

        usedBytes += growth;
    }

    private sealed class HeldLock(SimulatedVolume volume, SimulatedNode node) : IDisposable
    {
        public bool TryChange(LockMode mode)
        {
            var own = node.Locks.Find(l => ReferenceEquals(l.Owner, this));
            if (node.Locks.Exists(l => l.Kind == own.Kind && l.Owner != own.Owner && (mode == LockMode.Exclusive || l.Mode == LockMode.Exclusive)))
            {
                return false;
            }

            node.Locks.Remove(own);
            node.Locks.Add((mode, own.Kind, this));
            return true;
        }

        public void Dispose()
        {
            lock (volume.gate)
            {
                node.Locks.RemoveAll(l => ReferenceEquals(l.Owner, this));
            }
        }
    }

    private readonly record struct NameStep(SimulatedNode Folder, string Name, SimulatedNode? Node);

    /// <summary>Folder entries that change together: one, or the two of a rename.</summary>
    private sealed class NameChange(NameStep[] steps)
    {
        public NameStep[] Steps => steps;

        public bool Touches(SimulatedNode folder) => steps.Any(s => s.Folder == folder);

        public void Apply(bool durable)
        {
            foreach (var step in steps)
            {
                var entries = durable ? step.Folder.DurableEntries : step.Folder.Entries;
                if (step.Node == null)
                {
                    entries.Remove(step.Name);
                }
                else
                {
                    entries[step.Name] = step.Node;
                }
            }
        }
    }
}
