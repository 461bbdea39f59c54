// The walk through a tree that is archived: folders depth first, children by name, rules and mount points decided here. It runs ahead of the archive by as
// many steps as its reader takes.
namespace Holdfast.Storage;

/// <summary>One step of a walk.</summary>
internal abstract record Step
{
    public sealed record FolderStart(byte[] Name, PxarMetadata Metadata) : Step;

    public sealed record FolderEnd(bool IsRoot) : Step;

    /// <summary>A link, device, fifo or socket.</summary>
    public sealed record Other(byte[] Name, NodeStat Stat, byte[] Target) : Step;

    /// <summary>Plain files of one folder, being read.</summary>
    /// <param name="Folder">Path of the folder with a slash behind, none in front; empty for the root.</param>
    public sealed record Run(Task<TreeEntries> Entries, byte[] Folder, Action<byte[], string> Tell) : Step;
}

internal sealed class TreeWalk : IDisposable
{
    private static ReadOnlySpan<byte> ExcludeName => ".pxarexclude"u8;

    private readonly Stack<Level> levels = new();
    private readonly HashSet<ulong>? devices;
    private readonly TreeOptions options;
    private readonly CancellationToken cancel;
    private int entriesOpen;

    public TreeWalk(string path, TreeOptions options, CancellationToken cancel)
    {
        (this.options, this.cancel) = (options, cancel);
        UserRules = options.Rules.Count;
        var node = TreeNode.OpenFolder(path);
        try
        {
            var stat = node.Stat();
            var type = node.FileSystemType();
            if (NodeMetadata.IsVirtual(type))
            {
                throw new RefusedException($"{path} is a virtual file system: there is nothing to back up");
            }

            Root = NodeMetadata.Read(node, stat, type);
            devices = options.AllFileSystems ? null : [stat.Device, .. options.IncludedMounts.Select(DeviceOf)];
            levels.Push(new Level(node, [], type, stat.Device, options.Tell));
        }
        catch
        {
            node.Dispose();
            throw;
        }
    }

    /// <summary>Metadata of the root folder.</summary>
    public PxarMetadata Root { get; }

    /// <summary>Rules that the user gave, in front of those of files.</summary>
    public int UserRules { get; }

    public void Dispose()
    {
        foreach (var level in levels)
        {
            level.Release();
        }

        levels.Clear();
        options.Rules.Truncate(UserRules);
    }

    /// <summary>All steps; can be asked for once.</summary>
    public IEnumerable<Step> Steps()
    {
        Enter(levels.Peek());
        while (levels.TryPeek(out var level))
        {
            cancel.ThrowIfCancellationRequested();
            if (level.Names.Count == level.Next)
            {
                Leave(levels.Pop());
                yield return new Step.FolderEnd(levels.Count == 0);
                continue;
            }

            if (level.Names[level.Next].Type == 8)
            {
                yield return StartRun(level);
                continue;
            }

            var name = level.Names[level.Next++].Name;
            if (Look(level, name) is { } step)
            {
                yield return step;
            }
        }
    }

    private static ulong DeviceOf(string path)
    {
        using var node = TreeNode.OpenFolder(path);
        return node.Stat().Device;
    }

