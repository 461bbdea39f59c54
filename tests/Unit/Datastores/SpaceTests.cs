// A disk that fills up: thresholds told once for each crossing, over restarts too; a reserve that backups leave; the ledger's ballast; and histories that
// survive their file.
using Holdfast.Features.Datastores;
using Holdfast.Features.Node;
using Holdfast.Ledger;
using Holdfast.Storage;
using Xunit;

namespace Holdfast.Tests.Unit.Datastores;

public sealed class SpaceTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public async Task A_threshold_is_told_once_for_each_crossing()
    {
        var (ledger, folders) = (new MemoryLedger(TimeProvider.System), new SimulatedFolders());
        await using (var bed = await StoreBed.StartAsync(ledger, folders))
        {
            await bed.TaskAsync("POST", "config/datastore", new { name = "shapes", path = "/data/shapes" });
            folders.Volumes["/data/shapes"].CapacityBytes = 100 * MiB;
            await FillAsync(bed, 70, 74, 76, 74, 76, 86, 84, 91);
            Assert.Equal(["DatastoreCreated", "DatastoreSpaceLow", "DatastoreSpaceLow", "DatastoreSpaceLow"], await bed.EventsAsync("datastore:shapes"));
            Assert.Equal("datastore-space-low", Assert.Single(bed.Folds.Alarms.State.Raised.Values).Kind);
        }

        await using var next = await StoreBed.StartAsync(ledger, folders);
        await FillAsync(next, 91, 89, 87, 50);
        Assert.Equal(["DatastoreSpaceRegained", "DatastoreSpaceRegained"], (await next.EventsAsync("datastore:shapes"))[4..]);
        Assert.Empty(next.Folds.Alarms.State.Raised);
        Assert.Equal(0, next.Folds.Space.State.Of("shapes"));
    }

    [Theory]
    [InlineData("75,85,90", null)]
    [InlineData(" 50 ,10", null)]
    [InlineData("0", "expected up to 10 percentages from 1 to 99, as in '75,85,90'")]
    [InlineData("a", "expected up to 10 percentages from 1 to 99, as in '75,85,90'")]
    public void Thresholds_are_percentages(string text, string? refusal) => Assert.Equal(refusal, SpaceThresholds.Refuse(text));

    [Fact]
    public void A_reserve_is_left_by_backups_and_by_nobody_else()
    {
        var volume = new SimulatedVolume { CapacityBytes = 100 * MiB };
        using var bytes = Datastore.Create(volume, StorageTestKit.Options);
        var store = new OpenDatastore("shapes", bytes);
        Assert.Null(store.Guard.Refuse());
        store.Guard.Configure(DatastoresState.Empty.Stores.GetValueOrDefault("x") ?? Facts("90"));
        store.Guard.Admit(1);
        volume.WriteWhole("fill", new byte[11 * MiB], sync: false);
        Assert.StartsWith("datastore 'shapes' is almost full: 88 MiB are free, and 90 MiB are kept", store.Guard.Refuse(), StringComparison.Ordinal);
        Assert.Throws<RefusedException>(() => store.Guard.Admit(1));
        volume.WriteWhole("gc", "garbage collection and prune still write"u8, sync: true);
        volume.Unlink("fill");
        store.Guard.Admit(1);
        Assert.Equal((0, 64 * MiB, 1024 * MiB), (
            SpaceGuard.DefaultReserveBytes(MiB), SpaceGuard.DefaultReserveBytes(3000 * MiB), SpaceGuard.DefaultReserveBytes(1L << 50)));
    }

    [Fact]
    public async Task The_ballast_goes_when_the_ledgers_disk_is_almost_full_and_comes_back_when_it_is_not()
    {
        await using var bed = await StoreBed.StartAsync();
        var volume = new SimulatedVolume { CapacityBytes = 2048 * MiB };
        var ballast = new Ballast(volume, bed.Recorder);
        await ballast.CheckAsync();
        Assert.True(volume.TryStat(Ballast.FileName, out var stat) && stat.SizeBytes == Ballast.SizeBytes);
        volume.CapacityBytes = Ballast.SizeBytes + (20 * MiB);
        await ballast.CheckAsync();
        await ballast.CheckAsync();
        Assert.False(volume.TryStat(Ballast.FileName, out _));
        Assert.Equal("ledger-space-low", Assert.Single(bed.Folds.Alarms.State.Raised.Values).Kind);
        volume.CapacityBytes = 2048 * MiB;
        await ballast.CheckAsync();
        Assert.Equal(["BallastLaidDown", "BallastThrownOff", "BallastLaidDown"], await bed.EventsAsync("node:ballast"));
        Assert.Empty(bed.Folds.Alarms.State.Raised);
    }

    [Fact]
    public void What_was_measured_is_there_after_its_file_was_read_again()
    {
        var history = new History();
        for (var at = 0; at < 400; at += 10)
        {
            history.Add(1_700_000_000 + at, [new("used", at), new("total", 1000)]);
        }

        var again = History.Parse(history.ToFile())!;
        var hour = TimeFrame.All[0];
        foreach (var max in (bool[])[false, true])
        {
            var (before, after) = (history.Rows(hour, 1_700_000_400, max), again.Rows(hour, 1_700_000_400, max));
            Assert.Equal(60, before.Count);
            Assert.Equal(before.Select(row => (row.TimeS, string.Join(',', row.Values))), after.Select(row => (row.TimeS, string.Join(',', row.Values))));
        }

        Assert.Equal(390, history.Rows(hour, 1_700_000_400, true).SelectMany(row => row.Values).Where(value => value.Key == "used").Max(value => value.Value));
        Assert.Empty(history.Rows(hour, 1_700_000_000 + 10_000_000, false).SelectMany(row => row.Values));
        Assert.Null(History.Parse(history.ToFile()[..^1]));
        history.Add(5, [new("used", 7)]);
        Assert.Equal(1440, history.Rows(TimeFrame.Month, 1_700_000_400, false).Count);
    }

    private static DatastoreFacts Facts(string reserveMiB) => new(
        "shapes", "x", System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add(StoreOption.ReserveMiB, reserveMiB), [], null);

    private static async Task FillAsync(StoreBed bed, params int[] percents)
    {
        var volume = bed.Folders.Volumes["/data/shapes"];
        foreach (var percent in percents)
        {
            volume.WriteWhole("fill", [], sync: false);
            var rest = (percent * MiB) - volume.Space().UsedBytes;
            volume.WriteWhole("fill", new byte[rest], sync: false);
            await bed.Parts.Space.CheckAsync();
        }
    }
}
