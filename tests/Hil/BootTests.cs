// The image as it is flashed, on a blank disk, started by firmware and boot loader: the first start needs nobody, the second is the same box, and only what was
// promised is open.
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "boot")]
[Collection("one box at a time")]
public sealed class BootTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_flashed_disk_becomes_a_box_that_takes_backups_and_stays_itself()
    {
        await using var box = await Box.MakeAsync(firmware: true);
        using var work = new Work();
        await box.StartAsync();
        output.WriteLine($"first boot to healthy: {box.BootTook.TotalSeconds:0} s");
        Assert.Equal("", (await box.InsideAsync("systemctl is-system-running --wait >/dev/null; systemctl --failed --no-legend --plain")).Trim());
        Assert.Equal($"holdfast_{Rig.Version}.efi", (await box.InsideAsync("ls /efi/EFI/Linux")).Trim());
        await AssertClosedAsync(box);

        var (password, fingerprint) = await box.CredentialsAsync();
        var image = work.Make("a.img", 48, 1);
        var backup = await box.ClientAsync("main", password, fingerprint, "backup", $"a.img:{image}", "--backup-id", "boot");
        Assert.True(backup.ExitStatus == 0, backup.Output + backup.Errors);
        var before = await IdentityAsync(box);
        await box.PowerOffAsync();
        await box.StartAsync();
        output.WriteLine($"second boot to healthy: {box.BootTook.TotalSeconds:0} s");
        Assert.Equal(before, await IdentityAsync(box));
        var restored = await box.ClientAsync("main", password, fingerprint, "restore", "host/boot", "a.img", work.At("back.img"));
        Assert.True(restored.ExitStatus == 0, restored.Output + restored.Errors);
        Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));
    }

    /// <summary>What makes it this box: certificate, machine id, host id, the ledger's key.</summary>
    private static Task<string> IdentityAsync(Box box) =>
        box.InsideAsync("sha256sum /state/holdfast/tls/cert.pem /etc/machine-id /etc/hostid /state/holdfast/keys/ledger.pem");

    private static async Task AssertClosedAsync(Box box)
    {
        // Nobody has a password that works, and nothing listens beyond this machine but the service and SSH (for which the rig gave a key).
        Assert.Equal("", (await box.InsideAsync("awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow")).Trim());
        var open = (await box.InsideAsync(
            "ss -Hltn | awk '{print $4}' | grep -v '^127\\.' | grep -v '^\\[::1\\]' | sed 's/.*://' | sort -un | paste -sd' '")).Trim();
        Assert.Subset(new HashSet<string> { "22", "8007", "5355" }, open.Split(' ').ToHashSet());
        Assert.Contains("policy drop", await box.InsideAsync("nft list chain inet holdfast input"), StringComparison.Ordinal);
        Assert.Equal("600", (await box.InsideAsync("stat -c %a /state/holdfast/keys/ledger.pem")).Trim());
    }
}
