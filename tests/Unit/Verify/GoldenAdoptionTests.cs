// A folder that a real PBS wrote becomes a datastore of this appliance: its snapshots appear, verify, prune and restore, and what a PBS cares for stays: signed
// members, notes, file sizes.
using System.Text.Json;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Verify;

public sealed class GoldenAdoptionTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly MemoryLedger ledger = new(TimeProvider.System);
    private VerifyWorld world = null!;

    private string Root => Path.Combine(folder.Path, "datastore");

    public async Task InitializeAsync()
    {
        StorageTestKit.Unpack("datastore.tar.gz", folder.Path);
        StorageTestKit.Unpack("input.tar.gz", folder.Path);
        world = await VerifyWorld.StartAsync(ledger, DiskVolume.OpenFolder(Root));
    }

    public async Task DisposeAsync()
    {
        await world.DisposeAsync();
        world.Store.Bytes.Dispose();
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task It_is_adopted_verified_and_restored_and_its_signatures_stay_good()
    {
        using var key = KeyFile.Parse(await File.ReadAllBytesAsync(StorageTestKit.GoldenFile("enc.key"))).Open(null);
        var before = Manifests();
        Assert.Equal(11, before.Count);
        Assert.Equal(11, (await world.EventsAsync<SnapshotDiscovered>()).Count);
        Assert.All(before.Values, manifest => Assert.Equal("ok", manifest.VerifyState!.State)); // the PBS's own

        // What the PBS verified counts as verified; asked to, we look ourselves.
        var (_, status, log) = await world.VerifyAsync();
        Assert.Equal("OK", status);
        Assert.Equal(11, log.Count(line => line.StartsWith("SKIPPED: ", StringComparison.Ordinal)));
        (var upid, status, log) = await world.VerifyAsync("ignore-verified=0");
        Assert.True(status == "OK", string.Join('\n', log));
        var events = await world.EventsAsync<SnapshotVerified>();
        Assert.Equal(11, events.Count);
        Assert.All(events, one => Assert.Equal(("ok", 0L, 0L), (one.Outcome, one.BadChunkCount, one.Unreadable)));
        Assert.Equal(24, events.Sum(one => one.ChunksRead));

        foreach (var (path, manifest) in Manifests())
        {
            Assert.Equal(new VerifyState("ok", upid), manifest.VerifyState);
            Assert.Equal((before[path].Signature, before[path].Notes, before[path].KeyFingerprint),
                (manifest.Signature, manifest.Notes, manifest.KeyFingerprint));
            Assert.Equal(before[path].Files, manifest.Files);
            Assert.Equal(before[path].Unprotected.Keys.Order(), manifest.Unprotected.Keys.Order());
            if (manifest.Signature is not null)
            {
                Assert.Null(manifest.CheckSignature(key));
            }
        }

        await RestoreAsync(key);
        await ListedAsTheyLieAsync(upid);
    }

    [Fact]
    public async Task Rot_in_it_is_found_and_named()
    {
        var image = world.Store.Bytes.OpenSnapshot(BackupNamespace.Root, Vm101()[0]);
        Digest digest;
        using (var index = image.OpenIndex("drive-scsi0.img.fidx"))
        {
            digest = index[0].Digest;
        }

        var path = Path.Combine(Root, ChunkStore.PathOf(digest));
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Equal(VerifySnapshots.FailedText, (await world.VerifyAsync("backup-type=vm&backup-id=101&ignore-verified=0")).Status);
        var found = Assert.Single(await world.EventsAsync<ChunkFoundCorrupt>());
        Assert.Equal((digest.ToString(), 2L), (found.Digest, found.SnapshotCount));
        Assert.True(File.Exists(path + ".0.bad"));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task It_is_pruned_and_collected_and_what_stays_is_whole()
    {
        Assert.Equal(200, (await world.CallAsync("POST", "admin/datastore/main/prune-datastore", "keep-last=1")).Status);
        await world.SettledAsync();
        Assert.Equal(6, world.Store.Bytes.DiskScan().Count());
        var before = Chunks();
        Assert.Equal(200, (await world.CallAsync("POST", "admin/datastore/main/gc")).Status);
        await world.SettledAsync();
        Assert.True(Chunks() < before, $"{Chunks()} of {before} chunks are left");
        var (_, status, log) = await world.VerifyAsync("ignore-verified=0");
        Assert.True(status == "OK", string.Join('\n', log));
        Assert.Equal(Chunks(), (await world.EventsAsync<SnapshotVerified>()).Sum(one => one.ChunksRead)); // all garbage is gone, nothing else
    }

    private int Chunks() => world.Store.Bytes.Chunks.ListPrefixes().Sum(prefix => world.Store.Bytes.Chunks.List(prefix).Count);

    private List<SnapshotName> Vm101() =>
        [.. world.Store.Bytes.ListSnapshots(BackupNamespace.Root, BackupGroup.Parse("vm/101")).Select(snapshot => snapshot.Name)];

    private async Task RestoreAsync(CryptConfig key)
    {
        foreach (var snapshot in world.Store.Bytes.DiskScan())
        {
            var reader = SnapshotReader.Open(world.Store.Bytes, snapshot.Namespace, snapshot.Name, key);
            foreach (var file in reader.Manifest.Files.Where(file => file.Name != "rsa-encrypted.key.blob"))
            {
                var output = new MemoryStream();
                await reader.RestoreAsync(file.Name, output);
                if (file.Name == "drive-scsi0.img.fidx")
                {
                    Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(folder.Path, "input", "disk.img")), output.ToArray());
                }
            }
        }
    }

    /// <summary>The listing is what a PBS would compute from the files.</summary>
    private async Task ListedAsTheyLieAsync(string upid)
    {
        var (_, body) = await world.CallAsync("GET", "admin/datastore/main/snapshots");
        var items = JsonDocument.Parse(body).RootElement.GetProperty("data").EnumerateArray().ToList();
        Assert.Equal(11, items.Count);
        foreach (var item in items)
        {
            Assert.Equal(upid, item.GetProperty("verification").GetProperty("upid").GetString());
            var place = Path.Combine(Root, item.GetProperty("backup-type").GetString()!, item.GetProperty("backup-id").GetString()!,
                GroupKey.TimeText(item.GetProperty("backup-time").GetInt64()), SafeId.ManifestName);
            var size = item.GetProperty("files").EnumerateArray()
                .Single(file => file.GetProperty("filename").GetString() == SafeId.ManifestName).GetProperty("size").GetInt64();
            Assert.Equal(new FileInfo(place).Length, size);
        }
    }

    private SortedDictionary<string, Manifest> Manifests() => new(
        world.Store.Bytes.DiskScan().ToDictionary(
            snapshot => snapshot.Name.ToString(), snapshot => world.Store.Bytes.OpenSnapshot(snapshot.Namespace, snapshot.Name).ReadManifest()),
        StringComparer.Ordinal);
}
