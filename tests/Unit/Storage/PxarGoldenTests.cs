// Archives that the real client made: read, taken apart, written again to the same bytes, cut into the same chunks, restored, and archived again from the
// restored files to the same bytes. Catalogs likewise.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class PxarGoldenTests(GoldenStore golden) : IClassFixture<GoldenStore>
{
    private const string Host = "host/golden-host/2026-11-21T00:35:37Z";

    [Theory]
    [InlineData("host/multi-host/2026-11-21T00:36:55Z", "root.pxar.didx", ContentChunker.ArchiveAverageBytes)]
    [InlineData("host/multi-host/2026-11-21T00:36:57Z", "root.pxar.didx", ContentChunker.ArchiveAverageBytes)]
    [InlineData("host/enc-host/2026-11-21T00:35:41Z", "root.pxar.didx", ContentChunker.ArchiveAverageBytes)]
    [InlineData(Host, "catalog.pcat1.didx", ContentChunker.CatalogAverageBytes)]
    public async Task Chunks_end_where_the_real_client_ended_them(string snapshot, string archive, int averageBytes)
    {
        var stream = await ReadAsync(snapshot, archive);
        using var index = Reader(snapshot).OpenIndex(archive);
        var expected = Enumerable.Range(0, index.Count).Select(i => index[i].End).ToList();
        foreach (var step in new[] { int.MaxValue, 1_000_003, 70_000 })
        {
            Assert.Equal(expected, Ends(stream, averageBytes, step));
        }
    }

    [Theory]
    [InlineData(Host)]
    [InlineData("host/enc-host/2026-11-21T00:35:41Z")]
    [InlineData("host/multi-host/2026-11-21T00:36:57Z")]
    public async Task Written_again_it_is_the_same_bytes(string snapshot)
    {
        var original = await ReadAsync(snapshot, "root.pxar.didx");
        Assert.Equal(Digest.Of(original), Digest.Of(Rewrite(PxarTestKit.Open(original))));
    }

    [Theory]
    [InlineData(Host)]
    [InlineData("host/enc-host/2026-11-21T00:35:41Z")]
    public async Task A_catalog_written_again_is_the_same_bytes(string snapshot)
    {
        var original = await ReadAsync(snapshot, "catalog.pcat1.didx");
        var (reader, writer) = (CatalogReader.Open(new MemoryFile("c", original)), new CatalogWriter());
        void Copy(CatalogEntry folder)
        {
            foreach (var entry in reader.List(folder))
            {
                if (entry.Kind == CatalogKind.Folder)
                {
                    writer.BeginFolder(entry.Name.Span);
                    Copy(entry);
                    writer.EndFolder();
                }
                else
                {
                    writer.Add(entry.Kind, entry.Name.Span, entry.SizeBytes, entry.MtimeS);
                }
            }
        }

        Copy(reader.Root);
        writer.Finish();
        Assert.Equal(original, writer.Pending.WrittenSpan.ToArray());
    }

    [Fact]
    public async Task Restored_and_archived_again_it_is_the_same_archive_and_catalog()
    {
        var original = await ReadAsync(Host, "root.pxar.didx");
        using var folder = new TemporaryFolder();
        Assert.Empty(PxarTestKit.Extract(PxarTestKit.Open(original), folder.Path));
        var (archive, catalog, count) = await PxarTestKit.ArchiveAsync(folder.Path);
        Assert.Equal(
            PxarTestKit.Describe(PxarTestKit.Open(original), TreeNode.IsPrivileged), PxarTestKit.Describe(PxarTestKit.Open(archive), TreeNode.IsPrivileged));
        Assert.Equal(await ReadAsync(Host, "catalog.pcat1.didx"), catalog);
        Assert.Equal((6, 4, 3, 1, original.LongLength), (count.Files, count.Folders, count.Others, count.HardLinks, count.Bytes));
        if (TreeNode.IsPrivileged)
        {
            Assert.Equal(Digest.Of(original), Digest.Of(archive));
        }
    }

    [Fact]
    public async Task Both_halves_of_a_split_archive_hold_what_the_whole_one_holds()
    {
        var whole = PxarTestKit.Describe(PxarTestKit.Open(await ReadAsync(Host, "root.pxar.didx")));
        foreach (var time in new[] { "2026-11-21T00:35:43Z", "2026-11-21T00:35:44Z" })
        {
            var split = PxarTestKit.Open(
                await ReadAsync("host/split-host/" + time, "root.mpxar.didx"), await ReadAsync("host/split-host/" + time, "root.ppxar.didx"));
            Assert.Equal(2, split.Version);
            Assert.Equal(whole, PxarTestKit.Describe(split));
            var found = split.Find("docs/deep/er/data.json"u8)!;
            Assert.Equal(golden.Input("tree/docs/deep/er/data.json"), PxarTestKit.Content(split, found));
            split.Find("docs"u8, out var folder);
            Assert.Equal(4, split.List(folder!).Count());
        }
    }

    [Fact]
    public async Task Every_path_is_found_by_the_tables()
    {
        var archive = PxarTestKit.Open(await ReadAsync(Host, "root.pxar.didx"));
        Assert.Equal(golden.Input("tree/docs/ünïcode näme.txt"), PxarTestKit.Content(archive, archive.Find(PxarTestKit.Utf8("/docs/ünïcode näme.txt"))!));
        var link = archive.Find("docs//./hardlink-hello.txt"u8);
        var target = archive.Find("hello.txt"u8)!;
        var (hard, file) = link!.Kind == PxarKind.HardLink ? (link, target) : (target, link);
        Assert.Equal((PxarKind.HardLink, PxarKind.File), (hard.Kind, file.Kind));
        Assert.Equal(file.ItemStart, archive.Follow(hard).ItemStart);
        Assert.Equal("/etc/hostname", TreeNode.Show(archive.Find("abs-link"u8)!.Target.Span));
        Assert.Equal(PxarKind.Fifo, archive.Find("fifo"u8)!.Kind);
        foreach (var none in new[] { "nosuch", "hello.txt/x", "docs/..", "..", "abs-link/x", "docs/deep/er/data.jso" })
        {
            Assert.Null(archive.Find(PxarTestKit.Utf8(none)));
        }

        archive.Find("docs"u8, out var folder);
        Assert.Equal(
            ["deep", "hardlink-hello.txt", "readme.md", "ünïcode näme.txt"],
            archive.List(folder!).Select(entry => TreeNode.Show(entry.Name.Span)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_catalog_is_that_of_the_archive()
    {
        var reader = CatalogReader.Open(new MemoryFile("c", await ReadAsync(Host, "catalog.pcat1.didx")));
        var top = Assert.Single(reader.List(reader.Root));
        Assert.Equal("root.pxar.didx", TreeNode.Show(top.Name.Span));
        var data = reader.Find("/root.pxar.didx/docs/deep/er/data.json"u8)!.Value;
        Assert.Equal((CatalogKind.File, 228897L), (data.Kind, data.SizeBytes));
        Assert.Null(reader.Find("/root.pxar.didx/nosuch"u8));
        Assert.Null(reader.Find("/root.pxar.didx/docs/deep/er/data.json/x"u8));
    }

    [Fact]
    public async Task By_chunks_it_reads_as_in_memory()
    {
        foreach (var snapshot in new[] { "host/multi-host/2026-11-21T00:36:57Z", "host/enc-host/2026-11-21T00:35:41Z" })
        {
            var original = await ReadAsync(snapshot, "root.pxar.didx");
            using var file = new ChunkedFile(
                Reader(snapshot).OpenIndex("root.pxar.didx"), (entry, target) => golden.Store.Chunks.ReadData(entry.Digest, target, golden.Key));
            Assert.Equal(PxarTestKit.Describe(PxarTestKit.Open(original)), PxarTestKit.Describe(PxarArchive.Open(file)));
        }
    }

    private static List<long> Ends(byte[] stream, int averageBytes, int step)
    {
        var (chunker, ends, start) = (new ContentChunker(averageBytes), new List<long>(), 0);
        for (var seen = 0; seen < stream.Length;)
        {
            seen = (int)Math.Min(stream.Length, (long)seen + step);
            while (chunker.FindEnd(stream.AsSpan(start, seen - start)) is var length and > 0)
            {
                start += length;
                ends.Add(start);
            }
        }

        if (start < stream.Length)
        {
            ends.Add(stream.Length);
        }

        return ends;
    }

    private static byte[] Rewrite(PxarArchive archive)
    {
        var writer = new PxarWriter(archive.Root.Metadata);
        var places = new Dictionary<long, long>();
        var walk = new PxarWalk(archive, archive.Root);
        for (var step = walk.Next(); step != PxarStep.End; step = walk.Next())
        {
            if (step == PxarStep.FolderEnd)
            {
                writer.EndFolder();
                continue;
            }

            var entry = walk.Current;
            switch (entry.Kind)
            {
                case PxarKind.Folder:
                    writer.BeginFolder(entry.Name.Span, entry.Metadata);
                    break;
                case PxarKind.File:
                    places[entry.ItemStart] = writer.BeginFile(entry.Name.Span, entry.Metadata, entry.SizeBytes);
                    System.Buffers.BuffersExtensions.Write(writer.Pending, PxarTestKit.Content(archive, entry));
                    break;
                case PxarKind.Symlink:
                    writer.AddSymlink(entry.Name.Span, entry.Metadata, entry.Target.Span);
                    break;
                case PxarKind.HardLink:
                    writer.AddHardLink(entry.Name.Span, places[entry.LinkedItem], entry.Target.Span);
                    break;
                case PxarKind.BlockDevice or PxarKind.CharDevice:
                    writer.AddDevice(entry.Name.Span, entry.Metadata, entry.DeviceMajor, entry.DeviceMinor);
                    break;
                default:
                    writer.AddSpecial(entry.Name.Span, entry.Metadata);
                    break;
            }
        }

        writer.EndFolder();
        return writer.Pending.WrittenSpan.ToArray();
    }

    private SnapshotReader Reader(string snapshot) =>
        SnapshotReader.Open(golden.Store, BackupNamespace.Root, SnapshotName.Parse(snapshot), golden.Key);

    private async Task<byte[]> ReadAsync(string snapshot, string archive)
    {
        using var output = new MemoryStream();
        await Reader(snapshot).RestoreAsync(archive, output);
        return output.ToArray();
    }
}