    /// <summary>Names and rules of a folder that was just opened.</summary>
    private void Enter(Level level)
    {
        level.RulesBefore = options.Rules.Count;
        ReadRules(level);
        var names = level.Node.List(options.MaxEntries);
        if (levels.Count == 1)
        {
            names.RemoveAll(static one => one.Name.AsSpan().SequenceEqual(".pxarexclude-cli"u8));
        }

        if (options.Rules.Count > 0)
        {
            names.RemoveAll(one => IsExcluded(level, one));
        }

        entriesOpen += names.Count;
        if (entriesOpen > options.MaxEntries)
        {
            throw new RefusedException($"more than {options.MaxEntries} entries in the folders on the way: raise --entries-max");
        }

        names.Sort(static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        level.Names = names;
    }

    private void Leave(Level level)
    {
        entriesOpen -= level.Names.Count;
        options.Rules.Truncate(level.RulesBefore);
        level.Release();
    }

    private bool IsExcluded(Level level, FolderName one)
    {
        byte[] path = [(byte)'/', .. level.Path, .. one.Name];
        return options.Rules.Decide(path, () => one.MayBeFolder
            && (one.Type == 4 || level.Node.TryStat(one.Name)?.Kind == PxarKind.Folder)) == false;
    }

    private void ReadRules(Level level)
    {
        TreeNode file;
        try
        {
            file = level.Node.Open(ExcludeName, TreeNode.Use.Read);
        }
        catch (VolumeException fault) when (TreeSource.Reason(fault) is not null)
        {
            if (fault.Error != VolumeError.NotFound)
            {
                level.Tell(ExcludeName.ToArray(), "its rules can't be read and do not hold");
            }

            return;
        }

        using (file)
        {
            var stat = file.Stat();
            if (stat.Kind != PxarKind.File || stat.SizeBytes > PathRules.MaxFileBytes)
            {
                level.Tell(ExcludeName.ToArray(), "is no file of rules: they do not hold");
                return;
            }

            var content = new byte[stat.SizeBytes];
            var path = level.Path.AsSpan();
            options.Rules.AddFile(
                content.AsSpan(0, file.Read(content, 0)), path.IsEmpty ? path : (byte[])[(byte)'/', .. path[..^1]], options.Tell);
        }
    }

    /// <summary>Starts to read as many plain files as a run takes.</summary>
    private Step.Run StartRun(Level level)
    {
        var names = new List<byte[]>(TreeEntries.MaxFiles);
        while (level.Next < level.Names.Count && names.Count < TreeEntries.MaxFiles && level.Names[level.Next].Type == 8)
        {
            names.Add(level.Names[level.Next++].Name);
        }

        level.Hold();
        return new Step.Run(
            Task.Run(() =>
            {
                try
                {
                    return TreeEntries.Read(level.Node, names, level.FileSystemType, level.Tell);
                }
                finally
                {
                    level.Release();
                }
            }, CancellationToken.None), level.Path, level.Tell);
    }

    /// <summary>A folder, something special, or a name of which the file system did not say what it is.</summary>
    private Step? Look(Level level, byte[] name)
    {
        NodeStat? found;
        try
        {
            found = level.Node.TryStat(name);
        }
        catch (VolumeException fault) when (TreeSource.Reason(fault) is { } reason)
        {
            level.Tell(name, reason);
            return null;
        }

        switch (found?.Kind)
        {
            case null:
                level.Tell(name, found is null ? "vanished while the folder was read: left out" : "is of no kind that an archive knows: left out");
                return null;
            case PxarKind.Folder:
                return EnterFolder(level, name);
            case PxarKind.File:
                level.Names[--level.Next] = new FolderName(name, 8);
                return StartRun(level);
            case PxarKind.Symlink:
                return Link(level, name, found.Value);
            default:
                return new Step.Other(name, found.Value, []);
        }
    }

    private static Step.Other? Link(Level level, byte[] name, in NodeStat stat)
    {
        try
        {
            return new Step.Other(name, stat, level.Node.ReadLink(name));
        }
        catch (VolumeException fault) when (TreeSource.Reason(fault) is not null || fault.Errno == LibC.Einval)
        {
            level.Tell(name, TreeSource.Reason(fault) ?? "became something else while the folder was read: left out");
            return null;
        }
    }

    private Step.FolderStart? EnterFolder(Level level, byte[] name)
    {
        var node = TreeSource.TryOpen(level.Node, name, TreeNode.Use.Read, level.Tell);
        if (node is null)
        {
            return null;
        }

        Level? entered = null;
        try
        {
            var stat = node.Stat();
            if (stat.Kind != PxarKind.Folder)
            {
                level.Tell(name, "became something else while the folder was read: left out");
                return null;
            }

            if (levels.Count > PxarFormat.MaxDepth)
            {
                throw new RefusedException($"{TreeArchiver.Show(level.Path, name)}: folders are nested deeper than {PxarFormat.MaxDepth}");
            }

            var type = stat.Device == level.Device ? level.FileSystemType : node.FileSystemType();
            var metadata = NodeMetadata.Read(node, stat, type);
            entered = new Level(node, [.. level.Path, .. name, (byte)'/'], type, stat.Device, options.Tell);
            levels.Push(entered);
            if (stat.Device != level.Device && (NodeMetadata.IsVirtual(type) || devices?.Contains(stat.Device) == false))
            {
                level.Tell(name, "is another file system: its content is left out");
                entered.RulesBefore = options.Rules.Count;
            }
            else
            {
                Enter(entered);
            }

            return new Step.FolderStart(name, metadata);
        }
        finally
        {
            if (entered is null)
            {
                node.Dispose();
            }
        }
    }

    /// <summary>An open folder of the walk; its node is closed when the walk has left it and the last run was read.</summary>
    private sealed class Level(TreeNode node, byte[] path, long fileSystemType, ulong device, Action<string> tell)
    {
        private int holders = 1;

        public TreeNode Node => node;

        /// <summary>With a slash behind, none in front; empty for the root.</summary>
        public byte[] Path => path;

        public long FileSystemType => fileSystemType;

        public ulong Device => device;

        public List<FolderName> Names { get; set; } = [];

        public int Next { get; set; }

        public int RulesBefore { get; set; }

        public void Tell(byte[] name, string reason) => tell($"{TreeArchiver.Show(path, name)}: {reason}");

        public void Hold() => Interlocked.Increment(ref holders);

        public void Release()
        {
            if (Interlocked.Decrement(ref holders) == 0)
            {
                node.Dispose();
            }
        }
    }
}
