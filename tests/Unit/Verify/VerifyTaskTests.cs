// The verification task through the API: what it says, records, writes into manifests, leaves out and who may run it.
using System.Text.Json;
using Holdfast.Features.Datastores;
using Holdfast.Features.Verify;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Verify;

public sealed class VerifyTaskTests : IAsyncLifetime
{
    private const long First = 1_772_000_000;
    private const long Second = 1_772_000_100;

    private readonly SimulatedVolume disk = new();
    private readonly MemoryLedger ledger = new(TimeProvider.System);
    private VerifyWorld world = null!;

    public async Task InitializeAsync() => world = await VerifyWorld.StartAsync(ledger, disk);

    public async Task DisposeAsync() => await world.DisposeAsync();

    [Fact]
    public async Task A_whole_datastore_is_verified_and_said_in_PBSs_words()
    {
        await world.BackupAsync(First, [Chunk(1), Chunk(2)], "100");
        await world.BackupAsync(Second, [Chunk(1), Chunk(3)], "100");
        await world.BackupAsync(First, [Chunk(1)], "7");
        var (upid, status, log) = await world.VerifyAsync();
        Assert.Equal("OK", status);
        Assert.StartsWith("UPID:", upid, StringComparison.Ordinal);
        Assert.EndsWith(":verify:main:admin@pbs:", upid, StringComparison.Ordinal);
        Assert.Equal(
            [
                "verify datastore main", "found 2 groups", "using 4 read and 4 verify thread(s)",
                "verify group main:vm/7 (1 snapshots)", "verify main:vm/7/2026-02-25T06:13:20Z", "  check a.didx",
                "percentage done: 50.00% (1/2 groups)",
                "verify group main:vm/100 (2 snapshots)", "verify main:vm/100/2026-02-25T06:15:00Z", "  check a.didx",
                "percentage done: 75.00% (1/2 groups, 1/2 snapshots in group #2)",
                "verify main:vm/100/2026-02-25T06:13:20Z", "  check a.didx",
                "percentage done: 100.00% (2/2 groups)", "TASK OK",
            ],
            log.Where(line => !line.StartsWith("  verified ", StringComparison.Ordinal)));

        var events = await world.EventsAsync<SnapshotVerified>();
        Assert.Equal([1, 1, 1], events.Select(one => one.ChunksRead)); // every chunk once in the task
        Assert.All(events, one => Assert.Equal(
            ("ok", new VerifyCheck(1, 0), new VerifyCheck(1, 0)), (one.Outcome, one.IndexConsistent, one.ManifestValid)));
        Assert.Equal(new VerifyCheck(2, 0), events[1].ChunkDigest);
    }

