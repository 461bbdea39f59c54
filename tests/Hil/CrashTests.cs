// The power goes while a backup runs, LOOPS times (default 1): what was acknowledged before is all there and whole, the ledger is unbroken, and the next backup
// works. The machine is killed, not its host: what it had written but not flushed survives here, so this proves recovery, not that flushes are asked for
// (FlushTests does, and `make crash`).
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "crash")]
[Collection("one box at a time")]
public sealed class CrashTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Power_cuts_during_backups_lose_nothing_that_was_acknowledged()
    {
        await using var box = await Box.ReadyAsync();
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        var random = new Random(int.TryParse(Environment.GetEnvironmentVariable("SEED"), out var seed) ? seed : 1);
        var acknowledged = new Dictionary<string, string>();
        for (var loop = 1; loop <= Rig.Loops; loop++)
        {
            var kept = work.Make("kept.img", 24, loop);
            await BackupAsync(box, password, fingerprint, $"kept{loop}", kept);
            acknowledged[$"host/kept{loop}"] = Work.Hash(kept);

            var lost = work.Make("lost.img", 200, 1000 + loop);
            var running = box.ClientAsync("main", password, fingerprint, "backup", $"lost.img:{lost}", "--backup-id", $"lost{loop}");
            await Task.Delay(random.Next(1_000, 12_000));
            await box.CutPowerAsync();
            if ((await running).ExitStatus == 0)
            {
                acknowledged[$"host/lost{loop}"] = Work.Hash(lost);
            }

            await box.StartAsync();
            output.WriteLine($"loop {loop}: healthy after {box.BootTook.TotalSeconds:0} s, {acknowledged.Count} acknowledged");
            foreach (var (group, hash) in acknowledged)
            {
                File.Delete(work.At("back.img"));
                var restored = await box.ClientAsync("main", password, fingerprint, "restore", group, group[5..9] + ".img", work.At("back.img"));
                Assert.True(restored.ExitStatus == 0, $"loop {loop}, {group}: {restored.Output}{restored.Errors}");
                Assert.Equal(hash, Work.Hash(work.At("back.img")));
            }

            var ledger = await box.LedgerAsync("verify");
            Assert.Contains("complete and unaltered", ledger, StringComparison.Ordinal);
        }

        await BackupAsync(box, password, fingerprint, "after", work.Make("after.img", 8, 5000));
    }

    private static async Task BackupAsync(Box box, string password, string fingerprint, string id, string path)
    {
        var backup = await box.ClientAsync("main", password, fingerprint, "backup", $"{Path.GetFileName(path)}:{path}", "--backup-id", id);
        Assert.True(backup.ExitStatus == 0, backup.Output + backup.Errors);
    }
}
