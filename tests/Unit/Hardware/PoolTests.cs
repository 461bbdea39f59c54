// Pools from the first disk to the last: made, broken, mended, looked at; what each look tells and what it doesn't tell twice; what is refused.
using Holdfast.Contracts.Pools;
using Holdfast.Features.Agent;
using Holdfast.Features.Pools;
using Xunit;

namespace Holdfast.Tests.Unit.Hardware;

public sealed class PoolTests
{
    private static readonly string[] Four = ["wwn-sda", "wwn-sdb", "wwn-sdc", "wwn-sdd"];

    private static CreatePool Tank(string layout = "raidz2", params string[] disks) => new("tank", layout, disks.Length == 0 ? Four : disks, [], [], [], []);

    [Fact]
    public async Task The_life_of_a_pool_is_told_once()
    {
        await using var world = await HardwareWorld.MakeAsync();
        Assert.Equal(Enumerable.Repeat("DiskSeen", 5), await world.LookAsync());
        Assert.Empty(await world.LookAsync());
        await world.DoAsync(Tank());
        Assert.Equal(["PoolDiscovered", .. Enumerable.Repeat("PoolDiskChanged", 4)], await world.LookAsync());
        Assert.Empty(await world.LookAsync());
        Assert.Equal("pool", world.Parts.Disks.Last.First(disk => disk.Path == "/dev/sda").Use);

        world.Machine.SetThere("/dev/sdb", false);
        Assert.Equal(["DiskGone", "PoolDiskChanged", "PoolDegraded"], await world.LookAsync());
        Assert.Equal(["disk-gone", "pool-degraded"], world.Alarms);
        Assert.Empty(await world.LookAsync());

        world.Machine.SetThere("/dev/sdb", true);
        Assert.Equal(["DiskSeen", "PoolDiskChanged", "PoolHealthy"], await world.LookAsync());
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task Errors_are_told_when_they_come_when_they_double_and_when_they_are_cleared()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        await Scrub(10);
        Assert.Equal(["PoolDiskErrorsFound", "PoolScanStarted", "PoolScanFinished"], await world.LookAsync());
        Assert.Equal(["pool-disk-errors"], world.Alarms);
        await Scrub(5);
        Assert.Equal(["PoolScanStarted", "PoolScanFinished"], await world.LookAsync());
        await Scrub(5);
        Assert.Equal(["PoolDiskErrorsFound", "PoolScanStarted", "PoolScanFinished"], await world.LookAsync());
        await world.DoAsync(new ClearPoolErrors("tank", null));
        Assert.Equal(["PoolDiskErrorsCleared"], await world.LookAsync());
        Assert.Empty(world.Alarms);

        async Task Scrub(long blocks)
        {
            world.Machine.Corrupt("tank", world.Parts.Pools.Last.Seen.Pools.Single().Vdevs.First(vdev => vdev.IsDisk).Path!, blocks);
            await world.DoAsync(new ScrubPool("tank", "start"));
            world.Machine.FinishScans();
        }
    }

