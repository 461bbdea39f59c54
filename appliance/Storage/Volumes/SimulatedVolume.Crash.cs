// The power-cut half of the simulated volume, its files, and the door for bit rot.
namespace Holdfast.Storage;

public sealed partial class SimulatedVolume
{
    /// <summary>A new volume as the disk may look after power was cut now. The same seed gives the same disk; this
    /// volume is not changed, so one moment can be tried with many seeds.</summary>
    public SimulatedVolume Crash(int seed)
    {
        lock (gate)
        {
            var random = new Random(seed);

            // From "nothing unsynced survives" to "all of it does", and everything between.
            var keep = random.Next(4) switch { 0 => 0.0, 1 => 1.0, 2 => 0.5, _ => random.NextDouble() };
            var names = new Dictionary<SimulatedNode, Dictionary<string, SimulatedNode>>();
            foreach (var change in pendingNames)
            {
                if (random.NextDouble() >= keep)
                {
                    continue;
                }

                foreach (var step in change.Steps)
                {
                    Keep(names, step);
                }
            }

            var after = new SimulatedVolume { nextInode = nextInode, clockNs = clockNs + 1_000_000_000 };
            Copy(root, after.root, names, [], random, keep, after);
            return after;
        }
    }

    /// <summary>Flips one bit of a file, unnoticed by the volume.</summary>
    public void FlipBit(string path, long bit)
    {
        lock (gate)
        {
            (Find(path) ?? throw Error("flip", path, 2)).FlipBit(bit);
        }
    }

    private static void Keep(Dictionary<SimulatedNode, Dictionary<string, SimulatedNode>> names, NameStep step)
    {
        if (!names.TryGetValue(step.Folder, out var entries))
        {
            entries = new Dictionary<string, SimulatedNode>(step.Folder.DurableEntries, StringComparer.Ordinal);
            names[step.Folder] = entries;
        }

        if (step.Node == null)
        {
            entries.Remove(step.Name);
        }
        else
        {
            entries[step.Name] = step.Node;
        }
    }

    private static void Copy(
        SimulatedNode source, SimulatedNode target,
        Dictionary<SimulatedNode, Dictionary<string, SimulatedNode>> names,
        Dictionary<SimulatedNode, SimulatedNode> copies, Random random, double keep, SimulatedVolume after)
    {
        foreach (var (name, node) in names.GetValueOrDefault(source, source.DurableEntries))
        {
            if (!copies.TryGetValue(node, out var copy))
            {
                copy = new SimulatedNode(node.Inode, node.Kind, node.Mode);
                copies[node] = copy;
                node.CrashInto(copy, random, keep);
                after.usedBytes += copy.Length;
                Copy(node, copy, names, copies, random, keep, after);
            }

            target.Entries[name] = copy;
            target.DurableEntries[name] = copy;
        }
    }

    private sealed class SimulatedFile(SimulatedVolume volume, SimulatedNode node, string path, bool writable)
        : VolumeFile
    {
        private bool closed;

        public override string Name => path;

        public override long SizeBytes
        {
            get
            {
                lock (volume.gate)
                {
                    volume.Enter("fstat", path);
                    return node.Length;
                }
            }
        }

        public override int Read(Span<byte> buffer, long offset)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            lock (volume.gate)
            {
                ObjectDisposedException.ThrowIf(closed, this);
                volume.Enter("read", path);
                return node.Read(buffer, offset);
            }
        }

        public override void Write(ReadOnlySpan<byte> data, long offset)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            lock (volume.gate)
            {
                EnterWrite("write");
                var end = Math.Max(node.Length, offset + data.Length);
                volume.Reserve(node, end, path);
                node.Write(data, (int)offset);
                node.ModifyTimeNs = volume.clockNs;
                volume.dirty.Add(node);
            }
        }

        public override void Truncate(long sizeBytes)
        {
            lock (volume.gate)
            {
                EnterWrite("truncate");
                volume.Truncate(node, sizeBytes, path);
            }
        }

        public override void Sync()
        {
            lock (volume.gate)
            {
                volume.EnsureWritable("fsync", path);
                try
                {
                    EnterWrite("fsync");
                }
                catch (VolumeException fault) when (fault.Errno != 9)
                {
                    node.LosePending();
                    volume.MarkFailed();
                    throw;
                }

                node.MakeDurable();
                volume.dirty.Remove(node);
            }
        }

        public override void StartWriteBack()
        {
            // A hint; the simulated disk writes when it likes.
        }

        protected override void Dispose(bool disposing) => closed = true;

        private void EnterWrite(string operation)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            volume.EnsureWritable(operation, path);
            volume.Enter(operation, path);
            if (!writable)
            {
                throw Error(operation, path, 9);
            }
        }
    }
}
