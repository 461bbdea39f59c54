// Makes a pxar archive and its part of the catalog out of a folder, in the order of the real client, so that both give the same bytes: children sorted by
// name, folders where they stand. Folders are walked here; runs of plain files are read ahead on other threads. Nothing is followed but names below the root.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Where an archive's bytes go.</summary>
public interface IArchiveOutput
{
    /// <summary>Takes bytes in order. The memory may be reused when the task is done.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancel);
}

/// <summary>What an archive came to.</summary>
public readonly record struct TreeCount(long Files, long Folders, long Others, long HardLinks, long Bytes);

/// <summary>One archive.</summary>
/// <param name="catalog">Lines for the archive's entries go here; null for none. Its owner starts and ends the archive's own folder.</param>
/// <param name="catalogOutput">Where the catalog's bytes go.</param>
public sealed partial class TreeArchiver(IArchiveOutput output, CatalogWriter? catalog, IArchiveOutput? catalogOutput, TreeOptions options)
{
    private const int RunsAhead = 6;
    private const int StepsAhead = 512;
    private const int BlockBytes = 1024 * 1024;

    /// <summary>Name of the file that keeps the user's rules in an archive.</summary>
    private static ReadOnlySpan<byte> RulesName => ".pxarexclude-cli"u8;

    private readonly Dictionary<(ulong, ulong), (long Place, byte[] Path)> linked = [];
    private readonly Queue<Step> ahead = new();
    private PxarWriter writer = null!;
    private byte[][]? blocks;
    private TreeCount count;
    private int runs;

