// The life of a bad chunk: found by a verification or a restore, recorded with all it hits, set aside, never built upon, healed by an upload. And what is not a
// bad chunk: one that could not be read.
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Verify;

public sealed class CorruptChunkTests : IAsyncLifetime
{
    private const long First = 1_772_000_000;
    private const long Second = 1_772_000_100;
    private const long Third = 1_772_000_200;

    private static readonly byte[] Data = StorageTestKit.RandomBytes(1, 1000);
    private static readonly byte[] Other = StorageTestKit.RandomBytes(2, 1000);
    private static readonly Digest Chunk = Digest.Of(Data);
    private static readonly string ChunkPath = ChunkStore.PathOf(Chunk);

    private readonly SimulatedVolume disk = new();
    private readonly MemoryLedger ledger = new(TimeProvider.System);
    private VerifyWorld world = null!;

    public async Task InitializeAsync()
    {
        world = await VerifyWorld.StartAsync(ledger, disk);
        await world.BackupAsync(First, [Data, Other], "100");
        await world.BackupAsync(First, [Data], "200");
        await world.BackupAsync(First, [Other], "300");
    }

    public async Task DisposeAsync() => await world.DisposeAsync();

    [Fact]
    public async Task A_corrupt_chunk_is_recorded_with_every_snapshot_it_hits_set_aside_and_healed_by_a_fresh_upload()
    {
        disk.FlipBit(ChunkPath, 300);
        var (upid, status, log) = await world.VerifyAsync("backup-type=vm&backup-id=100");
        Assert.Equal(VerifySnapshots.FailedText, status);
        Assert.Contains(log, line => line.StartsWith($"  can't verify chunk {Chunk}: ", StringComparison.Ordinal));
        Assert.Contains($"corrupt chunk renamed to {Chunk}.0.bad", log);

        var found = Assert.Single(await world.EventsAsync<ChunkFoundCorrupt>());
        Assert.Equal((Chunk.ToString(), 2L, 0L), (found.Digest, found.SnapshotCount, found.UnreadIndexes));
        Assert.Equal(["100", "200"], found.Snapshots.Select(snapshot => snapshot.BackupId).Order());
        Assert.False(world.Store.Bytes.Chunks.Contains(Chunk));
        Assert.Equal(new VerifyState("failed", upid), world.ManifestOf(First).VerifyState);
        var verified = Assert.Single(await world.EventsAsync<SnapshotVerified>());
        Assert.Equal(("failed", 1L), (verified.Outcome, verified.BadChunkCount));
        Assert.Equal([Chunk.ToString()], verified.BadChunks);
        Assert.Equal(["chunk-corrupt", "snapshot-damaged"], world.Alarms);
        Assert.Equal((true, false), (world.Find(First, "200").Recheck, world.Find(First, "300").Recheck));

        // No base for the next backup; its upload heals, and both snapshots are looked at again, although both were verified.
        await world.VerifyAsync("backup-type=vm&backup-id=200");
        await world.BackupAsync(Second, [Data, Other], "100");
        var healed = Assert.Single(await world.EventsAsync<ChunkHealed>());
        Assert.Equal((Chunk.ToString(), "uploaded", 2L), (healed.Digest, healed.How, healed.SnapshotCount));
        Assert.Empty(world.BadChunks.Stores);
        (_, status, log) = await world.VerifyAsync();
        Assert.Equal("OK", status);
        Assert.All((string[])["100", "200"], id => Assert.Equal(("ok", false), (world.Find(First, id).Content.VerifyState, world.Find(First, id).Recheck)));
        Assert.Equal("ok", world.ManifestOf(First).VerifyState!.State);
        Assert.Equal(["chunk-corrupt"], world.Alarms); // stays until somebody has seen it
    }

