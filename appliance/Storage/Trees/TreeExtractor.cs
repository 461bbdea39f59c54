// Restores a tree from a pxar archive, wherever the archive came from. Folders, links and special files are made by the walk, small files by other threads.
// The archive can't reach outside the target: each name is one legal path component, everything is made relative to an open folder, files are always new
// ones, and links that the archive made are never followed (not by it, nor by what comes later).
namespace Holdfast.Storage;

/// <summary>One restore. Blocks its thread; give it one of its own.</summary>
public sealed class TreeExtractor : IDisposable
{
    private const int BlockBytes = 1024 * 1024;

    private readonly PxarArchive archive;
    private readonly ExtractOptions options;
    private readonly CancellationToken cancel;
    private readonly FileWriters writers;
    private readonly Stack<(TreeTarget Target, bool Included)> folders = new();
    private readonly Dictionary<long, byte[]> restored = [];
    private readonly TreeTarget root;
    private readonly byte[] block = GC.AllocateUninitializedArray<byte>(BlockBytes);
    private TreeTarget folder;
    private bool isIncluded;
    private FileBatch? batch;

    /// <param name="target">Existing folder.</param>
    public TreeExtractor(PxarArchive archive, string target, ExtractOptions options, CancellationToken cancel)
    {
        (this.archive, this.options, this.cancel) = (archive, options, cancel);
        isIncluded = options.Only is null;
        root = new TreeTarget(TreeNode.OpenFolder(target), isIncluded ? archive.Root.Metadata : null, options, Count);
        folder = root;
        writers = new FileWriters(options, Count, cancel);
    }

    /// <summary>What was made so far.</summary>
    public ExtractCount Count { get; } = new();

    /// <summary>Restores everything that is wanted.</summary>
    /// <exception cref="CorruptDataException">The archive is damaged: what came before is restored.</exception>
    /// <exception cref="VolumeException">The target takes nothing more.</exception>
    public void Run()
    {
        if (options.Only?.Decide("/"u8, static () => true) is { } decided)
        {
            isIncluded = decided;
        }

        var walk = new PxarWalk(archive, archive.Root);
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            cancel.ThrowIfCancellationRequested();
            writers.ThrowIfFailed();
            if (step == PxarStep.FolderEnd)
            {
                Leave();
            }
            else
            {
                Take(walk.Current);
            }
        }

