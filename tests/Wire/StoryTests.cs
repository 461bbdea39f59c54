// The ledger tells the story: which events, in which order, with which figures, by whom.
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class StoryTests(Appliance appliance) : IClassFixture<Appliance>
{
    [Fact]
    public async Task W4_A_backup_and_its_restore_are_told_in_order_with_true_figures()
    {
        var target = Backups.NewTarget();
        var first = Image.Make(100, 601, 602, 601);
        await Backups.RunAsync(appliance.Client, target, first);
        // Answered means committed: what is read now has it all.
        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(target));
        Assert.Equal(["BackupStarted", "ArchiveFinished", "ArchiveFinished", "BackupFinished"], told.Select(one => one.Type));
        Assert.All(told, one => Assert.Equal(Daemon.Admin, one.Actor));
        Assert.Equal((target.BackupTimeS, target.BackupId), (told[0].Number("backup-time"), told[0].Text("backup-id")));
        Assert.Equal(Backups.ConfName, told[1].Text("filename"));
        var archive = told[2];
        Assert.Equal((Backups.ImageName, first.Csum), (archive.Text("filename"), archive.Text("csum")));
        Assert.Equal(first.Bytes.Length, archive.Number("size-bytes"));
        // The last chunk is short, so that its data differs from the first one's although the seed is the same.
        Assert.Equal((3, 3, 0), (archive.Number("chunk-count"), archive.Number("new-chunks"), archive.Number("reused-chunks")));
        Assert.Equal((first.Bytes.Length, 0L), (archive.Number("new-bytes"), archive.Number("reused-bytes")));
        var onDisk = first.Pieces.Sum(piece => new FileInfo(Backups.ChunkPath(appliance.Daemon, piece.Digest)).Length);
        Assert.Equal(onDisk, archive.Number("new-disk-bytes"));
        Assert.Equal((3, 0), (told[3].Number("uploaded-chunks"), told[3].Number("duplicate-chunks")));

        await Backups.AssertRestoresAsync(appliance.Client, target, first);
        var events = await LedgerView.WaitAsync(appliance.Daemon, all => all.Exists(one => IsEndOfRestore(all, one, target)));
        var ended = events.Last(one => IsEndOfRestore(events, one, target));
        Assert.Equal((3, true), (ended.Number("chunks"), !ended.Data.TryGetProperty("problem", out _)));
        Assert.Equal([Backups.ManifestName, Backups.ConfName, Backups.ImageName],
            ended.Data.GetProperty("files").EnumerateArray().Select(file => file.GetString()));
    }

    [Fact]
    public async Task Chunks_that_another_group_has_are_reused_and_counted_so()
    {
        var image = Image.Make(100, 611, 612);
        await Backups.RunAsync(appliance.Client, Backups.NewTarget(), image);
        var second = Backups.NewTarget();
        await Backups.RunAsync(appliance.Client, second, image);
        var told = await LedgerView.ReadAsync(appliance.Daemon, Backups.Stream(second));
        var archive = told.Single(one => one.Type == "ArchiveFinished" && one.Text("filename") == Backups.ImageName);
        Assert.Equal((0, 2, 0L, image.Bytes.Length), (
            archive.Number("new-chunks"), archive.Number("reused-chunks"), archive.Number("new-bytes"), archive.Number("reused-bytes")));
        Assert.Equal((2, 2), (told[^1].Number("uploaded-chunks"), told[^1].Number("duplicate-chunks")));
    }

    [Fact]
    public async Task The_first_start_is_told_and_every_fold_equals_its_rebuild()
    {
        var events = await LedgerView.ReadAsync(appliance.Daemon);
        Assert.Contains(events, told => told.Type == "UserCreated" && told.Text("userid") == Daemon.Admin);
        Assert.Contains(events, told => told.Type == "AccessGranted" && told.Text("path") == "/");
        Assert.Contains(events, told => told.Type == "DatastoreCreated" && told.Text("name") == "main");
        Assert.Contains(events, told => told.Type == "LoginSucceeded" && told.Text("userid") == Daemon.Admin);
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(appliance.Daemon);
    }

    private static bool IsEndOfRestore(List<Told> all, Told told, SessionTarget target) =>
        told.Type == "RestoreFinished" && all.Exists(start => start.Type == "RestoreStarted" && start.Stream == told.Stream
            && start.Text("backup-id") == target.BackupId);
}