    /// <summary>Archives the folder. Afterwards the catalog holds the lines, and all bytes are out.</summary>
    public async Task<TreeCount> RunAsync(string path, CancellationToken cancel)
    {
        using var walk = new TreeWalk(path, options, cancel);
        writer = new PxarWriter(walk.Root);
        try
        {
            using var steps = walk.Steps().GetEnumerator();
            var isMore = true;
            while (isMore || ahead.Count > 0)
            {
                if (isMore && runs < RunsAhead && ahead.Count < StepsAhead)
                {
                    isMore = steps.MoveNext();
                    if (isMore)
                    {
                        runs += steps.Current is Step.Run ? 1 : 0;
                        ahead.Enqueue(steps.Current);
                    }

                    continue;
                }

                await TakeAsync(ahead.Dequeue(), walk, cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            await DropAsync().ConfigureAwait(false);
        }

        await FlushAsync(cancel).ConfigureAwait(false);
        return count with { Bytes = writer.Position };
    }

    private async ValueTask TakeAsync(Step step, TreeWalk walk, CancellationToken cancel)
    {
        switch (step)
        {
            case Step.FolderStart start:
                writer.BeginFolder(start.Name, start.Metadata);
                catalog?.BeginFolder(start.Name);
                count = count with { Folders = count.Folders + 1 };
                break;
            case Step.FolderEnd end:
                if (end.IsRoot)
                {
                    AddRules(walk);
                    writer.EndFolder();
                    break;
                }

                writer.EndFolder();
                catalog?.EndFolder();
                break;
            case Step.Run run:
                runs--;
                using (var entries = await run.Entries.ConfigureAwait(false))
                {
                    await TakeAsync(entries, run, cancel).ConfigureAwait(false);
                }

                return;
            case Step.Other other:
                AddOther(other);
                break;
        }

        if (writer.Pending.WrittenCount > BlockBytes || catalog?.Pending.WrittenCount > BlockBytes)
        {
            await FlushAsync(cancel).ConfigureAwait(false);
        }
    }

    private async ValueTask TakeAsync(TreeEntries entries, Step.Run run, CancellationToken cancel)
    {
        count = count with { Files = count.Files + entries.Files };
        foreach (var part in entries.Parts)
        {
            var bytes = entries.Bytes[part.Bytes];
            if (bytes.Length > 0)
            {
                await FlushAsync(cancel).ConfigureAwait(false);
                await output.WriteAsync(bytes, cancel).ConfigureAwait(false);
                writer.PassedEntries(bytes.Length, entries.Items[part.Items]);
                catalog?.Add(entries.Catalog[part.Catalog], part.Lines);
            }

            if (part.Later is { } later)
            {
                await AddLaterAsync(later, [.. run.Folder, .. later.Name], run.Tell, cancel).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A file of several names, or a large one.</summary>
    private async ValueTask AddLaterAsync(LaterFile file, byte[] path, Action<byte[], string> tell, CancellationToken cancel)
    {
        if (file.Stat.LinkCount > 1 && linked.TryGetValue(file.Stat.Identity, out var first))
        {
            writer.AddHardLink(file.Name, first.Place, first.Path);
            catalog?.Add(CatalogKind.HardLink, file.Name);
            count = count with { Files = count.Files - 1, HardLinks = count.HardLinks + 1 };
            return;
        }

        var place = writer.BeginFile(file.Name, file.Metadata, file.Stat.SizeBytes);
        catalog?.Add(CatalogKind.File, file.Name, file.Stat.SizeBytes, file.Stat.MtimeS);
        if (file.Stat.LinkCount > 1)
        {
            linked[file.Stat.Identity] = (place, path);
        }

        await FlushAsync(cancel).ConfigureAwait(false);
        await StreamAsync(file, tell, cancel).ConfigureAwait(false);
        writer.Passed(file.Stat.SizeBytes);
    }

    /// <summary>Copies content, the next block being read while one is taken.</summary>
    private async ValueTask StreamAsync(LaterFile file, Action<byte[], string> tell, CancellationToken cancel)
    {
        blocks ??= [GC.AllocateUninitializedArray<byte>(BlockBytes), GC.AllocateUninitializedArray<byte>(BlockBytes)];
        var size = file.Stat.SizeBytes;
        var isShort = false;
        int ReadBlock(byte[] block, long offset)
        {
            var wanted = (int)Math.Min(BlockBytes, size - offset);
            var read = file.Node.Read(block.AsSpan(0, wanted), offset);
            if (read < wanted)
            {
                isShort = true;
                block.AsSpan(read, wanted - read).Clear();
            }

            return wanted;
        }

        var next = size > 0 ? Task.FromResult(ReadBlock(blocks[0], 0)) : Task.FromResult(0);
        for (long offset = 0, turn = 0; offset < size; turn++)
        {
            var length = await next.ConfigureAwait(false);
            var (block, other) = (blocks[turn % 2], blocks[(turn + 1) % 2]);
            offset += length;
            var from = offset;
            next = from < size ? Task.Run(() => ReadBlock(other, from), cancel) : Task.FromResult(0);
            try
            {
                await output.WriteAsync(block.AsMemory(0, length), cancel).ConfigureAwait(false);
            }
            catch
            {
                // The block is still being filled: the node must not be closed under it.
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }

        if (isShort)
        {
            tell(file.Name, "became shorter while it was read: filled up with zeros");
        }
    }

    private void AddOther(Step.Other other)
    {
        switch (other.Stat.Kind)
        {
            case PxarKind.Symlink:
                writer.AddSymlink(other.Name, NodeMetadata.Of(other.Stat), other.Target);
                break;
            case PxarKind.BlockDevice or PxarKind.CharDevice:
                var device = other.Stat.RawDevice;
                writer.AddDevice(
                    other.Name, NodeMetadata.Of(other.Stat), ((device >> 8) & 0xfff) | ((device >> 32) & 0xfffff000),
                    (device & 0xff) | ((device >> 12) & 0xffffff00));
                break;
            default:
                writer.AddSpecial(other.Name, NodeMetadata.Of(other.Stat));
                break;
        }

        catalog?.Add(CatalogFormat.KindOf(other.Stat.Kind!.Value), other.Name);
        count = count with { Others = count.Others + 1 };
    }

    /// <summary>The user's rules become a file of the archive, as the real client keeps them.</summary>
    private void AddRules(TreeWalk walk)
    {
        if (walk.UserRules == 0)
        {
            return;
        }

        var content = options.Rules.ToFile(walk.UserRules);
        var (uid, gid) = TreeNode.Identity;
        writer.BeginFile(RulesName, new PxarMetadata { Mode = FileModes.Regular | 0x180, Uid = uid, Gid = gid }, content.Length);
        writer.Pending.Write(content);
        catalog?.Add(CatalogKind.File, RulesName, content.Length, 0);
        count = count with { Files = count.Files + 1 };
    }

    private async ValueTask FlushAsync(CancellationToken cancel)
    {
        if (writer.Pending.WrittenCount > 0)
        {
            await output.WriteAsync(writer.Pending.WrittenMemory, cancel).ConfigureAwait(false);
            writer.Taken();
        }

        if (catalog?.Pending.WrittenCount > BlockBytes)
        {
            await catalogOutput!.WriteAsync(catalog.Pending.WrittenMemory, cancel).ConfigureAwait(false);
            catalog.Taken();
        }
    }

    /// <summary>Work that nobody takes any more: what it opened is closed.</summary>
    private async Task DropAsync()
    {
        foreach (var run in ahead.OfType<Step.Run>())
        {
            try
            {
                (await run.Entries.ConfigureAwait(false)).Dispose();
            }
            catch (Exception)
            {
                // The failure that ended the archive is already on its way up.
            }
        }

        ahead.Clear();
    }

    /// <summary>Path of an entry for messages.</summary>
    internal static string Show(ReadOnlySpan<byte> folder, ReadOnlySpan<byte> name) => TreeNode.Show([.. folder, .. name]);
}
