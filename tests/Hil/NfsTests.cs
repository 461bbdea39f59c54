// NFS on real kernels, both ways at once: a dataset of the box is exported, mounted back over loopback, and carries a datastore. The server stops answering in
// the middle: nobody hangs, the box says so, and when it is back every backup is whole.
using System.Diagnostics;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "nfs")]
[Collection("one box at a time")]
public sealed class NfsTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_datastore_on_a_mount_outlives_its_server()
    {
        await using var box = await Box.ReadyAsync(1024, 1024);
        using var work = new Work();
        var (password, fingerprint) = await box.CredentialsAsync();
        Task<Said> TryAsync(string store, params string[] arguments) => box.ClientAsync(store, password, fingerprint, arguments);
        async Task<string> SayAsync(string store, params string[] arguments)
        {
            var said = await TryAsync(store, arguments);
            Assert.True(said.ExitStatus == 0, $"{string.Join(' ', arguments)}: {said.Output}{said.Errors}");
            return said.Output;
        }

        await box.UntilAsync("both disks are seen", async () => (await TryAsync("main", "disk", "list")).Output is var disks
            && disks.Contains("HILNVME0", StringComparison.Ordinal) && disks.Contains("HILSATA1", StringComparison.Ordinal),
            TimeSpan.FromMinutes(3), TimeSpan.FromSeconds(3));
        await SayAsync("main", "pool", "create", "tank", "mirror", "nvme-QEMU_NVMe_Ctrl_HILNVME0,ata-QEMU_HARDDISK_HILSATA1");
        await SayAsync("main", "pool", "dataset", "create", "tank", "share");
        await SayAsync("main", "nfs", "export", "create", "share", "127.0.0.0/8");
        await SayAsync("main", "nfs", "mount", "create", "nas", "127.0.0.1", "/mnt/datastore/share");
        Assert.Contains("datastore", (await TryAsync("main", "datastore", "create", "inside", "/mnt/datastore/share/x")).Errors, StringComparison.Ordinal);
        await SayAsync("main", "datastore", "create", "far", "/mnt/holdfast/nas/store");
        output.WriteLine(await box.InsideAsync("exportfs -v; grep nfs4 /proc/self/mountinfo; ss -Hltn; nft list chain inet holdfast nfs"));
        var image = work.Make("a.img", 64, 1);
        await SayAsync("far", "backup", $"a.img:{image}", "--backup-id", "kept");

        await box.InsideAsync("systemctl stop nfs-server");
        await AlarmAsync(isRaised: true);
        var started = Stopwatch.GetTimestamp();
        var refused = await TryAsync("far", "backup", $"b.img:{work.Make("b.img", 8, 2)}", "--backup-id", "refused");
        Assert.NotEqual(0, refused.ExitStatus);
        Assert.Contains("NFS server 127.0.0.1", refused.Errors, StringComparison.Ordinal);
        await SayAsync("main", "datastore", "list");
        await SayAsync("main", "backup", $"b.img:{work.At("b.img")}", "--backup-id", "elsewhere");
        var tookS = Stopwatch.GetElapsedTime(started).TotalSeconds;
        output.WriteLine($"with the server away: refused, listed and backed up elsewhere in {tookS:0} s: {refused.Errors}");

        await box.InsideAsync("systemctl start nfs-server");
        await AlarmAsync(isRaised: false);
        await SayAsync("far", "restore", "host/kept", "a.img", work.At("back.img"));
        Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));
        await SayAsync("far", "backup", $"b.img:{work.At("b.img")}", "--backup-id", "again");

        // Started again, the box exports and mounts by itself what the ledger says, and the datastore is there.
        await box.PowerOffAsync();
        await box.StartAsync();
        await box.UntilAsync("the datastore is there again", async () => (await TryAsync("far", "snapshots")) is { ExitStatus: 0 } said
            && said.Output.Contains("host/again/", StringComparison.Ordinal), TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(5));

        Task AlarmAsync(bool isRaised) => box.UntilAsync($"the alarm is {(isRaised ? "raised" : "cleared")}", async () =>
            (await SayAsync("main", "alarm", "list", "--output", "json")).Contains("nfs-server-lost", StringComparison.Ordinal) == isRaised,
            TimeSpan.FromMinutes(6), TimeSpan.FromSeconds(5));
    }
}