    [Fact]
    public async Task A_snapshot_that_was_good_before_is_looked_at_again_when_a_chunk_of_it_turns_bad()
    {
        await world.VerifyAsync();
        disk.FlipBit(ChunkPath, 300);
        await world.VerifyAsync("backup-type=vm&backup-id=100&ignore-verified=0");
        Assert.Equal("ok", world.Find(First, "200").Content.VerifyState);
        var (_, status, log) = await world.VerifyAsync();
        Assert.Equal(VerifySnapshots.FailedText, status);
        Assert.Equal("failed", world.Find(First, "200").Content.VerifyState);
        Assert.Contains("SKIPPED: verify main:vm/300/2026-02-25T06:13:20Z (recently verified)", log);
        Assert.Single(await world.EventsAsync<ChunkFoundCorrupt>());
        Assert.Empty(await world.EventsAsync<ChunkFoundMissing>()); // set aside is not missing: it is known
    }

    [Fact]
    public async Task Nothing_is_built_on_a_snapshot_that_names_a_bad_chunk()
    {
        disk.FlipBit(ChunkPath, 300);
        await world.VerifyAsync("backup-type=vm&backup-id=100");
        var failed = await world.OpenAsync("backup", Second, "100");
        Assert.Equal("{\"data\":null}", (await VerifyWorld.InSessionAsync(failed, "GET", "/previous_backup_time", "")).Body);
        await failed.EndAsync(null);

        // Group 200 was not verified: it is offered as a base, but not the index that names the chunk.
        var unverified = await world.OpenAsync("backup", Second, "200");
        var (status, text) = await VerifyWorld.InSessionAsync(unverified, "GET", "/previous", "archive-name=a.didx");
        Assert.Equal(400, status);
        Assert.Contains($"chunk {Chunk}", text, StringComparison.Ordinal);
        await unverified.EndAsync(null);
    }

    [Fact]
    public async Task A_backup_that_took_over_a_chunk_before_it_was_found_bad_does_not_finish()
    {
        var session = await world.OpenAsync("backup", Second, "200");
        Assert.Equal(200, (await VerifyWorld.InSessionAsync(session, "GET", "/previous", "archive-name=a.didx")).Status);
        await VerifyWorld.InSessionAsync(session, "POST", "/dynamic_index", "archive-name=a.didx");
        var append = $"{{\"wid\":1,\"digest-list\":[\"{Chunk}\"],\"offset-list\":[0]}}";
        Assert.Equal(200, (await VerifyWorld.InSessionAsync(session, "PUT", "/dynamic_index", "", append)).Status);
        var csum = Digest.Of([.. BitConverter.GetBytes(1000L), .. Chunk.Bytes]);
        Assert.Equal(200, (await VerifyWorld.InSessionAsync(session, "POST", "/dynamic_close", $"wid=1&chunk-count=1&size=1000&csum={csum}")).Status);

        disk.FlipBit(ChunkPath, 300);
        await world.VerifyAsync("backup-type=vm&backup-id=100");
        var (status, text) = await VerifyWorld.InSessionAsync(session, "POST", "/finish", "");
        Assert.Equal(400, status);
        Assert.Contains("was found corrupt or missing during the backup", text, StringComparison.Ordinal);
        await session.EndAsync(null);
    }

    [Fact]
    public async Task A_restore_that_meets_a_flipped_bit_serves_nothing_of_it_and_records_it()
    {
        disk.FlipBit(ChunkPath, 300);
        var reader = await world.OpenAsync("reader", First, "100");
        Assert.Equal(200, (await VerifyWorld.InSessionAsync(reader, "GET", "/download", "file-name=a.didx")).Status);
        Assert.Equal(400, (await VerifyWorld.InSessionAsync(reader, "GET", "/chunk", "digest=" + Chunk)).Status);
        Assert.Equal(200, (await VerifyWorld.InSessionAsync(reader, "GET", "/chunk", "digest=" + Digest.Of(Other))).Status);
        await reader.EndAsync(null);
        Assert.Equal(2L, Assert.Single(await world.EventsAsync<ChunkFoundCorrupt>()).SnapshotCount);
        Assert.False(world.Store.Bytes.Chunks.Contains(Chunk));
        Assert.True(world.Find(First, "100").Recheck);
    }

