// A datastore that the real PBS 4.2.0 wrote, read with nothing but our code: every chunk, every archive against the
// inputs it was made from, every manifest against its decoded form, signatures with the key.
using System.Text.Json;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class GoldenStore : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public GoldenStore()
    {
        foreach (var archive in new[] { "datastore.tar.gz", "input.tar.gz", "decoded.tar.gz" })
        {
            StorageTestKit.Unpack(archive, folder.Path);
        }

        Store = Datastore.OpenReadOnly(DiskVolume.OpenFolder(Path.Combine(folder.Path, "datastore")));
        Key = KeyFile.Parse(File.ReadAllBytes(StorageTestKit.GoldenFile("enc.key"))).Open(null);
    }

    public Datastore Store { get; }

    public CryptConfig Key { get; }

    public string Root => folder.Path;

    public byte[] Input(string name) => File.ReadAllBytes(Path.Combine(folder.Path, "input", name));

    public void Dispose()
    {
        Store.Dispose();
        Key.Dispose();
        folder.Dispose();
    }
}

public sealed class GoldenStoreTests(GoldenStore golden) : IClassFixture<GoldenStore>
{
    [Fact]
    public void AllSnapshotsAreListed()
    {
        var found = golden.Store.DiskScan().Select(s => s.Name.ToString()).ToList();
        Assert.Equal(11, found.Count);
        Assert.All(golden.Store.DiskScan(), s => Assert.True(s.IsFinished));
        Assert.Contains("vm/101/2026-11-21T00:35:39Z", found);
        Assert.Equal(6, golden.Store.ListGroups(BackupNamespace.Root).Count);
        foreach (var group in golden.Store.ListGroups(BackupNamespace.Root))
        {
            Assert.Contains("@", golden.Store.GetOwner(BackupNamespace.Root, group));
        }
    }

    [Fact]
    public void EveryChunkIsGood()
    {
        var (plain, encrypted) = (0, 0);
        var buffer = new byte[DataBlob.MaxRawChunkSize];
        foreach (var prefix in golden.Store.Chunks.ListPrefixes())
        {
            foreach (var digest in golden.Store.Chunks.List(prefix))
            {
                var raw = buffer.AsSpan(0, golden.Store.Chunks.ReadRaw(digest, buffer));
                Assert.Null(DataBlob.Check(raw, out var header));
                var data = DataBlob.DecodeToArray(raw, DataBlob.MaxChunkSize, golden.Key, "chunk");
                Assert.Equal(digest, header.IsEncrypted ? golden.Key.ComputeDigest(data) : Digest.Of(data));
                Assert.True(ChunkUpload.Check(raw, digest, data.Length).IsAccepted);
                _ = header.IsEncrypted ? encrypted++ : plain++;
            }
        }

        Assert.Equal((20, 4), (plain, encrypted));
    }

    [Fact]
    public async Task EveryArchiveRestoresAndHasTheSizeOfTheManifest()
    {
        var archives = 0;
        foreach (var snapshot in golden.Store.DiskScan())
        {
            var reader = SnapshotReader.Open(golden.Store, snapshot.Namespace, snapshot.Name, golden.Key);
            foreach (var file in reader.Manifest.Files)
            {
                using var output = new MemoryStream();
                await reader.RestoreAsync(file.Name, output);
                archives++;
                if (file.Kind != ArchiveKind.Blob)
                {
                    Assert.Equal(file.SizeBytes, output.Length);
                }
            }
        }

        Assert.True(archives >= 20);
    }

    [Theory]
    [InlineData("vm/101/2026-11-21T00:35:39Z", "drive-scsi0.img.fidx", "disk.img")]
    [InlineData("vm/101/2026-11-21T00:35:40Z", "drive-scsi0.img.fidx", "disk.img")]
    [InlineData("vm/101/2026-11-21T00:35:39Z", "qemu-server.conf.blob", "drive-scsi0.conf")]
    [InlineData("host/enc-host/2026-11-21T00:35:41Z", "disk.img.fidx", "enc.img")]
    [InlineData("host/enc-host/2026-11-21T00:35:42Z", "disk.img.fidx", "enc.img")]
    public async Task ArchivesEqualTheirInputs(string snapshot, string archive, string input)
    {
        var reader = SnapshotReader.Open(
            golden.Store, BackupNamespace.Root, SnapshotName.Parse(snapshot), golden.Key);
        using var output = new MemoryStream();
        await reader.RestoreAsync(archive, output, readAhead: 1);
        Assert.Equal(golden.Input(input), output.ToArray());
    }

