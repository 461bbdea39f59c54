// PostgreSQL killed or stopped under a running backup (docs/write-order.md W8, W9): the backup succeeds or fails cleanly, no event is lost or doubled,
// restores and logins go on and are told later with their own time.
using Holdfast.Wire;
using Xunit;
using static Holdfast.Tests.Wire.Suffering;

namespace Holdfast.Tests.Wire;

/// <summary>One appliance whose database suffers, for the tests of this class one after the other.</summary>
public sealed class SufferingAppliance : IAsyncLifetime
{
    internal Daemon Daemon { get; private set; } = null!;

    public async Task InitializeAsync() => Daemon = await Daemon.StartAsync();

    public async Task DisposeAsync() => await Daemon.DisposeAsync();
}

public sealed class DatabaseFaultTests(SufferingAppliance appliance) : IClassFixture<SufferingAppliance>
{
    private readonly Daemon daemon = appliance.Daemon;

    [Fact]
    public async Task W9_A_killed_database_costs_no_backup_that_is_uploading()
    {
        var (kept, target) = (Backups.NewTarget(), Backups.NewTarget());
        var image = Image.Make(100, 801, 802);
        await Backups.RunAsync(daemon.Client, kept, image);
        await using var writer = await daemon.Client.StartBackupAsync(target);
        var postmaster = daemon.PostmasterId();
        Signals.Send(postmaster, Signals.Kill);
        await Backups.UploadAsync(writer, target, image);
        await Backups.AssertRestoresAsync(daemon.Client, kept, image);
        await writer.FinishAsync();
        await Backups.AssertRestoresAsync(daemon.Client, target, image);
        await AssertToldOnceAsync(daemon, target, image);
        await RestartedAsync(daemon, postmaster);
    }

    [Fact]
    public async Task W8_A_database_killed_around_finish_loses_and_doubles_nothing()
    {
        var image = Image.Make(100, 811, 812);
        var postmaster = 0;
        for (var round = 0; round < 6; round++)
        {
            var target = Backups.NewTarget();
            await using var writer = await OpenAsync(daemon, target);
            await Backups.UploadAsync(writer, target, image);
            await RestartedAsync(daemon, postmaster);
            postmaster = daemon.PostmasterId();
            var finish = writer.FinishAsync();
            await Task.Delay(round * 4);
            Signals.Send(postmaster, Signals.Kill);
            try
            {
                await finish;
            }
            catch (PbsException failed)
            {
                Assert.Equal((503, Away), (failed.Status, failed.Message));
                await writer.DisposeAsync();
                await LedgerView.WaitAsync(daemon, events => events.Exists(told => told.Stream == Backups.Stream(target)
                    && told.Type is "BackupAborted" or "SnapshotDiscovered" or "BackupFinished"), 120);
                continue;
            }

            await Backups.AssertRestoresAsync(daemon.Client, target, image);
            await AssertToldOnceAsync(daemon, target, image);
        }

        await RestartedAsync(daemon, postmaster);
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }

    [Fact]
    public async Task W9_A_database_that_stands_still_for_20_s_holds_up_finish_and_nothing_else()
    {
        var (kept, target) = (Backups.NewTarget(), Backups.NewTarget());
        var image = Image.Make(100, 821, 822);
        await Backups.RunAsync(daemon.Client, kept, image);
        var token = (await daemon.Client.PostAsync($"access/users/{Daemon.Admin}/token/t")).GetProperty("data").GetProperty("value").GetString()!;
        await daemon.Client.PutAsync("access/acl", $"path=/&auth-id={Daemon.Admin}%21t&role=Admin");
        await using var byToken = await daemon.ConnectAsync(Daemon.Admin + "!t", token);
        await using var writer = await daemon.Client.StartBackupAsync(target);
        await Backups.UploadAsync(writer, target, image);
        var frozen = Signals.Family(daemon.PostmasterId());
        DateTimeOffset loginAt;
        Task finish;
        try
        {
            frozen.ForEach(process => Signals.Send(process, Signals.Stop));
            var until = Task.Delay(TimeSpan.FromSeconds(20));
            finish = writer.FinishAsync();
            // Until a commit has been seen to hang the ledger counts as there; then it is away, and says so.
            var refused = await RefusedAsync(byToken, Backups.NewTarget());
            Assert.Equal((503, Away), (refused.Status, refused.Message));
            loginAt = DateTimeOffset.UtcNow;
            await daemon.Door.LoginAsync(Daemon.Admin, daemon.Password);
            await Backups.AssertRestoresAsync(daemon.Client, kept, image);
            Assert.Equal([kept.BackupTimeS], await Backups.ListedAsync(daemon.Client, kept));
            Assert.False(finish.IsCompletedSuccessfully, "nothing is acknowledged without the ledger");
            await until;
        }
        finally
        {
            frozen.ForEach(process => Signals.Send(process, Signals.Continue));
        }

        await finish;
        await Backups.AssertRestoresAsync(daemon.Client, target, image);
        await AssertToldOnceAsync(daemon, target, image);
        var events = await LedgerView.WaitAsync(daemon, all => all.Exists(told => IsLogin(told, loginAt))
            && all.Exists(told => told.Type == "RestoreStarted" && told.Text("backup-id") == kept.BackupId));
        var login = events.Last(told => IsLogin(told, loginAt));
        Assert.InRange(login.Time, loginAt.AddSeconds(-1), loginAt.AddSeconds(12));
        await using var again = await daemon.Client.StartBackupAsync(Backups.NewTarget());
    }