    [Fact]
    public async Task A_restore_that_meets_an_error_of_the_device_records_no_damage()
    {
        disk.Fault = call => call.Operation == "read" && call.Path == ChunkPath ? 5 : 0;
        var reader = await world.OpenAsync("reader", First, "100");
        await VerifyWorld.InSessionAsync(reader, "GET", "/download", "file-name=a.didx");
        Assert.Equal(400, (await VerifyWorld.InSessionAsync(reader, "GET", "/chunk", "digest=" + Chunk)).Status);
        await reader.EndAsync(null);
        disk.Fault = null;
        Assert.Empty(await world.EventsAsync<ChunkFoundCorrupt>());
        Assert.True(world.Store.Bytes.Chunks.Contains(Chunk));
    }

    [Fact]
    public async Task A_missing_chunk_is_recorded_and_healed_too()
    {
        disk.Unlink(ChunkPath);
        Assert.Equal(VerifySnapshots.FailedText, (await world.VerifyAsync()).Status);
        Assert.Equal(2L, Assert.Single(await world.EventsAsync<ChunkFoundMissing>()).SnapshotCount);
        Assert.Empty(await world.EventsAsync<ChunkFoundCorrupt>());
        await world.BackupAsync(Second, [Data], "400");
        Assert.Equal("uploaded", Assert.Single(await world.EventsAsync<ChunkHealed>()).How);
        Assert.Equal("OK", (await world.VerifyAsync()).Status);
    }

    [Fact]
    public async Task A_chunk_that_was_put_right_by_hand_is_found_healed()
    {
        disk.Unlink(ChunkPath);
        await world.VerifyAsync();
        world.Store.Bytes.Chunks.Insert(Chunk, DataBlob.Encode(Data));
        Assert.Equal("OK", (await world.VerifyAsync("ignore-verified=0")).Status);
        Assert.Equal("verified", Assert.Single(await world.EventsAsync<ChunkHealed>()).How);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(13)]
    public async Task What_cannot_be_read_is_not_called_corrupt_and_changes_no_verify_state(int errno)
    {
        await world.VerifyAsync();
        var before = world.ManifestOf(First).VerifyState;
        disk.Fault = call => call.Operation is "read" or "open" && call.Path == ChunkPath ? errno : 0;
        var (_, status, log) = await world.VerifyAsync("ignore-verified=0");
        disk.Fault = null;
        Assert.StartsWith("verification incomplete - 2 snapshots could not be read: ", status, StringComparison.Ordinal);
        Assert.Contains(log, line => line.StartsWith("  could not read: ", StringComparison.Ordinal));
        var told = (await world.EventsAsync<SnapshotVerified>()).Where(one => one.Outcome == "unreadable").ToList();
        Assert.Equal(2, told.Count);
        Assert.Equal(["snapshot-unreadable", "snapshot-unreadable"], world.Alarms);
        Assert.All(told, one => Assert.Contains($"errno {errno}", one.UnreadableWhy, StringComparison.Ordinal));
        Assert.Equal(before, world.ManifestOf(First).VerifyState);
        Assert.Equal("ok", world.Find(First).Content.VerifyState);
        Assert.Empty(await world.EventsAsync<ChunkFoundCorrupt>());
        Assert.True(world.Store.Bytes.Chunks.Contains(Chunk));
    }

