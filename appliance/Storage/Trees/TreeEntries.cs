// A run of plain files of one folder, read and encoded on a thread of its own while others do the same: names, metadata, content, and their lines for the
// catalog, ready to be copied into the archive. What depends on the order (files with several names) or is large is left to whoever assembles the archive.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>A file that could not be encoded ahead.</summary>
internal sealed record LaterFile(byte[] Name, TreeNode Node, NodeStat Stat, PxarMetadata Metadata) : IDisposable
{
    public void Dispose() => Node.Dispose();
}

/// <summary>Entries of a folder in order: encoded ones, and those left for later, each behind so many encoded bytes.</summary>
internal sealed class TreeEntries : IDisposable
{
    /// <summary>Files from this size on are streamed.</summary>
    public const int LargeBytes = 256 * 1024;

    /// <summary>Files of one run, and bytes after which it ends.</summary>
    public const int MaxFiles = 64;
    private const int GrowBytes = 512 * 1024;

    private readonly List<Part> parts = [];
    private readonly ArrayBufferWriter<byte> bytes = new(GrowBytes);
    private readonly ArrayBufferWriter<byte> catalog = new(4096);
    private readonly List<GoodbyeItem> items = [];
    private int lines;

    /// <summary>A stretch of encoded entries, and what comes behind it.</summary>
    public readonly record struct Part(Range Bytes, Range Items, Range Catalog, int Lines, LaterFile? Later);

    public IReadOnlyList<Part> Parts => parts;

    public int Files { get; private set; }

    /// <summary>Bytes of content read.</summary>
    public long ContentBytes { get; private set; }

    public ReadOnlyMemory<byte> Bytes => bytes.WrittenMemory;

    public ReadOnlySpan<byte> Catalog => catalog.WrittenSpan;

    public ReadOnlySpan<GoodbyeItem> Items => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(items);

    /// <summary>Reads files of a folder.</summary>
    /// <param name="tell">Gets name and reason of what was left out or is not as it was.</param>
    public static TreeEntries Read(TreeNode folder, IReadOnlyList<byte[]> names, long fileSystemType, Action<byte[], string> tell)
    {
        var run = new TreeEntries();
        try
        {
            foreach (var name in names)
            {
                run.Add(folder, name, fileSystemType, tell);
            }

            run.End(null);
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var part in parts)
        {
            part.Later?.Dispose();
        }
    }

    private void Add(TreeNode folder, byte[] name, long fileSystemType, Action<byte[], string> tell)
    {
        var node = TreeSource.TryOpen(folder, name, TreeNode.Use.Read, tell);
        if (node is null)
        {
            return;
        }

        var isKept = false;
        try
        {
            var stat = node.Stat();
            if (stat.Kind != PxarKind.File)
            {
                tell(name, "became something else while it was read: left out");
                return;
            }

            var metadata = NodeMetadata.Read(node, stat, fileSystemType);
            Files++;
            if (stat.LinkCount > 1 || stat.SizeBytes >= LargeBytes)
            {
                isKept = true;
                End(new LaterFile(name, node, stat, metadata));
                return;
            }

            Encode(node, name, stat, metadata, tell);
        }
        finally
        {
            if (!isKept)
            {
                node.Dispose();
            }
        }
    }

    private void Encode(TreeNode node, byte[] name, in NodeStat stat, PxarMetadata metadata, Action<byte[], string> tell)
    {
        var start = bytes.WrittenCount;
        PxarItems.FileName(bytes, name);
        PxarItems.Metadata(bytes, metadata);
        PxarItems.PayloadHeader(bytes, stat.SizeBytes);
        var size = (int)stat.SizeBytes;
        var content = bytes.GetSpan(size + 1)[..(size + 1)];
        var read = size == 0 ? 0 : node.Read(content[..size], 0);
        if (read < size)
        {
            tell(name, "became shorter while it was read: filled up with zeros");
            content[read..size].Clear();
        }

        bytes.Advance(size);
        ContentBytes += size;
        items.Add(new GoodbyeItem(PxarFormat.HashName(name), start, bytes.WrittenCount - start));
        CatalogWriter.Encode(catalog, CatalogKind.File, name, size, stat.MtimeS);
        lines++;
    }

    private void End(LaterFile? later)
    {
        var last = parts.Count == 0 ? default : parts[^1];
        parts.Add(new Part(
            last.Bytes.End..bytes.WrittenCount, last.Items.End..items.Count, last.Catalog.End..catalog.WrittenCount, lines, later));
        lines = 0;
    }
}
