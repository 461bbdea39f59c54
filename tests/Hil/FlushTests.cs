// What counts is what was flushed: every write and flush of the box's disk is logged while backups run, and the disk then put together anew as a power cut
// leaves it, with all that was flushed and only some of the rest, LOOPS times. What had been acknowledged by then is all there. Killing the machine alone
// (CrashTests) leaves every write in place, so it can't tell whether flushes are asked for.
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "crash")]
[Collection("one box at a time")]
public sealed class FlushTests(ITestOutputHelper output)
{
    private const int Backups = 4;

    [Fact]
    public async Task What_was_acknowledged_was_flushed()
    {
        await using var box = await Box.ReadyAsync();
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        await box.PowerOffAsync();
        var (disk, log) = await box.LogWritesAsync();
        await box.StartAsync();

        // The count of entries at which each was acknowledged.
        var acknowledged = new List<(int At, string Group, string Hash)>();
        for (var i = 1; i <= Backups; i++)
        {
            var image = work.Make("kept.img", 24, i);
            var backup = await box.ClientAsync("main", password, fingerprint, "backup", $"kept.img:{image}", "--backup-id", $"kept{i}");
            Assert.True(backup.ExitStatus == 0, backup.Output + backup.Errors);
            await Task.Delay(1000); // The log may be a moment behind.
            acknowledged.Add((log.ReadOn(), $"host/kept{i}", Work.Hash(image)));
        }

        var last = box.ClientAsync("main", password, fingerprint, "backup", $"cut.img:{work.Make("cut.img", 96, 99)}", "--backup-id", "cut");
        await Task.Delay(TimeSpan.FromSeconds(8));
        await box.CutPowerAsync();
        await last;
        var end = log.ReadOn();
        output.WriteLine($"{end} entries, {log.Entries.Count(one => one.IsFlush)} flushes, {log.Entries.Sum(one => one.SizeBytes) >> 20} MiB");
        Assert.Contains(log.Entries, one => one.IsFlush);

        var random = new Random(int.TryParse(Environment.GetEnvironmentVariable("SEED"), out var seed) ? seed : 1);
        var applied = 0;

        // The last moment before a flush: as much as can be is not flushed then.
        foreach (var cut in Enumerable.Range(0, Rig.Loops).Select(_ => log.FlushAfter(random.Next(acknowledged[0].At, end + 1))).Order().ToList())
        {
            var flushed = log.FlushBefore(cut) + 1;
            log.Apply(disk, applied, flushed);
            applied = flushed;
            var after = await box.OnCopyOfAsync(disk);
            var harmed = log.ApplySome(after, flushed, cut, random);
            await box.StartAsync();
            var there = acknowledged.Where(one => one.At <= cut).ToList();
            output.WriteLine($"power cut after entry {cut}, {cut - flushed} of them not flushed, {harmed} of those lost or torn: healthy after "
                + $"{box.BootTook.TotalSeconds:0} s, {there.Count} backups acknowledged");
            foreach (var (_, group, hash) in there)
            {
                File.Delete(work.At("back.img"));
                var restored = await box.ClientAsync("main", password, fingerprint, "restore", group, "kept.img", work.At("back.img"));
                Assert.True(restored.ExitStatus == 0, $"cut after {cut}, {group}: {restored.Output}{restored.Errors}");
                Assert.Equal(hash, Work.Hash(work.At("back.img")));
            }

            var ledger = await box.LedgerAsync("verify");
            Assert.Contains("complete and unaltered", ledger, StringComparison.Ordinal);
            Assert.Equal(there.Count, (await box.LedgerAsync("show"))
                .Split('\n').Count(line => line.Contains("BackupFinished/", StringComparison.Ordinal)
                    && there.Any(one => line.Contains(one.Group[5..], StringComparison.Ordinal))));
            await box.CutPowerAsync();
        }
    }
}