    [Fact]
    public async Task A_bad_chunk_is_known_until_no_snapshot_names_it_and_a_collection_has_found_so()
    {
        disk.FlipBit(ChunkPath, 300);
        await world.VerifyAsync();
        await ForgetAsync("100");
        await CollectAsync();
        Assert.True(world.BadChunks.In("main").ContainsKey(Chunk)); // vm/200 names it still
        await ForgetAsync("200");
        Assert.True(world.BadChunks.In("main").ContainsKey(Chunk));
        await CollectAsync();
        Assert.Empty(world.BadChunks.Stores);
        Assert.Equal([Chunk.ToString()], Assert.Single(await world.EventsAsync<BadChunksForgotten>()).Digests);

        // From now on it is a chunk like any other.
        await world.BackupAsync(Second, [Data], "200");
        Assert.Empty(await world.EventsAsync<ChunkHealed>());
        Assert.Equal("OK", (await world.VerifyAsync("ignore-verified=0")).Status);
    }

    [Fact]
    public async Task A_bad_chunk_that_a_running_backup_uploads_anew_is_not_forgotten_before_it_is_healed()
    {
        disk.FlipBit(ChunkPath, 300);
        await world.VerifyAsync();
        await ForgetAsync("100");
        await ForgetAsync("200");
        var session = await world.OpenAsync("backup", Second, "200");
        await VerifyWorld.InSessionAsync(session, "POST", "/dynamic_index", "archive-name=a.didx");
        var raw = DataBlob.Encode(Data);
        var (status, text) = await Features.SimulatedAppliance.CallAsync(
            session, "POST", "/dynamic_chunk", $"wid=1&digest={Chunk}&size={Data.Length}&encoded-size={raw.Length}", raw);
        Assert.True(status == 200, text);
        await CollectAsync();
        Assert.True(world.BadChunks.In("main").ContainsKey(Chunk));
        Assert.Empty(await world.EventsAsync<BadChunksForgotten>());
        await session.EndAsync(null);
    }

    [Theory]
    [InlineData("download-decoded", "file-name=a.didx")]
    [InlineData("catalog", "filepath=%2F&archive-name=a.didx")]
    [InlineData("pxar-file-download", "filepath=Lw%3D%3D&archive-name=a.didx")]
    public async Task Whoever_looks_into_an_archive_and_meets_a_corrupt_chunk_has_it_recorded(string call, string query)
    {
        disk.FlipBit(ChunkPath, 300);
        var (status, text) = await world.CallAsync("GET", "admin/datastore/main/" + call, $"backup-type=vm&backup-id=100&backup-time={First}&{query}");
        Assert.Equal(400, status);
        Assert.Contains(Chunk.ToString(), text, StringComparison.Ordinal);
        Assert.Equal(2L, Assert.Single(await world.EventsAsync<ChunkFoundCorrupt>()).SnapshotCount);
        Assert.False(world.Store.Bytes.Chunks.Contains(Chunk));
        Assert.True(world.Find(First, "200").Recheck);
    }

    [Fact]
    public async Task Chunks_that_an_unclean_end_tore_are_told_before_they_go_and_one_that_a_snapshot_names_is_corrupt()
    {
        var loose = StorageTestKit.RandomBytes(9, 3000);
        world.Store.Bytes.Chunks.Insert(Digest.Of(loose), DataBlob.Encode(loose));
        world.Store.Bytes.MakeDurable();
        var after = disk.Crash(1);
        await using var next = await VerifyWorld.StartAsync(ledger, after);
        Assert.True(next.Store.Bytes.HasSuspectChunks);
        after.FlipBit(ChunkPath, 300);
        after.FlipBit(ChunkStore.PathOf(Digest.Of(loose)), 300);

        ledger.Interrupt();
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => next.Parts.Torn.CheckAsync(next.Store, _ => { }, CancellationToken.None));
        Assert.True(next.Store.Bytes.Chunks.Contains(Digest.Of(loose)) && next.Store.Bytes.Chunks.Contains(Chunk)); // nothing untold
        ledger.Resume();

