// Ledger:ConnectionString: the appliance on a PostgreSQL of somebody else's, over TCP and with a password. Backups, a restart of either, the chain checked
// through the driver (the embedded server is read by another way), and no secret in what the appliance says.
using Holdfast.Features.Audit;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Wire;

public sealed class ExternalDatabaseTests
{
    [Fact]
    public async Task A_ledger_in_a_server_of_the_site_s_takes_backups_and_outlives_restarts_of_both()
    {
        await using var site = await PasswordServer.StartAsync();
        await using var daemon = await Daemon.StartAsync(
            new Dictionary<string, string> { ["HOLDFAST_LEDGER_CONNECTIONSTRING"] = site.ConnectionString });
        Assert.False(Directory.Exists(Path.Combine(daemon.Data, "ledger")), "no private PostgreSQL beside the site's");
        var (first, second, third) = (Backups.NewTarget(), Backups.NewTarget(), Backups.NewTarget());
        var image = Image.Make(100, 901, 902, 903);
        await Backups.RunAsync(daemon.Client, first, image);

        // The appliance starts again on what the site keeps.
        Assert.Equal(0, await daemon.StopAsync());
        await daemon.StartAgainAsync();
        await Backups.AssertRestoresAsync(daemon.Client, first, image);
        await daemon.KillAsync();
        await daemon.StartAgainAsync();
        await Backups.RunAsync(daemon.Client, second, image);

        // The site's server goes and comes back: the appliance finds it again by itself.
        await site.KillAsync();
        await Backups.AssertRestoresAsync(daemon.Client, first, image);
        await site.RunAsync();
        await BackUpOnceItIsBackAsync(daemon, third, image);

        await using var ledger = await PostgresLedger.OpenReadOnlyAsync(site.ConnectionString);
        var report = await ChainVerifier.VerifyAsync(ledger, null, new HeadWitness(Path.Combine(daemon.Data, "ledger-head")).Read());
        Assert.True(report.IsGood, report.ToString());
        var folds = new Folds(ledger, null, TimeProvider.System, _ => { });
        await folds.Set.StartAsync();
        foreach (var target in (Holdfast.Wire.SessionTarget[])[first, second, third])
        {
            var types = new List<string>();
            await foreach (var one in ledger.ReadStreamAsync(Backups.Stream(target)))
            {
                types.Add(one.Type);
            }

            Assert.Equal(("BackupStarted/1", "BackupFinished/1"), (types[0], types[^1]));
        }

        Assert.All(await folds.Set.RebuildAndCompareAsync(), one => Assert.True(one.IsEqual, one.Name));
        await folds.Set.DisposeAsync();
        Assert.DoesNotContain("a-password-of-the-site", daemon.Output, StringComparison.Ordinal);
    }

    private static async Task BackUpOnceItIsBackAsync(Daemon daemon, Holdfast.Wire.SessionTarget target, Image image)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await Backups.RunAsync(daemon.Client, target, image);
                return;
            }
            catch (Holdfast.Wire.PbsException) when (attempt < 120)
            {
                await Task.Delay(500); // refused with a clear text while the ledger is away
            }
        }
    }
}
