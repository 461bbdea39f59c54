// Verification of snapshots on bytes: what is good passes, any damage is found, trouble with the device is never called damage, and what is set aside can be
// healed. Small stores on a simulated volume.
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit;

public sealed class VerifyTests : IDisposable
{
    private static readonly SnapshotName Name = StorageTestKit.Snapshot(1_700_000_000);
    private static readonly string Folder = Name.ToString();

    private readonly SimulatedVolume volume = new();
    private readonly Datastore store;
    private readonly List<string> lines = [];

    public VerifyTests() => store = Datastore.Create(volume, StorageTestKit.Options);

    public void Dispose() => store.Dispose();

    [Fact]
    public async Task A_good_snapshot_passes_all_five_checks()
    {
        StorageTestKit.Backup(store, Name, 1);
        var verdict = await VerifyAsync();
        Assert.Equal(VerifyOutcome.Ok, verdict.Outcome);
        Assert.Equal((4L, 0L), verdict.Of(VerifyCheckName.Exists)); // three chunks and a blob
        Assert.Equal((4L, 0L), verdict.Of(VerifyCheckName.Digest));
        Assert.Equal((4L, 0L), verdict.Of(VerifyCheckName.Decodable));
        Assert.Equal((1L, 0L), verdict.Of(VerifyCheckName.IndexConsistent));
        Assert.Equal((1L, 0L), verdict.Of(VerifyCheckName.ManifestValid));
        Assert.Equal((3L, 3L), (verdict.References, verdict.ChunksRead));
        Assert.Contains("  check root.pxar.didx", lines);
        Assert.Contains(lines, line => line.StartsWith("  verified 0.01/0.01 MiB in ", StringComparison.Ordinal) && line.EndsWith("(0 errors)"));
    }

    [Fact]
    public async Task Every_flipped_byte_of_every_file_is_found_and_by_the_right_check()
    {
        var chunks = SmallBackup();
        foreach (var path in chunks.Select(digest => ChunkStore.PathOf(digest))
            .Concat([Folder + "/root.pxar.didx", Folder + "/disk.img.fidx", Folder + "/a.conf.blob", Folder + "/index.json.blob"]))
        {
            volume.TryStat(path, out var stat);
            for (var at = 0; at < stat.SizeBytes; at++)
            {
                // uuid, ctime and the padding of an index mean nothing to anybody (reference 3.4, 3.5).
                var isIndex = path.EndsWith("idx", StringComparison.Ordinal);
                var isPadding = at is (>= 8 and < 32) or (>= 80 and < 4096) || (at is >= 64 and < 80 && path.EndsWith(".didx", StringComparison.Ordinal));
                if (isIndex && isPadding)
                {
                    continue;
                }

                volume.FlipBit(path, (at * 8L) + (at % 8));
                var verdict = await VerifyAsync();
                volume.FlipBit(path, (at * 8L) + (at % 8));
                Assert.True(verdict.Outcome == VerifyOutcome.Failed, $"{path} byte {at}: {verdict.Outcome}");
                Assert.True(verdict.Faults == FaultsOf(verdict, path), $"{path} byte {at}: found by the wrong check");
            }
        }

        Assert.Equal(VerifyOutcome.Ok, (await VerifyAsync()).Outcome);
    }