    [Fact]
    public async Task The_verify_state_is_in_the_manifest_in_the_listing_and_in_the_fold_and_the_rest_of_the_manifest_stays()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        var folder = world.Store.Bytes.OpenSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(First));
        folder.UpdateManifest(manifest =>
        {
            manifest.Notes = "hello";
            manifest.SetUnprotected("foreign-member", JsonDocument.Parse("{\"a\":[1,2]}").RootElement);
        });
        var before = folder.ReadManifest();
        var (upid, _, _) = await world.VerifyAsync("backup-type=vm&backup-id=100&backup-time=" + First);
        Assert.Contains(":verify_snapshot:main\\x3a-vm-100-699E9300:", upid, StringComparison.Ordinal);

        var after = folder.ReadManifest();
        Assert.Equal(new VerifyState("ok", upid), after.VerifyState);
        Assert.Equal(("hello", before.Signature), (after.Notes, after.Signature));
        Assert.Equal(before.Files, after.Files);
        Assert.Equal("{\"a\":[1,2]}", JsonSerializer.Serialize(after.Unprotected["foreign-member"]));
        Assert.Equal(before.ChunkUploadStats, after.ChunkUploadStats);

        var (_, body) = await world.CallAsync("GET", "admin/datastore/main/snapshots");
        var item = JsonDocument.Parse(body).RootElement.GetProperty("data")[0];
        Assert.Equal(("ok", upid), (item.GetProperty("verification").GetProperty("state").GetString(),
            item.GetProperty("verification").GetProperty("upid").GetString()));
        var listed = item.GetProperty("files").EnumerateArray().Single(file => file.GetProperty("filename").GetString() == SafeId.ManifestName);
        Assert.Equal(folder.ListFiles().Single(file => file.Name == SafeId.ManifestName).SizeBytes, listed.GetProperty("size").GetInt64());
        Assert.NotNull(world.Find(First).LastVerifiedS);
    }

    [Fact]
    public async Task What_was_verified_is_left_out_until_it_is_outdated()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        Assert.Contains("verify main:vm/100/2026-02-25T06:13:20Z", (await world.VerifyAsync()).Log);
        const string skipped = "SKIPPED: verify main:vm/100/2026-02-25T06:13:20Z (recently verified)";
        Assert.Contains(skipped, (await world.VerifyAsync()).Log);
        Assert.Contains(skipped, (await world.VerifyAsync("outdated-after=0")).Log);
        Assert.DoesNotContain(skipped, (await world.VerifyAsync("ignore-verified=0")).Log);
        world.Clock.Now += TimeSpan.FromDays(30) + TimeSpan.FromHours(23);
        Assert.Contains(skipped, (await world.VerifyAsync("outdated-after=30")).Log);
        Assert.Contains(skipped, (await world.VerifyAsync()).Log);
        world.Clock.Now += TimeSpan.FromHours(1);
        Assert.DoesNotContain(skipped, (await world.VerifyAsync("outdated-after=30")).Log);
    }

    [Fact]
    public async Task Unknown_group_or_snapshot_end_well_and_say_so()
    {
        var (upid, status, log) = await world.VerifyAsync("backup-type=vm&backup-id=100&backup-time=5");
        Assert.Contains(":verify_snapshot:main\\x3a-vm-100-00000005:", upid, StringComparison.Ordinal);
        Assert.Equal("OK", status);
        Assert.Equal(["SKIPPED: verify main:vm/100/1970-01-01T00:00:05Z - snapshot does not exist (anymore).", "TASK OK"], log);
        (upid, status, log) = await world.VerifyAsync("backup-type=vm&backup-id=999");
        Assert.Contains(":verify_group:main\\x3a-vm-999:", upid, StringComparison.Ordinal);
        Assert.Equal("OK", status);
        Assert.Equal(
            ["verify datastore 'main', root namespace, group vm/999 - unable to list backups: ENOENT: No such file or directory", "TASK OK"], log);
    }

    [Theory]
    [InlineData("backup-type=vm", "parameters do not specify a backup group or snapshot")]
    [InlineData("backup-id=100", "parameters do not specify a backup group or snapshot")]
    [InlineData("backup-time=5", "parameters do not specify a backup group or snapshot")]
    [InlineData("ns=nowhere", "ENOENT: No such file or directory")]
    [InlineData("read-threads=33", "parameter verification failed - 'read-threads': value must have a maximum value of 32 (got 33)")]
    [InlineData("verify-threads=0", "parameter verification failed - 'verify-threads': value must have a minimum value of 1 (got 0)")]
    [InlineData("max-depth=8", "parameter verification failed - 'max-depth': value must have a maximum value of 7 (got 8)")]
    public async Task What_is_not_a_scope_is_refused(string query, string text) =>
        Assert.Equal((400, text), await world.CallAsync("POST", "admin/datastore/main/verify", query));

    [Fact]
    public async Task Who_may_only_back_up_verifies_his_own()
    {
        await world.BackupAsync(First, [Chunk(1)], "100", VerifyWorld.Admin);
        await world.BackupAsync(First, [Chunk(2)], "200", VerifyWorld.Owner);
        var (_, status, log) = await world.VerifyAsync("", VerifyWorld.Owner + "!t");
        Assert.Equal("OK", status);
        Assert.Contains("found 1 groups", log);
        Assert.Contains("verify group main:vm/200 (1 snapshots)", log);
        Assert.Equal((400, $"backup owner check failed ({VerifyWorld.Owner}!t != {VerifyWorld.Admin}!t)"),
            await world.CallAsync("POST", "admin/datastore/main/verify", "backup-type=vm&backup-id=100", VerifyWorld.Owner + "!t"));
        Assert.Equal((403, "permission check failed - missing Datastore.Verify|Datastore.Backup on /datastore/main"),
            await world.CallAsync("POST", "admin/datastore/main/verify", "", "nobody@pbs"));
    }

    [Fact]
    public async Task An_unfinished_snapshot_of_somebody_else_counts_as_failed_and_the_others_are_verified()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        world.Store.Bytes.CreateSnapshot(BackupNamespace.Root, StorageTestKit.Snapshot(Second));
        var (_, status, log) = await world.VerifyAsync("backup-type=vm&backup-id=100");
        Assert.Equal("verification failed - please check the log for details", status);
        Assert.Equal(
            [
                "verify group main:vm/100 (2 snapshots)",
                "verify main:vm/100/2026-02-25T06:15:00Z - manifest load error: unable to load blob '\"vm/100/2026-02-25T06:15:00Z/index.json.blob\"' "
                    + "- No such file or directory (os error 2)",
                "percentage done: 50.00% (1/2 snapshots)",
                "verify main:vm/100/2026-02-25T06:13:20Z", "  check a.didx", "percentage done: 100.00% (2/2 snapshots)",
                "Failed to verify the following snapshots/groups:", "\tvm/100/2026-02-25T06:15:00Z",
                "TASK ERROR: verification failed - please check the log for details",
            ],
            log.Where(line => !line.StartsWith("  verified ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_backup_under_way_is_left_alone()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        var session = await world.OpenAsync("backup", Second);
        var (_, status, log) = await world.VerifyAsync();
        Assert.Equal("OK", status);
        const string skipped = "SKIPPED: verify main:vm/100/2026-02-25T06:15:00Z - could not acquire snapshot lock";
        Assert.Contains(log, line => line.StartsWith(skipped, StringComparison.Ordinal));
        await session.EndAsync(null);
    }

    [Fact]
    public async Task Verify_new_verifies_what_has_just_finished()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        Assert.Empty(world.Tasks("verify"));
        await world.SetOptionAsync(StoreOption.VerifyNew, "true");
        await world.BackupAsync(Second, [Chunk(1)]);
        var task = Assert.Single(world.Tasks("verify"));
        Assert.Equal("OK", task.Status);
        Assert.Contains(":verify:main\\x3avm-100-699E9364:", task.Upid, StringComparison.Ordinal);
        Assert.Equal("Automatically verifying newly added snapshot", (await world.LogAsync(task.Upid))[0]);
        Assert.Equal((null, "ok"), (world.Find(First).Content.VerifyState, world.Find(Second).Content.VerifyState));
        Assert.Equal(task.Upid, world.ManifestOf(Second).VerifyState!.Upid);
    }

    [Fact]
    public async Task Verify_new_that_could_not_start_is_done_later()
    {
        await world.SetOptionAsync(StoreOption.VerifyNew, "true");
        world.Parts.Tasks.ClosedBecause = "no tasks now";
        await world.BackupAsync(First, [Chunk(1)]);
        await world.BackupAsync(Second, [Chunk(1)]);
        world.Parts.VerifyNew.TryAgain();
        await world.SettledAsync();
        Assert.Empty(world.Tasks("verify"));

        world.Parts.Tasks.ClosedBecause = null;
        world.Parts.VerifyNew.TryAgain();
        await world.SettledAsync();
        Assert.Equal("OK", Assert.Single(world.Tasks("verify")).Status);
        Assert.Equal(("ok", "ok"), (world.Find(First).Content.VerifyState, world.Find(Second).Content.VerifyState));
        world.Parts.VerifyNew.TryAgain();
        await world.SettledAsync();
        Assert.Single(world.Tasks("verify"));
    }

    [Fact]
    public async Task Verify_new_that_a_stop_came_before_is_done_after_the_next_start()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        await world.VerifyAsync();
        await world.SetOptionAsync(StoreOption.VerifyNew, "true");
        world.Parts.Tasks.ClosedBecause = "the appliance stops";
        await world.BackupAsync(Second, [Chunk(1)]);
        await using var next = await VerifyWorld.StartAsync(world.Ledger, disk.Crash(1));
        var received = DateTimeOffset.FromUnixTimeSeconds(next.Find(Second).ReceivedAt);
        next.Parts.VerifyNew.Resume(next.Snapshots, received.AddDays(2));
        await next.SettledAsync();
        Assert.Null(next.Find(Second).Content.VerifyState); // long ago: that is for a job
        next.Parts.VerifyNew.Resume(next.Snapshots, received.AddHours(1));
        await next.SettledAsync();
        Assert.Equal("ok", next.Find(Second).Content.VerifyState);
        Assert.Contains("-699E9364:", next.Tasks("verify")[^1].Upid, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_fold_survives_being_saved_and_read()
    {
        await world.BackupAsync(First, [Chunk(1)]);
        disk.FlipBit(ChunkStore.PathOf(Digest.Of(Chunk(1))), 300);
        await world.VerifyAsync();
        using var saved = new MemoryStream();
        new BadChunksFold().Write(world.BadChunks, saved);
        saved.Position = 0;
        var (digest, chunk) = Assert.Single(new BadChunksFold().Read(saved).In("main"));
        Assert.Equal((Digest.Of(Chunk(1)), 1L, First), (digest, chunk.SnapshotCount, Assert.Single(chunk.Snapshots).BackupTime));
        Assert.Throws<InvalidDataException>(() => new BadChunksFold().Read(new MemoryStream("[{}]"u8.ToArray())));
        Assert.Throws<InvalidDataException>(() => new BadChunksFold().Read(new MemoryStream("x"u8.ToArray())));
    }

    private static byte[] Chunk(int seed) => StorageTestKit.RandomBytes(seed, 1000);
}