    private static bool IsLogin(Told told, DateTimeOffset after) => told.Type == "LoginSucceeded" && told.Time >= after.AddSeconds(-1);
}

public sealed class DatabasePatienceTests
{
    [Fact]
    public async Task W9_A_finish_whose_patience_ends_fails_cleanly_and_is_decided_later()
    {
        await using var daemon = await Daemon.StartAsync("Ledger:PatienceSeconds=3");
        var target = Backups.NewTarget();
        var image = Image.Make(100, 831, 832);
        var frozen = Signals.Family(daemon.PostmasterId());
        await using (var writer = await daemon.Client.StartBackupAsync(target))
        {
            await Backups.UploadAsync(writer, target, image);
            try
            {
                frozen.ForEach(process => Signals.Send(process, Signals.Stop));
                var failed = await Assert.ThrowsAsync<PbsException>(() => writer.FinishAsync());
                Assert.Contains("the ledger is unavailable", failed.Message);
                // Asked again, it may not record it a second time.
                await Assert.ThrowsAsync<PbsException>(() => writer.FinishAsync());
            }
            finally
            {
                frozen.ForEach(process => Signals.Send(process, Signals.Continue));
            }
        }

        var events = await LedgerView.WaitAsync(daemon, all => all.Exists(told => told.Stream == Backups.Stream(target)
            && told.Type is "BackupFinished" or "SnapshotDiscovered" or "BackupAborted"), 120);
        await Task.Delay(TimeSpan.FromSeconds(7));
        events = await LedgerView.ReadAsync(daemon, Backups.Stream(target));
        Assert.Equal(1, events.Count(told => told.Type is "BackupFinished" or "SnapshotDiscovered" or "BackupAborted"));
        if (events[^1].Type != "BackupAborted")
        {
            await Backups.AssertRestoresAsync(daemon.Client, target, image);
        }

        await using var next = await OpenAsync(daemon, target with { BackupTimeS = target.BackupTimeS + 1 });
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }
}

internal static class Suffering
{
    public const string Away = "the ledger is unavailable: nothing can be recorded, so nothing new is accepted; restores go on";

    public static async Task AssertToldOnceAsync(Daemon daemon, SessionTarget target, Image image)
    {
        var told = await LedgerView.ReadAsync(daemon, Backups.Stream(target));
        Assert.Equal(["BackupStarted", "ArchiveFinished", "ArchiveFinished", "BackupFinished"], told.Select(one => one.Type));
        Assert.Equal(image.Csum, told[2].Text("csum"));
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }

    /// <summary>Waits until another server runs than <paramref name="killed"/> and takes appends: a killed one's backends go on for a while.</summary>
    public static async Task RestartedAsync(Daemon daemon, int killed)
    {
        for (var i = 0; i < 600 && !IsAnother(daemon.PostmasterId()); i++)
        {
            await Task.Delay(100);
        }

        await using var accepted = await OpenAsync(daemon, Backups.NewTarget());

        bool IsAnother(int postmaster) => postmaster > 1 && postmaster != killed && Signals.IsAlive(postmaster);
    }

    public static async Task<BackupWriter> OpenAsync(Daemon daemon, SessionTarget target)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                return await daemon.Client.StartBackupAsync(target);
            }
            catch (PbsException refused) when (i < 200
                && (refused.Message == Away || refused.Message.StartsWith("unable to acquire", StringComparison.Ordinal)))
            {
                await Task.Delay(250);
            }
        }
    }

    public static async Task<PbsException> RefusedAsync(PbsClient client, SessionTarget target)
    {
        try
        {
            await using var writer = await client.StartBackupAsync(target);
        }
        catch (PbsException refused)
        {
            return refused;
        }

        throw new InvalidOperationException("a backup was accepted without a ledger");
    }
}
