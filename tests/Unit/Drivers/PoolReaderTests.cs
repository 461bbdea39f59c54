// What ZFS says, read: transcripts of the real tools (2.3.9 in a virtual machine; text as 2.1 and 2.2 write it), JSON and text telling the same story, and
// what is no such thing.
using Holdfast.Contracts.Pools;
using Holdfast.Zfs;
using Xunit;

namespace Holdfast.Tests.Unit.Drivers;

public sealed class PoolReaderTests
{
    internal static string Transcript(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Drivers", "transcripts", name));

    private static Pool Json(string name) => PoolJson.WithList(PoolJson.Status(Transcript(name)), Transcript("list.json")).Single();

    private static Pool Text(string name) => PoolText.WithList(PoolText.Status(Transcript(name)), Transcript("list.txt")).Single();

    [Fact]
    public void A_healthy_pool_is_read_with_its_parts()
    {
        var pool = Json("status-healthy.json");
        Assert.Equal(("tank", "12793611022339002647", "ONLINE", (string?)null), (pool.Name, pool.Guid, pool.State, pool.MessageId));
        Assert.Equal((4026531840L, 212914176L, 0, false), (pool.SizeBytes, pool.AllocatedBytes, pool.FragmentationPercent, pool.IsReadOnly));
        Assert.Equal(6, pool.Vdevs.Count);
        Assert.Equal(["raidz2-0"], pool.Vdevs.Where(vdev => !vdev.IsDisk).Select(vdev => vdev.Name));
        Assert.Equal(("spare", "AVAIL"), (pool.Vdevs.Single(vdev => vdev.Path == "/dev/sdd1").Class, pool.Vdevs
            .Single(vdev => vdev.Path == "/dev/sdd1").State));
        Assert.All(pool.Vdevs, vdev => Assert.True(vdev.IsWell && vdev.Errors == 0));
        Assert.Equal("raidz2-0", pool.Vdevs.Single(vdev => vdev.Path == "/dev/sda1").Parent);
        Assert.Equal((0, 0), (pool.DamagedFiles.Count, pool.DamagedCount));
    }

    [Fact]
    public void A_degraded_pool_names_its_disks_and_their_errors()
    {
        var pool = Json("status-degraded.json");
        Assert.Equal(("DEGRADED", "ZFS-8000-9P"), (pool.State, pool.MessageId));
        Assert.Equal("OFFLINE", pool.Vdevs.Single(vdev => vdev.Path == "/dev/sda1").State);
        Assert.Equal(115, pool.Vdevs.Single(vdev => vdev.Path == "/dev/sdb1").ChecksumErrors);
        Assert.Equal(("SCRUB", "FINISHED", 1795712044L, 37404672L, 0L),
            (pool.Scan!.Function, pool.Scan.State, pool.Scan.EndedAt, pool.Scan.RepairedBytes, pool.Scan.Errors));
    }

    [Fact]
    public void A_resilver_shows_how_far_it_is()
    {
        var scan = Json("status-resilver.json").Scan!;
        Assert.Equal(("RESILVER", true), (scan.Function, scan.IsRunning));
        Assert.Equal(["raidz2-0", "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_HILNVME0-part1", "/dev/sda1", "spare-2", "/dev/sdb1", "/dev/sdd1", "/dev/sdc1"],
            Json("status-resilver.json").Vdevs.Select(vdev => vdev.Name));
        Assert.Equal(6, scan.Percent);
        Assert.Equal(16, Text("status-resilver.txt").Scan!.Percent);
    }

    [Fact]
    public void Damaged_files_are_named()
    {
        var pool = PoolJson.Status(Transcript("status-damaged.json")).Single();
        Assert.Equal("/mnt/datastore/one/.chunks/abcd/abcd000000000000000000000000000000000000000000000000000000000001", pool.DamagedFiles.Single());
        Assert.Equal(pool.DamagedFiles, PoolText.Status(Transcript("status-damaged.txt")).Single().DamagedFiles);
        Assert.Equal(424, pool.Scan!.Errors);
    }

    [Theory]
    [InlineData("status-scrubbed")]
    [InlineData("status-degraded")]
    [InlineData("status-resilver")]
    public void Text_tells_what_json_tells(string name)
    {
        var (json, text) = (Json(name + ".json"), Text(name + ".txt"));
        Assert.Equal((json.Name, json.State, json.SizeBytes, json.AllocatedBytes, json.FragmentationPercent),
            (text.Name, text.State, text.SizeBytes, text.AllocatedBytes, text.FragmentationPercent));
        Assert.Equal(
            json.Vdevs.Where(IsShown).Select(vdev =>
                (vdev.Path ?? vdev.Name, vdev.State, vdev.ReadErrors, vdev.WriteErrors, vdev.ChecksumErrors, vdev.IsDisk)).Order(),
            text.Vdevs.Where(IsShown).Select(vdev =>
                (vdev.Path ?? vdev.Name, vdev.State, vdev.ReadErrors, vdev.WriteErrors, vdev.ChecksumErrors, vdev.IsDisk)).Order());
        Assert.Equal((json.Scan!.Function, json.Scan.State, json.Scan.EndedAt, json.Scan.Errors),
            (text.Scan!.Function, text.Scan.State, text.Scan.EndedAt, text.Scan.Errors));

        // A spare that is in use stands twice in the text, once in JSON.
        static bool IsShown(Vdev vdev) => vdev.Class == "normal" && vdev.Path != "/dev/sdd1";
    }

    [Fact]
    public void Text_of_older_versions_is_read()
    {
        var pools = PoolText.Status("""
              pool: tank
             state: DEGRADED
            status: One or more devices could not be used because the label is missing or
            	invalid.  Sufficient replicas exist for the pool to continue
            	functioning in a degraded state.
            action: Replace the device using 'zpool replace'.
               see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-4J
              scan: resilver in progress since Tue Nov  3 04:05:06 2026
            	1.20G scanned at 400M/s, 800M issued at 250M/s, 5G total
            	200M resilvered, 16.00% done, 00:00:17 to go
            config:

            	NAME                        STATE     READ WRITE CKSUM
            	tank                        DEGRADED     0     0     0
            	  mirror-0                  DEGRADED     0     0     0
            	    /dev/disk/by-id/ata-A   ONLINE       0     0     0
            	    12275438203423435       UNAVAIL      3     1     0  was /dev/disk/by-id/ata-B-part1
            	special
            	  mirror-1                  ONLINE       0     0     0
            	    /dev/nvme0n1            ONLINE       0     0     0
            	    /dev/nvme1n1            ONLINE       0     0     0
            	cache
            	  /dev/nvme2n1              ONLINE       0     0     0

            errors: No known data errors

              pool: old
             state: ONLINE
              scan: scrub repaired 1.50M in 02:13:14 with 3 errors on Sun Oct 11 02:37:15 2026
            config:

            	NAME        STATE     READ WRITE CKSUM
            	old         ONLINE       0     0     0
            	  /dev/sdx  ONLINE       0     0     0

            errors: No known data errors
            """);
        Assert.Equal(["tank", "old"], pools.Select(pool => pool.Name));
        var tank = pools[0];
        Assert.Equal("ZFS-8000-4J", tank.MessageId);
        Assert.Equal(("special", "mirror-1"), (tank.Vdevs.Single(vdev => vdev.Name == "/dev/nvme0n1").Class, tank.Vdevs
            .Single(vdev => vdev.Name == "/dev/nvme0n1").Parent));
        Assert.Equal("cache", tank.Vdevs.Single(vdev => vdev.Name == "/dev/nvme2n1").Class);
        var gone = tank.Vdevs.Single(vdev => vdev.State == "UNAVAIL");
        Assert.Equal(("/dev/disk/by-id/ata-B-part1", 3L, 1L, true), (gone.Path, gone.ReadErrors, gone.WriteErrors, gone.IsDisk));
        Assert.Equal(("RESILVER", true, 16), (tank.Scan!.Function, tank.Scan.IsRunning, tank.Scan.Percent));
        Assert.Equal((1_572_864L, 3L), (pools[1].Scan!.RepairedBytes, pools[1].Scan!.Errors));
    }

    [Fact]
    public void Datasets_and_snapshots_are_read_from_json_and_text()
    {
        var json = PoolJson.Datasets(Transcript("datasets.json"));
        Assert.Equal(json, DatasetText.Datasets(Transcript("datasets.txt")));
        Assert.Equal(("/mnt/datastore/tank", true, 524_288_000L, "standard", 1_048_576L),
            (json[1].MountPoint, json[1].IsMounted, json[1].QuotaBytes, json[1].Sync, json[1].RecordSizeBytes));
        Assert.Null(json[0].MountPoint);
        Assert.Equal(("tank/main@one", 1L), (PoolJson.Snapshots(Transcript("snapshots.json")).Single().Name, PoolJson.Snapshots(Transcript("snapshots.json"))
            .Single().Holds));
    }

    [Fact]
    public void Pools_that_can_be_imported_are_found() =>
        Assert.Equal(new ImportablePool("one", "18037394600880409815", "ONLINE", null), ImportText.Pools(Transcript("import.txt")).Single());

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"pools\":{\"a\":5}}")]
    [InlineData("{\"output_version\":{\"vers_major\":7},\"pools\":{}}")]
    [InlineData("{\"pools\":{\"a\":{\"name\":7,\"vdevs\":{\"b\":[]}}}}")]
    public void What_is_no_json_of_zfs_is_refused_with_words(string text) => Assert.Throws<InvalidDataException>(() => PoolJson.Status(text));

    [Fact]
    public void Without_pools_there_are_none() => Assert.Empty(PoolJson.Status("{\"output_version\":{\"vers_major\":0},\"pools\":{}}"));
}
