// The life of the process: first start, refusals to start, stop, kill, start again, and what a start finds and tells (docs/write-order.md W6).
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class LifeTests
{
    [Fact]
    public async Task A_restart_takes_up_where_it_stopped()
    {
        await using var daemon = await Daemon.StartAsync();
        var password = Path.Combine(daemon.Data, "initial-admin-password");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(password));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(daemon.Data, "tls", "key.pem")));
        var target = Backups.NewTarget();
        var image = Image.Make(10, 401, 402);
        await Backups.RunAsync(daemon.Client, target, image);
        var (code, text) = await Daemon.RefusedAsync(daemon.Data);
        Assert.NotEqual(0, code);
        Assert.Contains("only one may run on a data folder", text);

        const string next = "a-better-password";
        await daemon.Client.PutAsync("access/password",
            $"userid={Daemon.Admin}&password={next}&confirmation-password={Uri.EscapeDataString(daemon.Password)}");
        Assert.False(File.Exists(password), "the initial password file must go with the password");
        Assert.Equal(401, (await daemon.Door.TryLoginAsync(Daemon.Admin, daemon.Password)).Status);
        daemon.Password = next;

        var (fingerprint, before) = (daemon.Fingerprint, (await LedgerView.ReadAsync(daemon)).Count);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.False(File.Exists(Path.Combine(daemon.Data, "ledger", "cluster", "postmaster.pid")), "PostgreSQL must stop with it");
        await daemon.StartAgainAsync();
        Assert.Equal(fingerprint, daemon.Fingerprint);
        await Backups.AssertRestoresAsync(daemon.Client, target, image);
        Assert.False(File.Exists(password));
        var events = await LedgerView.ReadAsync(daemon);
        Assert.True(events.Count >= before);
        Assert.Single(events, told => told.Type == "DatastoreCreated");
        Assert.Single(events, told => told.Type == "UserCreated");
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }

    [Fact]
    public async Task W6_A_start_after_kill_tells_what_it_finds()
    {
        await using var daemon = await Daemon.StartAsync();
        var (kept, open, foreign, lost) = (Backups.NewTarget(), Backups.NewTarget(), Backups.NewTarget(), Backups.NewTarget());
        var image = Image.Make(10, 411, 412);
        await Backups.RunAsync(daemon.Client, kept, image);
        await Backups.RunAsync(daemon.Client, foreign, image);
        await Backups.RunAsync(daemon.Client, lost, image);
        await using var writer = await daemon.Client.StartBackupAsync(open);
        await Backups.UploadAsync(writer, open, image);
        await daemon.KillAsync();

        // Somebody copies a snapshot in, under another group; somebody else loses one; somebody left a folder without manifest.
        var copied = foreign with { BackupId = "copied" };
        CopyFolder(Path.GetDirectoryName(Backups.Folder(daemon, foreign))!, Path.GetDirectoryName(Backups.Folder(daemon, copied))!);
        File.Delete(Path.Combine(Backups.Folder(daemon, lost), Backups.ManifestName));
        var unfinished = Path.Combine(daemon.Store, "vm", "elsewhere", "2024-01-01T00:00:00Z");
        Directory.CreateDirectory(unfinished);

        await daemon.StartAgainAsync();
        await Backups.AssertRestoresAsync(daemon.Client, kept, image);
        Assert.Empty(await Backups.ListedAsync(daemon.Client, open));
        Assert.False(Directory.Exists(Backups.Folder(daemon, open)));
        Assert.Empty(await Backups.ListedAsync(daemon.Client, lost));
        Assert.True(Directory.Exists(unfinished), "somebody else's unfinished work is left alone");
        var events = await LedgerView.ReadAsync(daemon);
        Assert.Equal(["BackupStarted", "BackupAborted"], events.Where(told => told.Stream == Backups.Stream(open)).Select(told => told.Type));
        Assert.Equal("SnapshotMissing", events.Last(told => told.Stream == Backups.Stream(lost)).Type);
        Assert.Equal("SnapshotDiscovered", Assert.Single(events, told => told.Stream == Backups.Stream(copied)).Type);
        Assert.Equal("UnfinishedSnapshotDiscovered", Assert.Single(events, told => told.Stream.EndsWith("/elsewhere", StringComparison.Ordinal)).Type);

        // And a second start finds nothing new.
        await daemon.KillAsync();
        await daemon.StartAgainAsync();
        Assert.Equal(events.Count(IsFinding), (await LedgerView.ReadAsync(daemon)).Count(IsFinding));
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
        static bool IsFinding(Told told) => told.Type is "BackupAborted" or "SnapshotMissing" or "SnapshotDiscovered"
            or "UnfinishedSnapshotDiscovered";
    }

    [Theory]
    [InlineData("Port=99999", "Port")]
    [InlineData("Backup:SessionsMax=many", "Backup:SessionsMax")]
    [InlineData("Datastore:SyncLevel=none", "Datastore:SyncLevel")]
    [InlineData("Nonsense=1", "Nonsense")]
    public async Task A_wrong_setting_is_refused_by_its_name(string setting, string name)
    {
        var data = Directory.CreateTempSubdirectory("holdfast-e2e-").FullName;
        try
        {
            var (code, text) = await Daemon.RefusedAsync(data, "--set", setting);
            Assert.Equal(2, code);
            Assert.Contains($"'{name}'", text);
            Assert.Empty(Directory.EnumerateFileSystemEntries(data));
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task A_wrong_setting_in_the_file_is_refused_by_its_name()
    {
        var data = Directory.CreateTempSubdirectory("holdfast-e2e-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(data, "holdfast.json"), """{"Ledger":{"PatienceSeconds":"soon"}}""");
            var (code, text) = await Daemon.RefusedAsync(data);
            Assert.Equal(2, code);
            Assert.Contains("'Ledger:PatienceSeconds'", text);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        }

        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }
}
