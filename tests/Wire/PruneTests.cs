// Prune on a running appliance: what a client is told before and after, what the task's log says, and a kill in the middle of it.
using Holdfast.Storage;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class PruneTests(Appliance appliance) : IClassFixture<Appliance>
{
    private const long FirstTime = 1_700_000_000;
    private const long Day = 86_400;

    [Fact]
    public async Task What_a_dry_run_says_is_what_a_prune_does_and_what_is_kept_restores()
    {
        var target = Backups.NewTarget();
        var images = new List<Image>();
        for (var i = 0; i < 5; i++)
        {
            images.Add(Image.Make(10, 900, 901 + i));
            await Backups.RunAsync(appliance.Client, At(target, i), images[i]);
        }

        var wish = new Dictionary<string, object>
        {
            ["backup-type"] = "vm", ["backup-id"] = target.BackupId, ["keep-last"] = 1, ["keep-daily"] = 3, ["dry-run"] = true,
        };
        var planned = (await appliance.Client.PostAsync("admin/datastore/main/prune", wish)).GetProperty("data").EnumerateArray().ToList();
        Assert.Equal([false, true, true, true, true], planned.Select(one => one.GetProperty("keep").GetBoolean()));
        Assert.Equal("beyond keep-daily 3", planned[0].GetProperty("reason").GetString());
        Assert.Equal("keep-daily 3 of 3", planned[1].GetProperty("reason").GetString());
        Assert.Equal(5, (await Backups.ListedAsync(appliance.Client, target)).Length);

        wish.Remove("dry-run");
        var done = (await appliance.Client.PostAsync("admin/datastore/main/prune", wish)).GetProperty("data").EnumerateArray();
        Assert.Equal(planned.Select(one => one.GetRawText()), done.Select(one => one.GetRawText()));
        Assert.Equal(Enumerable.Range(1, 4).Select(i => At(target, i).BackupTimeS), (await Backups.ListedAsync(appliance.Client, target)).Order());
        Assert.False(Directory.Exists(Backups.Folder(appliance.Daemon, At(target, 0))));
        for (var i = 1; i < 5; i++)
        {
            await Backups.AssertRestoresAsync(appliance.Client, At(target, i), images[i]);
        }

        var told = await LedgerView.ReadAsync(appliance.Daemon, "prune:main");
        var decided = told.Last(one => one.Type == "PruneDecided");
        Assert.Equal((Daemon.Admin, true), (decided.Actor, decided.Data.GetProperty("is-last").GetBoolean()));
        Assert.Equal(1, told.Last(one => one.Type == "PruneFinished").Number("removed"));
    }

    [Fact]
    public async Task W5_killed_in_the_middle_a_prune_is_carried_on_by_the_next_start()
    {
        await using var daemon = await Daemon.StartAsync();
        await daemon.StopAsync();
        string[] groups = ["vm/1", "vm/2", "ct/3"];
        const int each = 300;
        foreach (var group in groups)
        {
            Make(Path.Combine(daemon.Store, group), group, each);
        }

        await daemon.StartAgainAsync();
        var upid = await StartAsync(daemon, 2);
        await LedgerView.WaitAsync(daemon, events => events.Any(one => one.Type == "PruneDecided"));
        await daemon.KillAsync();
        await daemon.StartAgainAsync();
        var told = await LedgerView.WaitAsync(daemon, events => events.Any(one => one.Type == "PruneFinished"));
        Assert.Equal(upid, Assert.Single(told, one => one.Type == "PruneFinished").Text("decision"));
        Assert.Equal((each - 2) * groups.Length, told.Count(one => one.Type == "SnapshotForgotten"));
        Assert.Equal(each * groups.Length, told.Count(one => one.Type == "SnapshotDiscovered"));
        Assert.DoesNotContain(told, one => one.Type == "SnapshotMissing");
        foreach (var group in groups)
        {
            string[] left = [SnapshotName.FormatTime(FirstTime + ((each - 2) * Day)), SnapshotName.FormatTime(FirstTime + ((each - 1) * Day))];
            Assert.Equal(left, Directory.GetDirectories(Path.Combine(daemon.Store, group)).Select(Path.GetFileName).Order());
        }

        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }

    private static SessionTarget At(SessionTarget target, int i) => target with { BackupTimeS = target.BackupTimeS + (i * Day) };

    private static async Task<string> StartAsync(Daemon daemon, int keepLast)
    {
        var wish = new Dictionary<string, object> { ["keep-last"] = keepLast };
        return (await daemon.Client.PostAsync("admin/datastore/main/prune-datastore", wish)).GetProperty("data").GetString()!;
    }

    private static void Make(string folder, string group, int count)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "owner"), "admin@pbs\n");
        for (var i = 0; i < count; i++)
        {
            var name = SnapshotName.Create(BackupGroup.Parse(group), FirstTime + (i * Day));
            var place = Directory.CreateDirectory(Path.Combine(folder, name.TimeText)).FullName;
            File.WriteAllBytes(Path.Combine(place, SafeId.ManifestName), new Manifest(name).ToBlob());
        }
    }
}
