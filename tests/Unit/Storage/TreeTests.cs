// Trees into archives and back: nothing is lost, nothing is left out but what was asked for, and the same tree always gives the same bytes.
using System.Text;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class TreeTests
{
    [Fact]
    public async Task A_tree_with_everything_comes_back_bit_for_bit()
    {
        using var tree = new TreeFolder();
        using var restored = new TreeFolder();
        SampleTree.Make(tree.Path);
        var (first, firstCatalog, count) = await PxarTestKit.ArchiveAsync(tree.Path);
        Assert.Empty(PxarTestKit.Extract(PxarTestKit.Open(first), restored.Path));
        var (second, secondCatalog, _) = await PxarTestKit.ArchiveAsync(restored.Path);
        Assert.Equal(
            PxarTestKit.Describe(PxarTestKit.Open(first), TreeNode.IsPrivileged), PxarTestKit.Describe(PxarTestKit.Open(second), TreeNode.IsPrivileged));
        Assert.Equal(firstCatalog, secondCatalog);
        Assert.Equal((208, 3, 2), (count.Files, count.Folders, count.HardLinks));
        Assert.Equal(first.LongLength, count.Bytes);
        if (TreeNode.IsPrivileged)
        {
            Assert.Equal(Digest.Of(first), Digest.Of(second));
        }
    }

    [Fact]
    public async Task The_catalog_lists_what_the_archive_holds()
    {
        using var tree = new TreeFolder();
        SampleTree.Make(tree.Path);
        var (bytes, catalog, _) = await PxarTestKit.ArchiveAsync(tree.Path);
        var listed = CatalogReader.Open(new MemoryFile("c", catalog)).Walk().Skip(1).Select(one => one.Path["root.pxar.didx/".Length..]).ToList();
        Assert.Equal(PxarTestKit.Describe(PxarTestKit.Open(bytes)).Count - 1, listed.Count);
        var archive = PxarTestKit.Open(bytes);
        Assert.NotNull(archive.Find([0x66, 0xff, 0xfe, 0x6f]));
        Assert.Contains(@"f\xff\xfeo", listed);
        Assert.Equal(200, listed.Count(path => path.StartsWith("sub/many/file-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Holes_come_back_as_holes()
    {
        using var tree = new TreeFolder();
        using var restored = new TreeFolder();
        SampleTree.Make(tree.Path);
        var (bytes, _, _) = await PxarTestKit.ArchiveAsync(tree.Path);
        PxarTestKit.Extract(PxarTestKit.Open(bytes), restored.Path);
        Assert.Equal(
            await File.ReadAllBytesAsync(Path.Combine(tree.Path, "holes")), await File.ReadAllBytesAsync(Path.Combine(restored.Path, "holes")));
        Assert.True(BlocksOf(Path.Combine(restored.Path, "holes")) < SampleTree.HoleBytes / 2);
    }

    [Fact]
    public async Task Rules_leave_out_what_they_say()
    {
        using var tree = new TreeFolder();
        string[] files =
        [
            "a.bak", "keep.bak", "cache/x", "sub/cache", "sub/deep/a.bak", "sub/deep/b", "sub/only/here", "other/only/here", "log/1/x.log", "log/x.log",
        ];
        foreach (var file in files)
        {
            Directory.CreateDirectory(Path.Combine(tree.Path, Path.GetDirectoryName(file)!));
            await File.WriteAllTextAsync(Path.Combine(tree.Path, file), file);
        }

        await File.WriteAllTextAsync(Path.Combine(tree.Path, "sub/.pxarexclude"), "# a comment\n/only\n!deep/a.bak\n[bad\\\n");
        var rules = new PathRules();
        foreach (var text in new[] { "*.bak", "!keep.bak", "cache/", "/log/**/*.log" })
        {
            rules.Add(PathRule.TryParse(Encoding.UTF8.GetBytes(text), includes: false, out _)!);
        }

        var told = new List<string>();
        var (bytes, _, _) = await PxarTestKit.ArchiveAsync(tree.Path, new TreeOptions { Rules = rules, Tell = told.Add });
        var archive = PxarTestKit.Open(bytes);
        Assert.Equal(
            ["keep.bak", "log", "log/1", "other", "other/only", "other/only/here", "sub", "sub/.pxarexclude", "sub/cache", "sub/deep", "sub/deep/a.bak",
                "sub/deep/b", ".pxarexclude-cli"],
            PxarTestKit.Describe(archive).Skip(1).Select(line => line.Split(' ')[0]));
        Assert.Equal("*.bak\n!keep.bak\ncache/\n/log/**/*.log\n"u8, PxarTestKit.Content(archive, archive.Find(".pxarexclude-cli"u8)!));
        Assert.Equal(4, rules.Count);
        Assert.Contains("bad pattern in /sub/.pxarexclude: trailing backslash in pattern", told);
    }

    [Fact]
    public async Task Patterns_restore_what_they_say_and_the_folders_around_it()
    {
        using var tree = new TreeFolder();
        using var restored = new TreeFolder();
        SampleTree.Make(tree.Path);
        var (bytes, _, _) = await PxarTestKit.ArchiveAsync(tree.Path);
        var rules = new PathRules();
        foreach (var text in new[] { "zz-*", "/sub/**/file-00?*", "empty/", "!file-003*" })
        {
            rules.Add(PathRule.TryParse(Encoding.UTF8.GetBytes(text), includes: true, out _)!);
        }

        Assert.Empty(PxarTestKit.Extract(PxarTestKit.Open(bytes), restored.Path, rules));
        Assert.Equal(
            ["sub", "sub/empty", "sub/many", .. Enumerable.Range(0, 10).Where(i => i != 3).Select(i => $"sub/many/file-{i:d3}-ü"), "zz-hello"],
            Directory.EnumerateFileSystemEntries(restored.Path, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(restored.Path, path)).Order(StringComparer.Ordinal));

        // The first name of that file was not wanted: the hard link became the file.
        Assert.Equal("hello\n", await File.ReadAllTextAsync(Path.Combine(restored.Path, "zz-hello")));
    }

    [Fact]
    public async Task Deep_folders_are_archived_and_restored()
    {
        using var tree = new TreeFolder();
        using var restored = new TreeFolder();
        var node = TreeNode.OpenFolder(tree.Path);
        for (var i = 0; i < 600; i++)
        {
            node.MakeFolder("folder"u8);
            var inner = node.OpenChildFolder("folder"u8);
            node.Dispose();
            node = inner;
        }

        node.CreateFile("bottom"u8).Dispose();
        node.Dispose();
        var (first, _, count) = await PxarTestKit.ArchiveAsync(tree.Path);
        Assert.Equal((1, 600), (count.Files, count.Folders));
        Assert.Empty(PxarTestKit.Extract(PxarTestKit.Open(first), restored.Path));
        var (second, _, _) = await PxarTestKit.ArchiveAsync(restored.Path);
        Assert.Equal(Digest.Of(first), Digest.Of(second));
    }

    [Fact]
    public async Task A_file_that_may_not_be_read_is_told_and_left_out()
    {
        using var tree = new TreeFolder();
        await File.WriteAllTextAsync(Path.Combine(tree.Path, "secret"), "x");
        File.SetUnixFileMode(Path.Combine(tree.Path, "secret"), UnixFileMode.None);
        var told = new List<string>();
        var (bytes, _, count) = await PxarTestKit.ArchiveAsync(tree.Path, new TreeOptions { Tell = told.Add });
        Assert.Equal(TreeNode.IsPrivileged ? 1 : 0, count.Files);
        Assert.Equal(TreeNode.IsPrivileged, PxarTestKit.Open(bytes).Find("secret"u8) is not null);
        Assert.Equal(TreeNode.IsPrivileged ? [] : ["secret: access denied: left out"], told);
    }

    [Fact]
    public async Task Other_file_systems_are_left_out_unless_they_are_asked_for()
    {
        await Assert.ThrowsAsync<RefusedException>(() => PxarTestKit.ArchiveAsync("/proc"));
        await Assert.ThrowsAsync<VolumeException>(() => PxarTestKit.ArchiveAsync("/no/such/folder"));
    }

    private static long BlocksOf(string path)
    {
        using var du = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("du", ["-k", path]) { RedirectStandardOutput = true })!;
        return long.Parse(du.StandardOutput.ReadToEnd().Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }
}