    [Fact]
    public async Task A_scrub_that_is_seen_running_is_told_at_both_ends()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        await world.DoAsync(new ScrubPool("tank", "start"));
        Assert.Equal(["PoolScanStarted"], await world.LookAsync());
        Assert.Empty(await world.LookAsync());
        world.Machine.FinishScans();
        Assert.Equal(["PoolScanFinished"], await world.LookAsync());
        Assert.True(world.Folds.Pools.State.Pools["tank"].ScrubbedAt > 0);
        await world.DoAsync(new ScrubPool("tank", "start"));
        await world.DoAsync(new ScrubPool("tank", "stop"));
        Assert.Equal(["PoolScanStarted", "PoolScanFinished"], await world.LookAsync());
    }

    [Fact]
    public async Task A_pool_that_fills_up_is_told_by_thresholds()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        world.Machine.Fill("tank", (long)(0.91 * (4L << 30)));
        Assert.Equal(["PoolSpaceLow"], await world.LookAsync());
        world.Machine.Fill("tank", (long)(0.79 * (4L << 30)));
        Assert.Equal(["PoolSpaceRegained"], await world.LookAsync()); // To the threshold of 80, within its hysteresis.
        Assert.Equal(["pool-space-low"], world.Alarms);
        world.Machine.Fill("tank", (long)(0.5 * (4L << 30)));
        Assert.Equal(["PoolSpaceRegained"], await world.LookAsync());
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task Damaged_data_is_told_with_its_files()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        world.Machine.Damage("tank", "/mnt/datastore/other/file");
        Assert.Equal(["PoolDataDamaged"], await world.LookAsync());
        Assert.Equal(["pool-data-damaged"], world.Alarms);
        Assert.Empty(await world.LookAsync());
    }

    [Fact]
    public async Task Chunks_that_a_pool_lost_are_known_as_corrupt_with_their_snapshots_and_keep_their_names()
    {
        await using var world = await HardwareWorld.MakeAsync();
        var store = await world.AddStoreAsync("/mnt/datastore/tank");
        await world.DoAsync(Tank());
        await world.LookAsync();
        var lost = StorageTestKit.Chunk(1, 700).Digest; // The first of the backup there.
        world.Machine.Damage("tank", "/mnt/datastore/tank/.chunks/" + lost.ToString()[..4] + "/" + lost, "/mnt/datastore/tank/.chunks/ab12/no-digest");
        Assert.Equal(["ChunkFoundCorrupt", "PoolDataDamaged"], await world.LookAsync());
        Assert.Equal(1, world.Folds.BadChunks.State.In("main")[lost].SnapshotCount);
        Assert.True(store.Bytes.Chunks.Contains(lost));
        Assert.Equal(["chunk-corrupt", "pool-data-damaged"], world.Alarms.Order());
        Assert.Empty(await world.LookAsync());
    }

    [Fact]
    public async Task A_pool_that_stops_holds_back_its_datastores_and_nobody_elses_until_it_goes_on()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.DoAsync(new CreatePoolDataset("tank/main", 0));
        await world.AddStoreAsync("/mnt/datastore/main");
        await world.LookAsync();
        Assert.NotNull(world.Parts.Stores.FindForWriting("main", out _));

        var gone = world.Parts.Pools.Last.Seen.Pools.Single().Vdevs.Where(vdev => vdev.IsDisk).Select(vdev => vdev.Path!).Take(3).ToList();
        gone.ForEach(path => world.Machine.SetThere(path, false));
        Assert.Contains("PoolDegraded", await world.LookAsync());
        Assert.Contains("pool-suspended", world.Alarms);
        Assert.DoesNotContain("pool-degraded", world.Alarms);
        Assert.Null(world.Parts.Stores.FindForWriting("main", out var problem));
        Assert.StartsWith("datastore 'main' is unavailable: pool 'tank' has stopped", problem, StringComparison.Ordinal);
        Assert.Empty(world.Parts.Stores.Present());
        Assert.Equal(["main"], world.Parts.Pools.StoresOn("tank"));
        Assert.Empty(await world.LookAsync());

        // One disk short of whole: it works, and the lesser alarm stands.
        gone.Skip(1).ToList().ForEach(path => world.Machine.SetThere(path, true));
        await world.LookAsync();
        Assert.Contains("pool-degraded", world.Alarms);
        Assert.DoesNotContain("pool-suspended", world.Alarms);
        Assert.NotNull(world.Parts.Stores.FindForWriting("main", out _));
        world.Machine.SetThere(gone[0], true);
        await world.LookAsync();
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task A_pool_that_goes_past_us_is_an_alarm_and_one_that_we_let_go_is_none()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        await world.DoAsync(new ExportPool("tank"));
        await world.LookAsync();
        Assert.Equal(["pool-gone"], world.Alarms);
        await world.DoAsync(new ImportPool("tank", false));
        await world.LookAsync();
        Assert.Empty(world.Alarms);
        await world.DoAsync(new ExportPool("tank"));
        world.Parts.Pools.LetGo("tank");
        Assert.Equal(["PoolGone"], await world.LookAsync());
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task A_scrub_from_before_a_pool_came_is_no_news()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.DoAsync(new ScrubPool("tank", "start"));
        world.Machine.FinishScans();
        Assert.DoesNotContain(await world.LookAsync(), told => told.StartsWith("PoolScan", StringComparison.Ordinal));
        Assert.Empty(await world.LookAsync());
    }

    [Fact]
    public async Task Export_and_import_go_round()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        Assert.Equal(["tank"], world.Places.Pools);
        await world.DoAsync(new ExportPool("tank"));
        Assert.Empty(world.Places.Pools);
        Assert.Equal(["PoolGone"], await world.LookAsync());
        Assert.Equal("tank", (await world.Agent.AskForAsync<ImportablePools>(new ListImportablePools(), TimeSpan.FromSeconds(5))).Pools.Single().Name);
        await world.DoAsync(new ImportPool("tank", false));
        Assert.Contains("PoolDiscovered", await world.LookAsync());
        Assert.Contains("no attached disks", (await Assert.ThrowsAsync<AgentRefusedException>(() => world.DoAsync(new ImportPool("tank", false)))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_is_replaced_by_a_free_one()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        var old = world.Parts.Pools.Last.Seen.Pools.Single().Vdevs.First(vdev => vdev.IsDisk);
        world.Machine.SetThere(old.Path!, false);
        await world.LookAsync();
        await world.DoAsync(new ReplacePoolDisk("tank", old.Guid, "wwn-sde"));
        Assert.Contains("PoolScanStarted", await world.LookAsync());
        world.Machine.FinishScans();
        Assert.Equal(["PoolDiskChanged", "PoolHealthy", "PoolScanFinished"], await world.LookAsync());
        Assert.DoesNotContain(world.Folds.Pools.State.Pools["tank"].Disks.Values, disk => disk.Guid == old.Guid);
    }

    [Fact]
    public async Task Without_an_agent_the_last_look_stays_and_says_why()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        world.Agent.IsThere = false;
        Assert.Empty(await world.LookAsync());
        Assert.Equal(("no agent", 1), (world.Parts.Pools.Last.Problem, world.Parts.Pools.Last.Seen.Pools.Count));
        world.Agent.IsThere = true;
        await world.LookAsync();
        Assert.Null(world.Parts.Pools.Last.Problem);
    }

    [Fact]
    public async Task The_fold_is_written_and_read_back_as_it_was()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.LookAsync();
        var fold = new PoolsFold();
        using var saved = new MemoryStream();
        fold.Write(world.Folds.Pools.State, saved);
        saved.Position = 0;
        var read = fold.Read(saved);
        Assert.Equal(world.Folds.Pools.State.Pools["tank"].Disks, read.Pools["tank"].Disks);
        Assert.Equal(world.Folds.Pools.State.Pools["tank"] with { Disks = read.Pools["tank"].Disks }, read.Pools["tank"]);
    }

    public static TheoryData<CreatePool, string> CantBe => new()
    {
        { Tank("raidz2", "wwn-sda", "wwn-sdb"), "at least 3 disks" },
        { Tank("raid5"), "is no layout" },
        { Tank("single", "wwn-sda", "wwn-sdb"), "one disk" },
        { Tank("mirror", "wwn-sda", "wwn-sdb", "wwn-sdc", "wwn-sdd", "wwn-sde"), "even number" },
        { Tank("mirror", "wwn-sda", "wwn-sda"), "named twice" },
        { Tank("mirror", "wwn-sda", "/dev/sdb"), "no disk '/dev/sdb'" },
        { Tank() with { Name = "tank; reboot" }, "can't be the name" },
        { Tank() with { Name = "-f" }, "can't be the name" },
        { Tank() with { Name = "mirror" }, "can't be the name" },
        { Tank("mirror", "wwn-sda", "wwn-sdb") with { Special = ["wwn-sdc"] }, "special" },
    };

    [Theory]
    [MemberData(nameof(CantBe))]
    public async Task What_cant_be_a_pool_is_refused_before_anything_is_run(CreatePool wish, string why)
    {
        await using var world = await HardwareWorld.MakeAsync();
        Assert.Contains(why, (await Assert.ThrowsAsync<AgentRefusedException>(() => world.DoAsync(wish))).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(world.Machine.Ran, run => run.Contains("create", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_not_there_or_not_free_is_refused()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        foreach (var (act, why) in new (Holdfast.Contracts.Agent.AgentAct, string)[]
                 {
                     (new CreatePool("two", "single", ["wwn-sda"], [], [], [], []), "not free: pool"), (Tank("single", "wwn-sde"), "a pool 'tank' already"),
                     (new ExportPool("nix"), "no pool 'nix'"), (new ClearPoolErrors("tank", "7"), "no disk '7'"),
                         (new ReplacePoolDisk("tank", "", null), "no disk ''"),
                     (new AddPoolSpare("tank", "wwn-sda"), "not free"), (new ScrubPool("tank", "eat"), "started, paused or stopped"),
                     (new CreatePoolDataset("tank/a/b", 0), "POOL/NAME"), (new CreatePoolDataset("tank/../etc", 0), "POOL/NAME"),
                         (new CreatePoolDataset("tank/..", 0), "POOL/NAME"), (new CreatePoolDataset("tank/taken", 0), "not empty"),
                     (new SetDatasetQuota("tank/none", 5), "no dataset"), (new SnapshotDataset("tank@a b", null), "name of a snapshot"),
                         (new SnapshotDataset("tank@a", "b;c"), "tag of a hold"),
                 })
        {
            Assert.Contains(why, (await Assert.ThrowsAsync<AgentRefusedException>(() => world.DoAsync(act))).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_dataset_is_set_and_destroyed_once_nothing_needs_it()
    {
        await using var world = await HardwareWorld.MakeAsync();
        await world.DoAsync(Tank());
        await world.DoAsync(new CreatePoolDataset("tank/dumps", 1 << 30));
        await world.DoAsync(new SetDatasetProperties("tank/dumps", null, 5 << 20, 131072, "zstd", "off"));
        Assert.Equal("zfs set refquota=5242880 recordsize=131072 compression=zstd atime=off tank/dumps",
            world.Machine.Ran.Last(run => run.StartsWith("zfs set", StringComparison.Ordinal)));
        await world.LookAsync();
        var seen = world.Parts.Pools.Last.Seen.Datasets.Single(dataset => dataset.Name == "tank/dumps");
        Assert.Equal((5L << 20, 131072L, "zstd", "off"), (seen.RefQuotaBytes, seen.RecordSizeBytes, seen.Compression, seen.Atime));

        await Refused(new DestroyPoolDataset("tank/dumps", "tank/dump"), "once more");
        await Refused(new DestroyPoolDataset("tank", "tank"), "the pool itself");
        await Refused(new DestroyPoolDataset("tank/none", "tank/none"), "no dataset");
        await world.DoAsync(new SnapshotDataset("tank/dumps@s", null));
        await Refused(new DestroyPoolDataset("tank/dumps", "tank/dumps"), "1 snapshots");
        await world.DoAsync(new RemoveDatasetSnapshot("tank/dumps@s", null));
        world.Places.Uses["/mnt/datastore/dumps"] = "a datastore lies in it";
        await Refused(new DestroyPoolDataset("tank/dumps", "tank/dumps"), "a datastore lies in it");
        world.Places.Uses.Clear();
        await world.DoAsync(new DestroyPoolDataset("tank/dumps", "tank/dumps"));
        await world.LookAsync();
        Assert.DoesNotContain(world.Parts.Pools.Last.Seen.Datasets, dataset => dataset.Name == "tank/dumps");

        async Task Refused(Holdfast.Contracts.Agent.AgentAct act, string why)
        {
            Assert.Contains(why, (await Assert.ThrowsAsync<AgentRefusedException>(() => world.DoAsync(act))).Message, StringComparison.Ordinal);
            Assert.DoesNotContain(world.Machine.Ran, run => run.StartsWith("zfs destroy tank/dumps", StringComparison.Ordinal) && !run.Contains('@'));
        }
    }

    [Theory]
    [InlineData(-1L, null, null, null, "negative")]
    [InlineData(null, 3000L, null, null, "power of two")]
    [InlineData(null, 2097152L, null, null, "power of two")]
    [InlineData(null, null, "rot13", null, "compression is one of")]
    [InlineData(null, null, null, "relatime", "on or off")]
    [InlineData(null, null, null, null, "nothing is to be set")]
    public void Properties_that_are_none_are_refused(long? quota, long? record, string? compression, string? atime, string why) =>
        Assert.Contains(why, Assert.Throws<Holdfast.Contracts.Agent.VerbRefusedException>(() => Holdfast.Zfs.DatasetProperties.Of(
            new SetDatasetProperties("tank/a", quota, null, record, compression, atime))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_pool_of_everything_is_put_together_in_zpools_order()
    {
        var disks = Enumerable.Range(0, 12).Select(i => $"d{i}").ToList();
        var arguments = Holdfast.Zfs.ZfsVerbs.CreateArguments(
            new CreatePool("tank", "mirror", disks[..4], disks[4..6], disks[6..8], disks[8..9], disks[9..11]),
                disks.ToDictionary(id => id, id => "/dev/" + id));
        Assert.Equal("tank mirror /dev/d0 /dev/d1 mirror /dev/d2 /dev/d3 special mirror /dev/d4 /dev/d5 log mirror /dev/d6 /dev/d7 cache /dev/d8 "
            + "spare /dev/d9 /dev/d10",
            string.Join(' ', arguments.SkipWhile(word => word != "tank")));
        Assert.Contains("sync=standard", arguments);
    }
}
