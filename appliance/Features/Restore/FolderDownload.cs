// A folder of an archive as one stream: zip, or tar compressed with zstd. Read in the archive's order, so a folder of any size passes through a few blocks.
using Holdfast.Storage;

namespace Holdfast.Features.Restore;

/// <summary>Sends folders.</summary>
public static class FolderDownload
{
    private const int BlockBytes = 128 * 1024;

    /// <summary>Files with their folders; links and special files have no place in a zip, as with PBS.</summary>
    /// <param name="path">Path of the folder inside the archive.</param>
    public static async Task ZipAsync(PxarArchive archive, PxarEntry folder, ReadOnlyMemory<byte> path, DownloadBody body, CancellationToken cancel)
    {
        var zip = new ZipWriter(body);
        var place = new Place(path.Span);
        if (!place.IsRoot)
        {
            zip.AddFolder(place.Current, (uint)folder.Metadata.Mode, folder.Metadata.MtimeS);
        }

        var block = new byte[BlockBytes];
        var walk = new PxarWalk(archive, folder);
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            cancel.ThrowIfCancellationRequested();
            if (step == PxarStep.FolderEnd)
            {
                place.Leave();
                continue;
            }

            var entry = walk.Current;
            if (entry.Kind == PxarKind.Folder)
            {
                place.Enter(entry.Name.Span);
                zip.AddFolder(place.Current, (uint)entry.Metadata.Mode, entry.Metadata.MtimeS);
            }
            else if (entry.Kind is PxarKind.File or PxarKind.HardLink)
            {
                var file = entry.Kind == PxarKind.File ? entry : archive.Follow(entry);
                zip.BeginFile(place.Of(entry.Name.Span), (uint)file.Metadata.Mode, file.Metadata.MtimeS);
                await CopyAsync(archive, file, block, part => zip.Write(part.Span), body, cancel).ConfigureAwait(false);
                zip.EndFile();
            }

            await body.SendAsync().ConfigureAwait(false);
        }

        zip.Finish();
    }

    /// <summary>Everything that tar knows, with owners, modes, times and links.</summary>
    public static async Task TarAsync(PxarArchive archive, PxarEntry folder, ReadOnlyMemory<byte> path, DownloadBody body, CancellationToken cancel)
    {
        using var zstd = new ZstdStreamEncoder(body);
        var tar = new TarWriter(zstd);
        var place = new Place(path.Span);
        if (!place.IsRoot)
        {
            tar.Add(TarWriter.Kind.Folder, place.Current, folder.Metadata);
        }

        var block = new byte[BlockBytes];
        var outside = new Dictionary<long, byte[]>();
        var walk = new PxarWalk(archive, folder);
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            cancel.ThrowIfCancellationRequested();
            if (step == PxarStep.FolderEnd)
            {
                place.Leave();
                continue;
            }

            var entry = walk.Current;
            var name = place.Of(entry.Name.Span);
            var file = entry.Kind == PxarKind.File ? entry : null;
            switch (entry.Kind)
            {
                case PxarKind.Folder:
                    place.Enter(entry.Name.Span);
                    tar.Add(TarWriter.Kind.Folder, place.Current, entry.Metadata);
                    break;
                case PxarKind.HardLink:
                    file = archive.Follow(entry);
                    if (place.Linked(archive, entry) is { } inside || outside.TryGetValue(file.ItemStart, out inside))
                    {
                        tar.Add(TarWriter.Kind.HardLink, name, file.Metadata, target: inside);
                        file = null;
                    }
                    else
                    {
                        outside[file.ItemStart] = name;
                    }

                    break;
                case PxarKind.Symlink:
                    tar.Add(TarWriter.Kind.Symlink, name, entry.Metadata, target: entry.Target.Span);
                    break;
                case PxarKind.BlockDevice or PxarKind.CharDevice:
                    tar.Add(
                        entry.Kind == PxarKind.BlockDevice ? TarWriter.Kind.BlockDevice : TarWriter.Kind.CharDevice, name, entry.Metadata,
                        major: entry.DeviceMajor, minor: entry.DeviceMinor);
                    break;
                case PxarKind.Fifo:
                    tar.Add(TarWriter.Kind.Fifo, name, entry.Metadata);
                    break;
            }

            if (file is not null)
            {
                tar.Add(TarWriter.Kind.File, name, file.Metadata, file.SizeBytes);
                await CopyAsync(archive, file, block, part => tar.Write(part.Span), body, cancel).ConfigureAwait(false);
            }

            await body.SendAsync().ConfigureAwait(false);
        }

        tar.Finish();
        zstd.Finish();
    }

    /// <summary>Content of a file, block by block.</summary>
    public static async ValueTask CopyAsync(
        PxarArchive archive, PxarEntry file, byte[] block, Action<ReadOnlyMemory<byte>> write, DownloadBody body, CancellationToken cancel)
    {
        var (source, start) = archive.Locate(file);
        for (long offset = 0; offset < file.SizeBytes;)
        {
            cancel.ThrowIfCancellationRequested();
            var part = block.AsMemory(0, (int)Math.Min(block.Length, file.SizeBytes - offset));
            source.ReadExactly(part.Span, start + offset);
            write(part);
            offset += part.Length;
            await body.SendAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Where a walk is: paths in the download start with the name of the folder that was asked for.</summary>
    private sealed class Place
    {
        private readonly List<int> lengths = [];
        private readonly List<byte> path = [];
        private readonly byte[] above;

        public Place(ReadOnlySpan<byte> folder)
        {
            var names = PathRules.Normalized(folder).AsSpan().Trim((byte)'/');
            var slash = names.LastIndexOf((byte)'/');
            above = names[..(slash + 1)].ToArray();
            path.AddRange(names[(slash + 1)..]);
        }

        public bool IsRoot => path.Count == 0 && lengths.Count == 0;

        public byte[] Current => [.. path];

        public byte[] Of(ReadOnlySpan<byte> name) => path.Count == 0 ? name.ToArray() : [.. path, (byte)'/', .. name];

        public void Enter(ReadOnlySpan<byte> name)
        {
            var inner = Of(name);
            lengths.Add(path.Count);
            path.Clear();
            path.AddRange(inner);
        }

        public void Leave()
        {
            path.RemoveRange(lengths[^1], path.Count - lengths[^1]);
            lengths.RemoveAt(lengths.Count - 1);
        }

        /// <summary>Path in the download of what a hard link links to; null if it is outside of the folder, or not what the archive says it is.</summary>
        public byte[]? Linked(PxarArchive archive, PxarEntry link)
        {
            var target = link.Target.Span;
            byte[] folder = [.. above, .. path[..(lengths.Count == 0 ? path.Count : lengths[0])]];
            var isInside = folder.Length == 0 || (target.StartsWith(folder) && target.Length > folder.Length && target[folder.Length] == (byte)'/');
            return isInside && PathRules.Normalized(target).AsSpan().SequenceEqual(target) && archive.Find(target)?.ItemStart == link.LinkedItem
                ? target[above.Length..].ToArray()
                : null;
        }
    }
}
