// How much the two units give away, by systemd's own measure. Needs systemd-analyze on this machine; where it is not there, the sandbox is checked
// by its words alone.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Unit.Host;

public sealed partial class HardeningTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("holdfastd.service", 1.6)]
    [InlineData("holdfast-agent.service", 4.8)]
    public async Task The_exposure_of_a_unit_stays_low(string unit, double most)
    {
        var path = Path.Combine(Tree(), "image", "service", "usr", "lib", "systemd", "system", unit);
        if (!File.Exists("/usr/bin/systemd-analyze"))
        {
            output.WriteLine("systemd-analyze is not here: only the words are checked");
            return;
        }

        using var analyze = Process.Start(new ProcessStartInfo("systemd-analyze", ["security", "--offline=true", "--no-pager", path])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var errors = analyze.StandardError.ReadToEndAsync();
        var text = await analyze.StandardOutput.ReadToEndAsync();
        await analyze.WaitForExitAsync();
        var level = Exposure().Match(text);
        Assert.True(level.Success, text + await errors);
        output.WriteLine($"{unit}: {level.Groups[1].Value}");
        Assert.InRange(double.Parse(level.Groups[1].Value, CultureInfo.InvariantCulture), 0, most);
    }

    [Fact]
    public void The_service_has_no_rights_and_the_agent_no_network()
    {
        var service = File.ReadAllText(Path.Combine(Tree(), "image", "service", "usr", "lib", "systemd", "system", "holdfastd.service"));
        Assert.Contains("\nUser=holdfast\n", service, StringComparison.Ordinal);
        Assert.Contains("\nCapabilityBoundingSet=\n", service, StringComparison.Ordinal);
        Assert.Contains("\nPrivateDevices=yes\n", service, StringComparison.Ordinal);
        var agent = File.ReadAllText(Path.Combine(Tree(), "image", "service", "usr", "lib", "systemd", "system", "holdfast-agent.service"));
        Assert.Contains("\nIPAddressDeny=any\n", agent, StringComparison.Ordinal);
    }

    private static string Tree()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Appliance.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("run it inside the tree");
        }

        return folder;
    }

    [GeneratedRegex(@"Overall exposure level for .*: ([\d.]+)")]
    private static partial Regex Exposure();
}
