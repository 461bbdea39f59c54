// zip, tar and zstd streams, read back by other programs' rules: .NET's zip and tar readers, libzstd.
using System.Buffers;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Holdfast.Storage;
using Xunit;
using TarWriter = Holdfast.Storage.TarWriter;

namespace Holdfast.Tests.Unit;

public sealed class PackingTests
{
    [Fact]
    public void A_zip_archive_reads_back()
    {
        var output = new ArrayBufferWriter<byte>();
        var zip = new ZipWriter(output);
        zip.AddFolder("f"u8, PxarTestKit.FolderMode, 1_700_000_000);
        var contents = new[] { "", "hello\n", new string('a', 300_000) };
        foreach (var (content, i) in contents.Select((content, i) => (content, i)))
        {
            zip.BeginFile(Encoding.UTF8.GetBytes($"f/ü{i}"), PxarTestKit.FileMode, 1_700_000_000);
            zip.Write(Encoding.UTF8.GetBytes(content));
            zip.EndFile();
        }

        zip.Finish();
        using var archive = new ZipArchive(new MemoryStream(output.WrittenSpan.ToArray()));
        Assert.Equal(["f/", "f/ü0", "f/ü1", "f/ü2"], archive.Entries.Select(entry => entry.FullName));
        for (var i = 0; i < contents.Length; i++)
        {
            using var reader = new StreamReader(archive.Entries[i + 1].Open());
            Assert.Equal(contents[i], reader.ReadToEnd());
            Assert.Equal(new DateTime(2023, 11, 14, 22, 13, 20), archive.Entries[i + 1].LastWriteTime.DateTime);
        }
    }

    [Fact]
    public void A_tar_archive_reads_back()
    {
        var output = new ArrayBufferWriter<byte>();
        var tar = new TarWriter(output);
        var longName = new string('n', 150) + "/" + new string('m', 120);
        var metadata = new PxarMetadata { Mode = FileModes.Regular | 0x1a4, Uid = 1000, Gid = 3_000_000, MtimeS = -5 };
        tar.Add(TarWriter.Kind.Folder, "f"u8, PxarTestKit.Metadata(PxarTestKit.FolderMode));
        tar.Add(TarWriter.Kind.File, Encoding.UTF8.GetBytes(longName), metadata, 5);
        tar.Write("hello"u8);
        tar.Add(TarWriter.Kind.Symlink, "f/link"u8, metadata, target: Encoding.UTF8.GetBytes(longName));
        tar.Add(TarWriter.Kind.HardLink, "f/hard"u8, metadata, target: "f/x"u8);
        tar.Add(TarWriter.Kind.CharDevice, "f/null"u8, metadata, major: 1, minor: 3);
        tar.Finish();
        using var reader = new TarReader(new MemoryStream(output.WrittenSpan.ToArray()));
        var entries = new List<TarEntry>();
        while (reader.GetNextEntry(copyData: true) is { } entry)
        {
            entries.Add(entry);
        }

        Assert.Equal(["f/", longName, "f/link", "f/hard", "f/null"], entries.Select(entry => entry.Name));
        Assert.Equal("hello", new StreamReader(entries[1].DataStream!).ReadToEnd());
        Assert.Equal((1000, 3_000_000, -5L), (entries[1].Uid, entries[1].Gid, entries[1].ModificationTime.ToUnixTimeSeconds()));
        Assert.Equal((longName, "f/x"), (entries[2].LinkName, entries[3].LinkName));
        Assert.Equal((1, 3), (((GnuTarEntry)entries[4]).DeviceMajor, ((GnuTarEntry)entries[4]).DeviceMinor));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3_000_000)]
    public void A_zstd_frame_reads_back(int length)
    {
        var data = new byte[length];
        new Random(1).NextBytes(data.AsSpan(0, length / 2));
        var output = new ArrayBufferWriter<byte>();
        using (var zstd = new ZstdStreamEncoder(output))
        {
            for (var at = 0; at < length; at += 10_007)
            {
                zstd.Write(data.AsSpan(at, Math.Min(10_007, length - at)));
            }

            zstd.Finish();
        }

        Assert.Equal(data, Unpack(output.WrittenSpan, length));
    }

    /// <summary>Decompresses a frame as a chunk's payload.</summary>
    internal static byte[] Unpack(ReadOnlySpan<byte> frame, int maxBytes)
    {
        byte[] blob = [0x31, 0xb9, 0x58, 0x42, 0x6f, 0xb6, 0xa3, 0x7f, 0, 0, 0, 0, .. frame];
        _ = DataBlob.Parse(blob, out var header);
        DataBlob.WriteCrc(blob, header);
        return DataBlob.DecodeToArray(blob, Math.Max(1, maxBytes), null, "frame");
    }
}
