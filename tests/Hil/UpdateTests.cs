// Another version in place of the one that runs: installed beside it, tried, kept; one that never comes up healthy is left again without anybody's help; and
// power cuts at the worst moments of an installation leave a box that starts.
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Hil;

[Trait("group", "update")]
[Collection("one box at a time")]
public sealed class UpdateTests(ITestOutputHelper output)
{
    private static readonly string Next = Rig.Version + ".1";
    private static readonly string Ill = Rig.Version + ".2";

    /// <summary>Moments of an installation, as a shell condition that holds from then on.</summary>
    private static readonly (string Name, string Holds)[] Moments =
    [
        ("the root is being written", "busctl get-property de.pengutronix.rauc / de.pengutronix.rauc.Installer Progress | grep -q '(isi) [5-9][0-9] .Copying'"),
        ("the slot has its name", $"sfdisk --part-label /dev/vda 2 | grep -q {Ill} || sfdisk --part-label /dev/vda 3 | grep -q {Ill}"),
        ("the kernel is being written", "[ -e /efi/EFI/Linux/new.part ]"),
    ];

    [Fact]
    public async Task An_update_is_tried_kept_or_left_again_and_a_power_cut_in_it_leaves_a_box_that_starts()
    {
        await using var box = await Box.MakeAsync(firmware: true);
        using var work = new Work();
        await box.StartAsync();
        var (password, fingerprint) = await box.CredentialsAsync();
        var image = work.Make("a.img", 24, 1);
        await SayAsync("backup", $"a.img:{image}", "--backup-id", "before");
        await AssertForgeryRefusedAsync();

        await SayAsync("update", "install", Rig.Bundle(Next), "--reboot");
        await RunsAsync(Next, "good");
        Assert.Contains($"A {Rig.Version} good", await SlotsAsync(), StringComparison.Ordinal);
        await AssertRestoredAsync();
        foreach (var (name, holds) in Moments)
        {
            await CutAtAsync(name, holds);
        }

        await SayAsync("update", "install", Rig.Bundle(Ill), "--reboot");
        await box.UntilAsync("the box has left the version that is never healthy", async () =>
            (await TryAsync("update", "status")).Output.Contains($"version {Ill} was tried", StringComparison.Ordinal),
            TimeSpan.FromMinutes(20), TimeSpan.FromSeconds(5));
        await box.ForgetConnectionAsync();
        await RunsAsync(Next, "good");
        Assert.Contains("update-fell-back", (await SayAsync("alarm", "list", "--output", "json")), StringComparison.Ordinal);
        await AssertRestoredAsync();
        var ledger = await box.LedgerAsync("verify");
        Assert.Contains("complete and unaltered", ledger, StringComparison.Ordinal);
        output.WriteLine(await SlotsAsync());

        Task<Said> TryAsync(params string[] arguments) => box.ClientAsync("main", password, fingerprint, arguments);

        async Task<string> SayAsync(params string[] arguments)
        {
            var said = await TryAsync(arguments);
            Assert.True(said.ExitStatus == 0, $"{string.Join(' ', arguments)}: {said.Output}{said.Errors}");
            return said.Output;
        }

        Task<string> SlotsAsync() => box.InsideAsync("holdfast-slots");

        async Task RunsAsync(string version, string state)
        {
            await box.UntilAsync($"version {version} runs and is {state}", async () =>
            {
                await box.ForgetConnectionAsync();
                var said = (await TryAsync("update", "status", "--output", "json")).Output;
                return said.Contains($"\"running\": \"{version}\"", StringComparison.Ordinal)
                    && (await SlotsAsync()).Split('\n').Any(line => line.Contains($" {version} {state} runs next", StringComparison.Ordinal));
            }, TimeSpan.FromMinutes(8), TimeSpan.FromSeconds(3));
        }

        async Task AssertForgeryRefusedAsync()
        {
            var bytes = await File.ReadAllBytesAsync(Rig.Bundle(Next));
            bytes[bytes.Length / 2] ^= 1;
            bytes[^200] ^= 1;
            await File.WriteAllBytesAsync(work.At("forged.raucb"), bytes);
            var refused = await TryAsync("update", "install", work.At("forged.raucb"));
            Assert.Equal(1, refused.ExitStatus);
            output.WriteLine($"forged: {refused.Errors.Trim()}");
            Assert.Contains("rauc:", refused.Errors, StringComparison.Ordinal);
        }

        async Task AssertRestoredAsync()
        {
            File.Delete(work.At("back.img"));
            await SayAsync("restore", "host/before", "a.img", work.At("back.img"));
            Assert.Equal(Work.Hash(image), Work.Hash(work.At("back.img")));
        }

        // The kernel's own switch: at once, and nothing is written any more.
        async Task CutAtAsync(string name, string holds)
        {
            await box.InsideAsync($"cat > /run/cut.sh <<'END'\nuntil {holds}; do sleep 0.05; done\necho b > /proc/sysrq-trigger\nEND\n"
                + $"systemd-run --quiet --unit=cut-{Guid.NewGuid():N} sh /run/cut.sh");
            var installing = TryAsync("update", "install", Rig.Bundle(Ill));
            await box.UntilAsync($"the power is cut when {name}", () => Task.FromResult(installing.IsCompleted), TimeSpan.FromMinutes(9),
                TimeSpan.FromSeconds(1));
            Assert.NotEqual(0, (await installing).ExitStatus);
            await box.ForgetConnectionAsync();
            await RunsAsync(Next, "good");
            output.WriteLine($"cut when {name}: {(await SlotsAsync()).ReplaceLineEndings(", ")}");
            Assert.Contains((await SlotsAsync()).Split('\n'), line => line.Length > 2 && line[2..] is "- none"
                || line.EndsWith($"{Ill} none", StringComparison.Ordinal));
            await AssertRestoredAsync();
        }
    }
}