        Assert.Equal(2, await next.Parts.Torn.CheckAsync(next.Store, _ => { }, CancellationToken.None));
        var torn = Assert.Single(await next.EventsAsync<TornChunksFound>());
        Assert.Equal([Digest.Of(loose).ToString()], torn.Digests);
        Assert.Equal(1, torn.Count);
        Assert.Equal(2L, Assert.Single(await next.EventsAsync<ChunkFoundCorrupt>()).SnapshotCount);
        Assert.False(next.Store.Bytes.Chunks.Contains(Digest.Of(loose)) || next.Store.Bytes.Chunks.Contains(Chunk));
        Assert.False(next.Store.Bytes.HasSuspectChunks);
    }

    private async Task ForgetAsync(string id)
    {
        var (status, text) = await world.CallAsync(
            "DELETE", "admin/datastore/main/snapshots", $"backup-type=vm&backup-id={id}&backup-time={First}");
        Assert.True(status == 200, text);
    }

    private async Task CollectAsync()
    {
        var (status, text) = await world.CallAsync("POST", "admin/datastore/main/gc");
        Assert.True(status == 200, text);
        await world.SettledAsync();
        Assert.Equal("OK", world.Tasks("garbage_collection")[^1].Status);
    }

    [Fact]
    public async Task A_damaged_manifest_is_left_as_it_is_and_the_ledger_says_failed()
    {
        var path = StorageTestKit.Snapshot(First) + "/index.json.blob";
        disk.FlipBit(path, 200);
        var before = world.Store.Bytes.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(First)).ReadManifestRaw();
        Assert.Equal(VerifySnapshots.FailedText, (await world.VerifyAsync()).Status);
        Assert.Equal(before, world.Store.Bytes.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(First)).ReadManifestRaw());
        Assert.Equal("failed", world.Find(First).Content.VerifyState);
        Assert.Equal(new VerifyCheck(1, 1), (await world.EventsAsync<SnapshotVerified>()).Single(one => one.BackupId == "100").ManifestValid);
    }

    [Fact]
    public async Task W5_Power_cut_at_every_call_of_a_verification_ends_in_the_same_state_after_the_next_one()
    {
        for (var cut = 1; ; cut++)
        {
            var (past, ledgerPast) = (new SimulatedVolume(), new MemoryLedger(TimeProvider.System));
            await using var first = await VerifyWorld.StartAsync(ledgerPast, past);
            await first.BackupAsync(First, [Data, Other]);
            await first.BackupAsync(Second, [Data]);
            past.FlipBit(ChunkPath, 300);
            past.CutAtCall = past.Calls + cut;
            var done = (await first.VerifyAsync("read-threads=1&verify-threads=1")).Status == VerifySnapshots.FailedText;

            await using var second = await VerifyWorld.StartAsync(ledgerPast, past.Crash(cut));
            second.Clock.Now += TimeSpan.FromHours(1); // its tasks have names of their own
            Assert.Equal(2, second.Snapshots.Find(new("main", "", "vm", "100"))!.Snapshots.Values.Count(snapshot => !snapshot.Missing));
            Assert.All(new[] { First, Second }, time => Assert.Equal(second.Find(time).Content.VerifyState, second.ManifestOf(time).VerifyState?.State));
            await second.VerifyAsync("ignore-verified=0");
            Assert.Single(await second.EventsAsync<ChunkFoundCorrupt>());
            Assert.Empty(await second.EventsAsync<ChunkFoundMissing>());
            Assert.Equal(["failed", "failed"], new[] { First, Second }.Select(time => second.ManifestOf(time).VerifyState!.State));
            Assert.Equal(["failed", "failed"], new[] { First, Second }.Select(time => second.Find(time).Content.VerifyState));
            Assert.False(second.Store.Bytes.Chunks.Contains(Chunk));
            await second.BackupAsync(Third, [Data]);
            Assert.Equal("OK", (await second.VerifyAsync()).Status);
            if (done)
            {
                Assert.True(cut > 30, $"only {cut} calls");
                return;
            }
        }
    }
}
