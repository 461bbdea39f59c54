// Writes a pxar archive of version 1 (reference 3.13) front to back. It keeps count of positions and open folders and leaves the transport to its owner:
// items gather in Pending, content may pass by outside and is only counted.
using System.Buffers;

namespace Holdfast.Storage;

/// <summary>Encoder of one archive. Not for several threads.</summary>
public sealed class PxarWriter
{
    private readonly Stack<Folder> folders = new();
    private long taken;

    /// <summary>Starts with the entry of the root folder.</summary>
    public PxarWriter(PxarMetadata root)
    {
        folders.Push(new Folder(0, 0, 0));
        PxarItems.Metadata(Pending, root);
    }

    /// <summary>What has been encoded and not been taken yet.</summary>
    public ArrayBufferWriter<byte> Pending { get; } = new(64 * 1024);

    /// <summary>Length of the archive so far.</summary>
    public long Position => taken + Pending.WrittenCount;

    /// <summary>True once the root folder has ended.</summary>
    public bool IsComplete => folders.Count == 0;

    /// <summary>The owner has sent <see cref="Pending"/>.</summary>
    public void Taken()
    {
        taken += Pending.WrittenCount;
        Pending.ResetWrittenCount();
    }

    public void BeginFolder(ReadOnlySpan<byte> name, PxarMetadata metadata)
    {
        var itemStart = Position;
        PxarItems.FileName(Pending, name);
        var entryStart = Position;
        PxarItems.Metadata(Pending, metadata);
        folders.Push(new Folder(itemStart, entryStart, PxarFormat.HashName(name)));
    }

    /// <summary>Ends the innermost folder with its goodbye table.</summary>
    public void EndFolder()
    {
        var folder = folders.Pop();
        GoodbyeTable.Write(Pending, folder.Children, Position, folder.EntryStart);
        if (folders.TryPeek(out var parent))
        {
            parent.Children.Add(new GoodbyeItem(folder.Hash, folder.ItemStart, Position - folder.ItemStart));
        }
    }

    /// <summary>Starts a file; exactly that many bytes of content must follow, in <see cref="Pending"/> or past it (<see cref="Passed"/>).</summary>
    /// <returns>The place that a hard link to this file names.</returns>
    public long BeginFile(ReadOnlySpan<byte> name, PxarMetadata metadata, long sizeBytes)
    {
        var start = Position;
        PxarItems.FileName(Pending, name);
        PxarItems.Metadata(Pending, metadata);
        PxarItems.PayloadHeader(Pending, sizeBytes);
        folders.Peek().Children.Add(new GoodbyeItem(PxarFormat.HashName(name), start, Position - start + sizeBytes));
        return start;
    }

    /// <summary>Everything pending was taken, and the owner sent so many bytes of content itself.</summary>
    public void Passed(long contentBytes)
    {
        if (Pending.WrittenCount > 0)
        {
            throw new InvalidOperationException("content was sent before the items in front of it");
        }

        taken += contentBytes;
    }

    /// <summary>Entries of the innermost folder that were encoded elsewhere follow now, sent by the owner.</summary>
    /// <param name="items">Their places, counted from the start of the run.</param>
    public void PassedEntries(long sizeBytes, ReadOnlySpan<GoodbyeItem> items)
    {
        var children = folders.Peek().Children;
        foreach (var item in items)
        {
            children.Add(item with { Offset = item.Offset + taken });
        }

        Passed(sizeBytes);
    }

    public void AddSymlink(ReadOnlySpan<byte> name, PxarMetadata metadata, ReadOnlySpan<byte> target)
    {
        var start = Position;
        PxarItems.FileName(Pending, name);
        PxarItems.Metadata(Pending, metadata);
        PxarItems.Symlink(Pending, target);
        Close(name, start);
    }

    public void AddDevice(ReadOnlySpan<byte> name, PxarMetadata metadata, ulong major, ulong minor)
    {
        var start = Position;
        PxarItems.FileName(Pending, name);
        PxarItems.Metadata(Pending, metadata);
        PxarItems.Device(Pending, major, minor);
        Close(name, start);
    }

    /// <summary>A fifo or a socket: nothing but metadata.</summary>
    public void AddSpecial(ReadOnlySpan<byte> name, PxarMetadata metadata)
    {
        var start = Position;
        PxarItems.FileName(Pending, name);
        PxarItems.Metadata(Pending, metadata);
        Close(name, start);
    }

    /// <param name="linked">What <see cref="BeginFile"/> returned for the file.</param>
    /// <param name="path">Its path inside the archive, without a slash in front.</param>
    public void AddHardLink(ReadOnlySpan<byte> name, long linked, ReadOnlySpan<byte> path)
    {
        var start = Position;
        PxarItems.FileName(Pending, name);
        PxarItems.HardLink(Pending, start - linked, path);
        Close(name, start);
    }

    private void Close(ReadOnlySpan<byte> name, long start) =>
        folders.Peek().Children.Add(new GoodbyeItem(PxarFormat.HashName(name), start, Position - start));

    private sealed record Folder(long ItemStart, long EntryStart, ulong Hash)
    {
        public List<GoodbyeItem> Children { get; } = [];
    }
}
