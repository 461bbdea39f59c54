// The worst day, on the store that a real PBS wrote: a bare folder is listed and restored through the same code as the command,
// and what is wrong is said and leaves nothing behind.
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using Holdfast.Cli;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Cli;

public sealed class WorstDayTests : IDisposable
{
    private static readonly string Golden = Path.Combine(AppContext.BaseDirectory, "golden");
    private readonly DirectoryInfo work = Directory.CreateTempSubdirectory("holdfast-worst-day-");

    public WorstDayTests()
    {
        Unpack("datastore.tar.gz");
        Unpack("input.tar.gz");
    }

    private string Store => Path.Combine(work.FullName, "datastore");

    public void Dispose() => work.Delete(recursive: true);

    [Fact]
    public async Task A_bare_folder_is_listed()
    {
        await using FolderStore store = FolderStore.Open(Store, null);
        List<SnapshotLine> all = await store.ListAsync(null, default);
        Assert.Equal(11, all.Count);
        List<SnapshotLine> vm = await store.ListAsync(BackupGroup.Parse("vm/101"), default);
        Assert.Equal(["vm/101/2026-11-21T00:35:39Z", "vm/101/2026-11-21T00:35:40Z"], vm.Select(line => line.Name.ToString()));
        Assert.Equal("verify ok", vm[0].Remark);
        Assert.Contains("drive-scsi0.img.fidx", vm[0].Files);
    }

    [Theory]
    [InlineData("vm/101", "drive-scsi0.img", "disk.img", false)]
    [InlineData("host/enc-host", "disk.img", "enc.img", true)]
    public async Task An_image_comes_back(string group, string archive, string input, bool isEncrypted)
    {
        using CryptConfig? key = isEncrypted ? KeySource.Open(Path.Combine(Golden, "enc.key")) : null;
        string target = Path.Combine(work.FullName, "out.img");
        await RestoreAsync(group, archive, target, key);
        string expected = Directory.GetFiles(Path.Combine(work.FullName, "input"), input, SearchOption.AllDirectories).Single();
        Assert.Equal(Hash(expected), Hash(target));
    }

    [Fact]
    public async Task An_encrypted_archive_without_its_key_says_which_key()
    {
        var fault = await Assert.ThrowsAsync<FailedException>(
            () => RestoreAsync("host/enc-host", "disk.img", Path.Combine(work.FullName, "out.img"), null));
        Assert.Contains("88:78:bf:3d", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_key_is_refused()
    {
        using var other = new CryptConfig(new byte[32]);
        var fault = await Assert.ThrowsAsync<CorruptDataException>(
            () => RestoreAsync("host/enc-host", "disk.img", Path.Combine(work.FullName, "out.img"), other));
        Assert.Contains("does not match provided key", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_chunk_is_found_and_leaves_no_file()
    {
        foreach (string chunk in Directory.GetFiles(Path.Combine(Store, ".chunks"), "*", SearchOption.AllDirectories))
        {
            byte[] bytes = await File.ReadAllBytesAsync(chunk);
            bytes[^1] ^= 1;
            await File.WriteAllBytesAsync(chunk, bytes);
        }

        string target = Path.Combine(work.FullName, "out.img");
        await Assert.ThrowsAsync<CorruptDataException>(() => RestoreAsync("vm/101", "drive-scsi0.img", target, null));
        Assert.Empty(Directory.GetFiles(work.FullName));
    }

    [Fact]
    public void An_existing_file_is_kept_unless_said_otherwise()
    {
        string target = Path.Combine(work.FullName, "out.img");
        File.WriteAllText(target, "mine");
        Assert.Throws<FailedException>(() => RestoreTarget.Open(target, 10, replace: false));
        using (RestoreTarget given = RestoreTarget.Open(target, 10, replace: true))
        {
            given.Output.Write("yours"u8);
            Assert.Equal("mine", File.ReadAllText(target));
            given.Commit();
        }

        Assert.Equal("yours", File.ReadAllText(target));
    }

    [Fact]
    public void Zeros_become_holes_and_the_length_stays()
    {
        string target = Path.Combine(work.FullName, "out.img");
        var data = new byte[1_000_003];
        data[70_000] = 1;
        data[500_000] = 2;
        using (RestoreTarget open = RestoreTarget.Open(target, data.Length, replace: false))
        {
            open.Output.Write(data.AsSpan(0, 300_000));
            open.Output.Write(data.AsSpan(300_000));
            open.Commit();
        }

        Assert.Equal(data, File.ReadAllBytes(target));
    }

    [Fact]
    public void A_folder_that_is_no_store_is_refused()
    {
        Assert.Throws<FailedException>(() => FolderStore.Open(work.FullName, null));
        Assert.Throws<FailedException>(() => FolderStore.Open(Path.Combine(work.FullName, "missing"), null));
        Assert.Throws<FailedException>(() => FolderStore.Open(Store, BackupNamespace.Parse("nowhere")));
    }

    private async Task RestoreAsync(string group, string archive, string target, CryptConfig? key)
    {
        await using FolderStore store = FolderStore.Open(Store, null);
        SnapshotName name = await SnapshotChecks.ResolveAsync(store, group, default);
        await using IOpenSnapshot opened = await store.OpenAsync(name, key, default);
        ManifestFile file = SnapshotChecks.Require(opened.Manifest, archive, key);
        using RestoreTarget output = RestoreTarget.Open(target, file.SizeBytes, replace: false);
        await opened.RestoreAsync(file, output.Output, new Progress("x", 1, TimeProvider.System, TextWriter.Null, false), default);
        output.Commit();
    }

    private void Unpack(string archive)
    {
        using FileStream file = File.OpenRead(Path.Combine(Golden, archive));
        using var unzipped = new GZipStream(file, CompressionMode.Decompress);
        using var tar = new TarReader(unzipped);
        while (tar.GetNextEntry() is { } entry)
        {
            string path = Path.Combine(work.FullName, entry.Name.TrimStart('.', '/').TrimEnd('/'));
            if (entry.EntryType == TarEntryType.Directory)
            {
                Directory.CreateDirectory(path);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                entry.ExtractToFile(path, overwrite: true);
            }
        }
    }

    private static string Hash(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(file));
    }
}