    [Theory]
    [InlineData("host/multi-host/2026-11-21T00:36:57Z", "multi/log.txt", false)]
    [InlineData("host/multi-host/2026-11-21T00:36:55Z", "multi/log.txt", true)]
    [InlineData("host/enc-host/2026-11-21T00:35:41Z", "enc-tree/rnd.bin", false)]
    [InlineData("host/golden-host/2026-11-21T00:35:37Z", "tree/random-700k.bin", false)]
    public async Task TreesHoldTheFilesOfTheirInputs(string snapshot, string input, bool withoutLastLine)
    {
        var reader = SnapshotReader.Open(
            golden.Store, BackupNamespace.Root, SnapshotName.Parse(snapshot), golden.Key);
        using var output = new MemoryStream();
        await reader.RestoreAsync("root.pxar.didx", output);
        var content = golden.Input(input);
        if (withoutLastLine)
        {
            content = content[..^"appended line\n".Length];
        }

        // A pxar stream holds the content of a file in one piece.
        Assert.True(output.ToArray().AsSpan().IndexOf(content) >= 0);
    }

    [Fact]
    public void ClientLogsReadBack()
    {
        foreach (var name in new[] { "host/golden-host/2026-11-21T00:35:37Z", "host/enc-host/2026-11-21T00:35:41Z" })
        {
            var reader = SnapshotReader.Open(
                golden.Store, BackupNamespace.Root, SnapshotName.Parse(name), golden.Key);
            Assert.Equal(golden.Input("client.log"), reader.ReadClientLog());
        }
    }

    [Fact]
    public void ManifestsEqualTheirDecodedFormAndRewriteToTheSameBytes()
    {
        foreach (var snapshot in golden.Store.DiskScan())
        {
            var folder = golden.Store.OpenSnapshot(snapshot.Namespace, snapshot.Name);
            var manifest = folder.ReadManifest();
            var file = snapshot.Name.ToString().Replace('/', '_') + "_index.json.blob.json";
            var expected = File.ReadAllText(Path.Combine(golden.Root, "decoded", file));
            using var left = JsonDocument.Parse(expected);
            using var right = JsonDocument.Parse(manifest.ToJson());
            Assert.True(JsonElement.DeepEquals(left.RootElement, right.RootElement));
            Assert.Equal(expected.TrimEnd('\n'), System.Text.Encoding.UTF8.GetString(manifest.ToJson()));
        }
    }

    [Fact]
    public void SignaturesAreGoodAndSurviveARewrite()
    {
        var signed = 0;
        foreach (var snapshot in golden.Store.DiskScan())
        {
            var manifest = golden.Store.OpenSnapshot(snapshot.Namespace, snapshot.Name).ReadManifest();
            if (manifest.Signature == null)
            {
                continue;
            }

            signed++;
            Assert.Null(manifest.CheckSignature(golden.Key));
            manifest.Notes = "other notes\nwith ünïcode and \"quotes\"";
            manifest.VerifyState = new VerifyState("failed", "UPID:x");
            var again = Manifest.FromBlob(manifest.ToBlob(), "test");
            Assert.Null(again.CheckSignature(golden.Key));
            Assert.Equal(manifest.Notes, again.Notes);
            Assert.True(again.VerifyState!.IsFailed);
        }

        Assert.Equal(3, signed);
    }

    [Fact]
    public async Task WithoutTheKeyEncryptedArchivesAreRefused()
    {
        var name = SnapshotName.Parse("host/enc-host/2026-11-21T00:35:41Z");
        var reader = SnapshotReader.Open(golden.Store, BackupNamespace.Root, name);
        await Assert.ThrowsAsync<KeyRequiredException>(() => reader.RestoreAsync("disk.img.fidx", Stream.Null));
        using var other = new CryptConfig(new byte[32]);
        Assert.Throws<CorruptDataException>(
            () => SnapshotReader.Open(golden.Store, BackupNamespace.Root, name, other));
    }

    [Fact]
    public void KeyFileOfTheRealClientOpens()
    {
        var file = KeyFile.Parse(File.ReadAllBytes(StorageTestKit.GoldenFile("enc.key")));
        Assert.Equal(KeyDerivation.None, file.Derivation);
        Assert.Equal(file.Fingerprint, golden.Key.FingerprintText);
        var text = File.ReadAllText(StorageTestKit.GoldenFile("enc.key")).Trim();
        Assert.Equal(text, System.Text.Encoding.UTF8.GetString(file.ToJson()));
    }

    [Fact]
    public void APbsStoreOpensForWritingAndTakesABackup()
    {
        using var folder = new TemporaryFolder();
        StorageTestKit.Unpack("datastore.tar.gz", folder.Path);
        var path = Path.Combine(folder.Path, "datastore");
        using var store = Datastore.Open(DiskVolume.OpenFolder(path));
        StorageTestKit.Backup(store, StorageTestKit.Snapshot(1_800_000_000), 5);
        StorageTestKit.ReadBack(store, StorageTestKit.Snapshot(1_800_000_000));
        Assert.Throws<RefusedException>(() => Datastore.Open(DiskVolume.OpenFolder(path)));
        store.Close();
        using var again = Datastore.Open(DiskVolume.OpenFolder(path));
        Assert.False(again.HasSuspectChunks);
    }
}
