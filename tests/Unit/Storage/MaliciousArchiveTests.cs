// Archives that were made to do harm: whatever they say, nothing is written, linked, changed or read outside of the target, and the restore ends with words.
using System.Buffers;
using System.Buffers.Binary;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class MaliciousArchiveTests : IDisposable
{
    private readonly TemporaryFolder place = new();
    private readonly string target;
    private readonly string outside;

    public MaliciousArchiveTests()
    {
        (target, outside) = (Path.Combine(place.Path, "target"), Path.Combine(place.Path, "outside"));
        Directory.CreateDirectory(target);
        Directory.CreateDirectory(outside);
        File.WriteAllText(Path.Combine(outside, "victim"), "untouched");
        File.SetUnixFileMode(Path.Combine(outside, "victim"), UnixFileMode.UserRead);
    }

    public void Dispose()
    {
        Assert.Equal(["victim"], Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName));
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(outside, "victim")));
        Assert.Equal(UnixFileMode.UserRead, File.GetUnixFileMode(Path.Combine(outside, "victim")));
        Assert.Equal(["outside", "target"], Directory.EnumerateFileSystemEntries(place.Path).Select(Path.GetFileName).Order());
        place.Dispose();
    }

    [Theory]
    [InlineData("../escaped")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("/tmp/escaped")]
    [InlineData("a\0b")]
    public void A_name_that_leads_elsewhere_ends_the_restore(string name)
    {
        var bytes = PxarTestKit.Write(writer => PxarTestKit.File(writer, Placeholder(name), "evil"));
        bytes.AsSpan().Replace(PxarTestKit.Utf8(Placeholder(name)), PxarTestKit.Utf8(name));
        var error = Assert.Throws<CorruptDataException>(() => PxarTestKit.Extract(PxarTestKit.Open(bytes), target));
        Assert.Contains(error.Reason.Split(" (")[0], (string[])["a name that is none", "a text without its end", "a text of a wrong length"]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(target));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_folder_of_the_same_name_does_not_go_through_a_link(bool replaces)
    {
        var archive = PxarTestKit.Write(writer =>
        {
            writer.AddSymlink("way"u8, PxarTestKit.Metadata(FileModes.Symlink | 511), PxarTestKit.Utf8(outside));
            writer.BeginFolder("way"u8, PxarTestKit.Metadata(PxarTestKit.FolderMode));
            PxarTestKit.File(writer, "victim", "evil");
            PxarTestKit.File(writer, "new", "evil");
            writer.EndFolder();
        });
        var problems = PxarTestKit.Extract(PxarTestKit.Open(archive), target, replaces: replaces);
        Assert.Equal(replaces, problems.Count == 0);
        Assert.Equal(replaces, File.Exists(Path.Combine(target, "way", "new")) && new FileInfo(Path.Combine(target, "way")).LinkTarget is null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_of_the_same_name_does_not_go_through_a_link(bool replaces)
    {
        var archive = PxarTestKit.Write(writer =>
        {
            writer.AddSymlink("way"u8, PxarTestKit.Metadata(FileModes.Symlink | 511), PxarTestKit.Utf8(Path.Combine(outside, "victim")));
            PxarTestKit.File(writer, "way", "evil");
        });
        PxarTestKit.Extract(PxarTestKit.Open(archive), target, replaces: replaces);
        Assert.Equal(replaces ? null : Path.Combine(outside, "victim"), new FileInfo(Path.Combine(target, "way")).LinkTarget);
    }

    [Fact]
    public void Links_that_were_there_before_are_not_followed_either()
    {
        Directory.CreateSymbolicLink(Path.Combine(target, "folder"), outside);
        File.CreateSymbolicLink(Path.Combine(target, "file"), Path.Combine(outside, "victim"));
        var archive = PxarTestKit.Write(writer =>
        {
            PxarTestKit.File(writer, "file", "new");
            writer.BeginFolder("folder"u8, PxarTestKit.Metadata(PxarTestKit.FolderMode));
            PxarTestKit.File(writer, "victim", "new");
            writer.EndFolder();
        });
        Assert.Equal(2, PxarTestKit.Extract(PxarTestKit.Open(archive), target).Count);
        Assert.Empty(PxarTestKit.Extract(PxarTestKit.Open(archive), target, replaces: true));
        Assert.Equal("new", File.ReadAllText(Path.Combine(target, "folder", "victim")));
        Assert.Equal("new", File.ReadAllText(Path.Combine(target, "file")));
    }

    [Theory]
    [InlineData("../outside/victim")]
    [InlineData("way/victim")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../outside/victim")]
    public void A_hard_link_to_the_outside_becomes_a_file_of_its_own(string path)
    {
        var archive = PxarTestKit.Write(writer =>
        {
            PxarTestKit.File(writer, "file", "untouched");
            var start = writer.Position;
            writer.AddSymlink("way"u8, PxarTestKit.Metadata(FileModes.Symlink | 511), PxarTestKit.Utf8(outside));
            writer.AddHardLink("x"u8, FirstFile(start), PxarTestKit.Utf8(path));
        });
        Assert.Single(PxarTestKit.Extract(PxarTestKit.Open(archive), target));
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(target, "x")));
        File.WriteAllText(Path.Combine(target, "x"), "changed here only");
    }

    [Fact]
    public void A_hard_link_that_leads_nowhere_ends_the_restore()
    {
        foreach (var place in new long[] { 1, 8, 55, 56 })
        {
            var archive = PxarTestKit.Write(writer =>
            {
                writer.AddSymlink("a"u8, PxarTestKit.Metadata(FileModes.Symlink | 511), "b"u8);
                writer.AddHardLink("x"u8, place, "a"u8);
            });
            Assert.Throws<CorruptDataException>(() => PxarTestKit.Extract(PxarTestKit.Open(archive), target));
            File.Delete(Path.Combine(target, "a"));
        }
    }

    [Fact]
    public void Folders_without_end_are_refused()
    {
        var archive = PxarTestKit.Write(writer =>
        {
            for (var i = 0; i <= PxarFormat.MaxDepth; i++)
            {
                writer.BeginFolder("d"u8, PxarTestKit.Metadata(PxarTestKit.FolderMode));
            }

            for (var i = 0; i <= PxarFormat.MaxDepth; i++)
            {
                writer.EndFolder();
            }
        });
        var error = Assert.Throws<CorruptDataException>(() => PxarTestKit.Describe(PxarTestKit.Open(archive)));
        Assert.Contains("nested deeper", error.Message);
    }

    [Fact]
    public void Sizes_that_promise_more_than_there_is_allocate_nothing()
    {
        var good = PxarTestKit.Write(writer => PxarTestKit.File(writer, "file", "content"));
        foreach (var huge in new[] { long.MaxValue, int.MaxValue, -1, 15, 0 })
        {
            for (var at = 8; at + 8 < good.Length; at += 8)
            {
                var bad = good.ToArray();
                BinaryPrimitives.WriteInt64LittleEndian(bad.AsSpan(at), huge);
                var before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    _ = PxarTestKit.Describe(PxarTestKit.Open(bad));
                }
                catch (CorruptDataException)
                {
                    // What it should be, mostly; a few places hold times and owners, where any number is one.
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
            }
        }
    }

    [Fact]
    public void A_catalog_that_names_a_folder_twice_is_seen_through()
    {
        // Twenty blocks, each of which names the one before twice: a million paths in a few hundred bytes.
        var bytes = new ArrayBufferWriter<byte>();
        bytes.Write(Convert.FromHexString("91fd60f9c46758d5"));
        var before = bytes.WrittenCount;
        bytes.Write((byte[])[1, 0]);
        for (var i = 0; i < 20; i++)
        {
            var start = bytes.WrittenCount;
            var back = (byte)(start - before);
            bytes.Write((byte[])[9, 2, (byte)'d', 1, (byte)'a', back, (byte)'d', 1, (byte)'b', back]);
            before = start;
        }

        BinaryPrimitives.WriteInt64LittleEndian(bytes.GetSpan(8), before);
        bytes.Advance(8);
        Assert.Throws<CorruptDataException>(() => CatalogReader.Open(new MemoryFile("c", bytes.WrittenMemory)).Walk().Count());
    }

    /// <summary>A legal name of the same length.</summary>
    private static string Placeholder(string name) => name.Length == 0 ? "x" : new string('x', name.Length);

    /// <summary>Place of the first file: behind the root's entry.</summary>
    private static long FirstFile(long end) => Math.Min(end, 56);
}

internal static class Bytes
{
    /// <summary>Puts other bytes where these are, once; an empty text takes the place of its name by its end.</summary>
    public static void Replace(this Span<byte> bytes, byte[] from, byte[] to)
    {
        var at = bytes.IndexOf(from);
        if (to.Length == 0)
        {
            bytes[at] = 0;
            return;
        }

        to.CopyTo(bytes[at..]);
    }
}