    [Theory]
    [InlineData(5)] // EIO
    [InlineData(13)] // EACCES
    [InlineData(23)] // ENFILE
    [InlineData(116)] // ESTALE
    public async Task An_error_of_the_device_is_never_damage(int errno)
    {
        var chunks = SmallBackup();
        foreach (var path in new[] { ChunkStore.PathOf(chunks[0]), Folder + "/root.pxar.didx", Folder + "/a.conf.blob", Folder + "/index.json.blob" })
        {
            foreach (var operation in new[] { "open", "fstat", "read" })
            {
                volume.Fault = call => call.Operation == operation && call.Path == path ? errno : 0;
                var verdict = await VerifyAsync();
                volume.Fault = null;
                Assert.Equal((VerifyOutcome.Unreadable, 0L), (verdict.Outcome, verdict.Faults));
                Assert.Empty(verdict.Bad);
                Assert.Contains(path, verdict.UnreadableWhy, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task A_read_that_is_cut_short_is_never_damage()
    {
        var chunks = SmallBackup();
        foreach (var path in new[] { ChunkStore.PathOf(chunks[0]), Folder + "/root.pxar.didx", Folder + "/a.conf.blob", Folder + "/index.json.blob" })
        {
            using var cut = Datastore.OpenReadOnly(new CuttingVolume(volume, path));
            using var job = new VerifyJob(cut, 1, 1, TimeProvider.System);
            var verdict = await job.VerifyAsync(BackupNamespace.Root, Name, lines.Add, default);
            Assert.Equal((VerifyOutcome.Unreadable, 0L, 0), (verdict.Outcome, verdict.Faults, verdict.Bad.Count));
        }
    }

    [Fact]
    public async Task What_reads_bad_once_and_good_the_second_time_is_good()
    {
        var path = ChunkStore.PathOf(SmallBackup()[0]);
        var reads = 0;
        volume.FlipBit(path, 200);
        volume.Fault = call =>
        {
            if (call.Operation == "open" && call.Path == path && ++reads == 2)
            {
                volume.FlipBit(path, 200);
            }

            return 0;
        };
        Assert.Equal(VerifyOutcome.Ok, (await VerifyAsync()).Outcome);
        Assert.Equal(2, reads);
    }

    [Fact]
    public async Task Damage_and_unreadable_at_once_is_failed()
    {
        var chunks = SmallBackup();
        volume.FlipBit(ChunkStore.PathOf(chunks[1]), 300);
        volume.Fault = call => call.Operation == "read" && call.Path == ChunkStore.PathOf(chunks[0]) ? 5 : 0;
        var verdict = await VerifyAsync();
        Assert.Equal((VerifyOutcome.Failed, 1L, 1L), (verdict.Outcome, verdict.Faults, verdict.Unreadable));
        Assert.Equal([chunks[1]], verdict.Bad.Select(chunk => chunk.Digest));
    }

    [Fact]
    public async Task A_missing_chunk_blob_or_index_is_found()
    {
        var chunks = SmallBackup();
        volume.Unlink(ChunkStore.PathOf(chunks[0]));
        volume.Unlink(Folder + "/a.conf.blob");
        volume.Unlink(Folder + "/disk.img.fidx");
        var verdict = await VerifyAsync();
        Assert.Equal((1L + 2, 2L), verdict.Of(VerifyCheckName.Exists));
        Assert.Equal((2L, 1L), verdict.Of(VerifyCheckName.IndexConsistent));
        Assert.Equal(ChunkFault.Missing, Assert.Single(verdict.Bad).Fault);
    }

    [Fact]
    public async Task A_chunk_is_read_once_in_a_job_however_often_it_is_named()
    {
        StorageTestKit.Backup(store, Name, 1);
        StorageTestKit.Backup(store, StorageTestKit.Snapshot(1_700_000_001), 1);
        var path = ChunkStore.PathOf(StorageTestKit.Chunk(1, 700).Digest);
        var opened = 0;
        volume.FlipBit(path, 1000);
        volume.Fault = call =>
        {
            opened += call.Operation == "open" && call.Path == path ? 1 : 0;
            return 0;
        };
        using var job = new VerifyJob(store, 4, 4, TimeProvider.System);
        var first = await job.VerifyAsync(BackupNamespace.Root, Name, _ => { }, default);
        var second = await job.VerifyAsync(BackupNamespace.Root, StorageTestKit.Snapshot(1_700_000_001), _ => { }, default);
        Assert.Equal(2, opened); // found bad, so read a second time
        Assert.Equal((3L, 0L), (first.ChunksRead, second.ChunksRead));
        Assert.Equal((VerifyOutcome.Failed, VerifyOutcome.Failed), (first.Outcome, second.Outcome));
    }

    [Fact]
    public async Task Encrypted_chunks_are_checked_as_far_as_that_needs_no_key_and_must_be_where_the_manifest_says()
    {
        using var crypt = new CryptConfig(StorageTestKit.TestKey);
        var (encrypted, raw) = StorageTestKit.Chunk(7, 900, crypt);
        var (plain, plainRaw) = StorageTestKit.Chunk(8, 900);
        store.Chunks.Insert(encrypted, raw);
        store.Chunks.Insert(plain, plainRaw);
        Publish([("enc.didx", CryptMode.Encrypt, [(encrypted, 900)]), ("plain.didx", CryptMode.None, [(plain, 900)])]);
        Assert.Equal(VerifyOutcome.Ok, (await VerifyAsync()).Outcome);

        var wrong = StorageTestKit.Snapshot(1_700_000_005);
        Publish([("enc.didx", CryptMode.Encrypt, [(plain, 900)]), ("plain.didx", CryptMode.None, [(encrypted, 900), (plain, 899)])], wrong);
        using var job = new VerifyJob(store, 1, 1, TimeProvider.System);
        var verdict = await job.VerifyAsync(BackupNamespace.Root, wrong, lines.Add, default);
        Assert.Equal((5L, 3L), verdict.Of(VerifyCheckName.IndexConsistent)); // two indexes are whole, three entries are wrong
        Assert.Empty(verdict.Bad);
        Assert.Contains(lines, line => line.Contains("899 bytes long, it has 900", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_abort_ends_a_verification_between_chunks()
    {
        StorageTestKit.Backup(store, Name, 1);
        using var stop = new CancellationTokenSource();
        volume.Fault = call =>
        {
            if (call.Operation == "open" && call.Path.StartsWith(".chunks", StringComparison.Ordinal))
            {
                stop.Cancel();
            }

            return 0;
        };
        using var job = new VerifyJob(store, 1, 2, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => job.VerifyAsync(BackupNamespace.Root, Name, _ => { }, stop.Token));
    }

    [Fact]
    public void A_corrupt_chunk_is_set_aside_under_the_first_free_name_and_the_last_one_is_used_again()
    {
        var (digest, raw) = StorageTestKit.Chunk(1, 700);
        for (var i = 0; i < 12; i++)
        {
            Assert.False(store.Chunks.Insert(digest, raw).IsDuplicate);
            Assert.Null(store.Chunks.SetAside(digest)); // it is good
            volume.FlipBit(ChunkStore.PathOf(digest), 400 + i);
            Assert.Equal($"{digest}.{Math.Min(i, 9)}.bad", store.Chunks.SetAside(digest));
            Assert.False(store.Chunks.Contains(digest));
        }

        Assert.Equal(10, volume.List(ChunkStore.FolderOf(digest.Prefix)).Count);
        Assert.Empty(store.Chunks.List(digest.Prefix));
    }

    [Fact]
    public void An_unreadable_chunk_is_not_set_aside()
    {
        var (digest, raw) = StorageTestKit.Chunk(1, 700);
        store.Chunks.Insert(digest, raw);
        volume.FlipBit(ChunkStore.PathOf(digest), 400);
        volume.Fault = call => call.Operation == "read" ? 5 : 0;
        Assert.Null(store.Chunks.SetAside(digest));
        volume.Fault = null;
        Assert.True(store.Chunks.Contains(digest));
    }

    [Fact]
    public void A_mistrusted_chunk_is_replaced_unless_it_is_good()
    {
        var (digest, raw) = StorageTestKit.Chunk(1, 700);
        store.Chunks.Insert(digest, raw);
        Assert.Equal(InsertOutcome.Duplicate, store.Chunks.Insert(digest, raw, mistrusted: true).Outcome);
        volume.FlipBit(ChunkStore.PathOf(digest), 400);
        Assert.Equal(InsertOutcome.Healed, store.Chunks.Insert(digest, raw, mistrusted: true).Outcome);
        Assert.Equal(ChunkFault.None, store.Chunks.Verify(digest).Fault);
    }

    [Fact]
    public void Power_cut_anywhere_in_setting_aside_leaves_the_chunk_under_one_of_its_names()
    {
        for (var cut = 1; cut < 12; cut++)
        {
            for (var seed = 0; seed < 8; seed++)
            {
                var disk = new SimulatedVolume();
                using var cutStore = Datastore.Create(disk, StorageTestKit.Options);
                var (digest, raw) = StorageTestKit.Chunk(1, 700);
                cutStore.Chunks.Insert(digest, raw);
                cutStore.MakeDurable();
                disk.FlipBit(ChunkStore.PathOf(digest), 400);
                disk.CutAtCall = disk.Calls + cut;
                try
                {
                    cutStore.Chunks.SetAside(digest);
                }
                catch (SimulatedPowerCutException)
                {
                    // What the test is about.
                }

                var after = disk.Crash(seed);
                var names = after.List(ChunkStore.FolderOf(digest.Prefix)).Select(entry => entry.Name).ToList();
                Assert.Contains(Assert.Single(names), new[] { digest.ToString(), digest + ".0.bad" });
                using var reopened = Datastore.Open(after, StorageTestKit.Options);
                Assert.Equal(names[0] == digest.ToString() ? InsertOutcome.Healed : InsertOutcome.New,
                    reopened.Chunks.Insert(digest, raw, mistrusted: true).Outcome);
                Assert.Equal(ChunkFault.None, reopened.Chunks.Verify(digest).Fault);
            }
        }
    }

    /// <summary>The findings that a flip in this file must make: those of the checks that look at it, and no others.</summary>
    private static long FaultsOf(SnapshotVerdict verdict, string path)
    {
        VerifyCheckName[] checks = path.EndsWith("idx", StringComparison.Ordinal) ? [VerifyCheckName.IndexConsistent]
            : path.EndsWith("index.json.blob", StringComparison.Ordinal) ? [VerifyCheckName.ManifestValid]
            : [VerifyCheckName.Decodable, VerifyCheckName.Digest];
        return checks.Sum(check => verdict.Of(check).Failed);
    }

    /// <summary>A dynamic index of two chunks, a fixed one of one, a blob: all so small that each byte can be tried.</summary>
    private List<Digest> SmallBackup()
    {
        List<(Digest Digest, byte[] Raw)> chunks = [StorageTestKit.Chunk(1, 60), StorageTestKit.Chunk(2, 80), ZeroChunk(4096)];
        foreach (var (digest, raw) in chunks)
        {
            store.Chunks.Insert(digest, raw);
        }

        Publish([("root.pxar.didx", CryptMode.None, [(chunks[0].Digest, 60), (chunks[1].Digest, 80)])], null, manifest =>
        {
            var folder = store.OpenSnapshot(BackupNamespace.Root, Name);
            using (var index = folder.CreateFixedIndex("disk.img.fidx", 4096))
            {
                index.SetSlot(0, chunks[2].Digest);
                var summary = index.Close();
                manifest.Add(new ManifestFile(summary.Name, CryptMode.None, summary.SizeBytes, summary.Csum));
            }

            var blob = DataBlob.Encode(new byte[300]);
            folder.WriteBlob("a.conf.blob", blob);
            manifest.Add(new ManifestFile("a.conf.blob", CryptMode.None, blob.Length, Digest.Of(blob)));
        });
        return [.. chunks.Select(chunk => chunk.Digest)];
    }

    private static (Digest Digest, byte[] Raw) ZeroChunk(int length) => (Digest.Of(new byte[length]), DataBlob.Encode(new byte[length]));

    private void Publish(
        (string Archive, CryptMode Mode, (Digest Digest, int Size)[] Chunks)[] archives, SnapshotName? name = null, Action<Manifest>? more = null)
    {
        var snapshot = name ?? Name;
        store.CreateGroup(BackupNamespace.Root, snapshot.Group, "test@pbs");
        var folder = store.CreateSnapshot(BackupNamespace.Root, snapshot);
        var manifest = new Manifest(snapshot);
        foreach (var (archive, mode, chunks) in archives)
        {
            using var index = folder.CreateDynamicIndex(archive);
            foreach (var (digest, size) in chunks)
            {
                index.Append(size, digest);
            }

            var summary = index.Close();
            manifest.Add(new ManifestFile(summary.Name, mode, summary.SizeBytes, summary.Csum));
        }

        more?.Invoke(manifest);
        store.MakeDurable();
        folder.PublishManifest(manifest.ToBlob());
    }

    private async Task<SnapshotVerdict> VerifyAsync()
    {
        lines.Clear();
        using var job = new VerifyJob(store, 1, 1, TimeProvider.System);
        return await job.VerifyAsync(BackupNamespace.Root, Name, lines.Add, default);
    }
}