        Flush();
        writers.Drain();
        root.Release();
        options.Progress?.Report(archive.End);
    }

    public void Dispose()
    {
        writers.Dispose();
        batch?.Dispose();
        folder.Drop();
        foreach (var (target, _) in folders)
        {
            target.Drop();
        }
    }

    private void Leave()
    {
        Flush();
        folder.Release();
        (folder, isIncluded) = folders.Pop();
    }

    private void Take(PxarEntry entry)
    {
        options.Progress?.Report(entry.ItemStart);
        var included = isIncluded;
        if (options.Only is { } rules)
        {
            byte[] path = [(byte)'/', .. folder.Path, .. entry.Name.Span];
            included = rules.Decide(path, () => entry.Kind == PxarKind.Folder) ?? isIncluded;
        }

        if (entry.Kind == PxarKind.Folder)
        {
            Enter(entry, included);
            return;
        }

        if (!included || folder.IsBroken || folder.Open() is not { } node)
        {
            return;
        }

        try
        {
            Make(node, entry);
        }
        catch (VolumeException fault) when (!ExtractOptions.EndsAll(fault))
        {
            folder.Problem(entry.Name.Span, fault.Message);
        }
    }

    private void Enter(PxarEntry entry, bool included)
    {
        Flush();
        folders.Push((folder, isIncluded));
        folder = new TreeTarget(folder, entry.Name.Span, entry.Metadata);
        isIncluded = included;
        if (included)
        {
            folder.Open();
        }
    }

    private void Make(TreeNode node, PxarEntry entry)
    {
        switch (entry.Kind)
        {
            case PxarKind.File:
                MakeFile(entry, entry.Name);
                break;
            case PxarKind.HardLink:
                MakeHardLink(node, entry);
                break;
            case PxarKind.Symlink:
                MakeWay(node, entry);
                node.MakeSymlink(entry.Name.Span, entry.Target.Span);
                SetSpecial(node, entry);
                break;
            case PxarKind.BlockDevice or PxarKind.CharDevice when !TreeNode.IsPrivileged:
                folder.Problem(entry.Name.Span, "devices can be made by root only");
                break;
            default:
                MakeWay(node, entry);
                var (major, minor) = (entry.DeviceMajor, entry.DeviceMinor);
                node.MakeSpecial(entry.Name.Span, (uint)entry.Metadata.Mode & FileModes.TypeMask,
                    ((major & 0xfffff000) << 32) | ((major & 0xfff) << 8) | ((minor & 0xffffff00) << 12) | (minor & 0xff));
                SetSpecial(node, entry);
                break;
        }
    }

    /// <param name="name">What it is called here; another one where a hard link becomes a file of its own.</param>
    private void MakeFile(PxarEntry file, ReadOnlyMemory<byte> name)
    {
        var (source, start) = archive.Locate(file);
        if (options.Only is not null)
        {
            restored[file.ItemStart] = [.. folder.Path, .. name.Span];
        }

        if (file.SizeBytes <= FileWriters.SmallBytes)
        {
            batch ??= new FileBatch(folder);
            source.ReadExactly(batch.Add(name, file.Metadata, (int)file.SizeBytes), start);
            if (batch.IsFull)
            {
                Flush();
            }

            return;
        }

        FileWriters.Make(folder, name.Span, file.Metadata, file.SizeBytes, options, write =>
        {
            for (long offset = 0; offset < file.SizeBytes;)
            {
                cancel.ThrowIfCancellationRequested();
                var part = block.AsMemory(0, (int)Math.Min(block.Length, file.SizeBytes - offset));
                source.ReadExactly(part.Span, start + offset);
                write(part, offset);
                offset += part.Length;
                options.Progress?.Report(file.ItemStart + offset);
            }
        });
        Count.AddFile(file.SizeBytes);
    }

    /// <summary>Links to the file that this restore made; where there is none (it was not wanted), the content is restored here.</summary>
    private void MakeHardLink(TreeNode node, PxarEntry entry)
    {
        var file = archive.Follow(entry);
        var path = options.Only is null ? entry.Target.ToArray() : restored.GetValueOrDefault(file.ItemStart);
        Flush();
        writers.Drain();
        if (path is not null && OpenLinked(path, file) is { } linked)
        {
            using (linked.Folder)
            {
                MakeWay(node, entry);
                node.MakeHardLink(entry.Name.Span, linked.Folder, linked.Name);
                Count.HardLinks++;
            }

            return;
        }

        if (options.Only is null)
        {
            folder.Problem(entry.Name.Span, $"{TreeNode.Show(entry.Target.Span)} is not there to be linked to: restored as a file of its own");
        }

        MakeFile(file, entry.Name);
    }

    /// <summary>The folder of a file that this restore made; null if it is not the file it should be. Goes down from the target by real folders only.</summary>
    private (TreeNode Folder, byte[] Name)? OpenLinked(byte[] path, PxarEntry file)
    {
        var names = path.AsSpan();
        var node = root.Open()!.OpenChildFolder("."u8);
        try
        {
            while (names.IndexOf((byte)'/') is var slash and >= 0)
            {
                var next = PxarFormat.IsLegalName(names[..slash]) ? node.OpenChildFolder(names[..slash]) : null;
                node.Dispose();
                if (next is null)
                {
                    return null;
                }

                node = next;
                names = names[(slash + 1)..];
            }

            if (PxarFormat.IsLegalName(names) && node.TryStat(names) is { Kind: PxarKind.File } stat
                && stat.SizeBytes == file.SizeBytes && stat.MtimeS == file.Metadata.MtimeS && stat.MtimeNs == file.Metadata.MtimeNs)
            {
                var found = (node, names.ToArray());
                node = null!;
                return found;
            }

            return null;
        }
        catch (VolumeException fault) when (!ExtractOptions.EndsAll(fault))
        {
            return null;
        }
        finally
        {
            node?.Dispose();
        }
    }

    private void SetSpecial(TreeNode node, PxarEntry entry)
    {
        Count.Others++;
        var name = entry.Name.Span;
        if (options.WithOwner)
        {
            node.SetOwner(name, entry.Metadata.Uid, entry.Metadata.Gid);
        }

        if (entry.Kind != PxarKind.Symlink)
        {
            node.SetMode(name, (uint)entry.Metadata.Mode & FileModes.PermissionMask);
        }

        node.SetMtime(name, entry.Metadata.MtimeS, entry.Metadata.MtimeNs);
    }

    /// <summary>Removes what stands in the way, if that is wanted; never a folder.</summary>
    private void MakeWay(TreeNode node, PxarEntry entry)
    {
        if (options.Replaces && node.TryStat(entry.Name.Span) is { Kind: not PxarKind.Folder })
        {
            node.Unlink(entry.Name.Span);
        }
    }

    private void Flush()
    {
        if (batch is { } full)
        {
            batch = null;
            writers.Add(full);
        }
    }
}
