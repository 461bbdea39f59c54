// Where the rig finds things: the built image, our client, QEMU's firmware; and whether all of it is there. What is missing is said, and the tests are skipped.
namespace Holdfast.Tests.Hil;

internal static class Rig
{
    /// <summary>For what takes no time.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromSeconds(60);

    private static readonly string Tree = FindTree();

    public static string Version { get; } = System.Text.RegularExpressions.Regex.Match(
        File.ReadAllText(Path.Combine(Tree, "Directory.Build.props")), "<Version>(.*)</Version>").Groups[1].Value;

    public static string Image => Path.Combine(Tree, "out", "image", $"holdfast-{Version}.qcow2");

    public static string Kernel => Path.Combine(Tree, "out", "image", "vmlinuz");

    public static string Initrd => Path.Combine(Tree, "out", "image", "initrd");

    /// <summary>An update to a later version: <c>Version.1</c> is well, <c>Version.2</c> has a service that never comes up.</summary>
    public static string Bundle(string version) => Path.Combine(Tree, "out", "image", "variant-" + version, $"holdfast-{version}.raucb");

    /// <summary>A kernel module that only the rig has (tests/hil-modules.sh); null = none was built.</summary>
    public static string? Module(string name) => Directory.Exists(Path.Combine(Tree, "out", "hil-modules"))
        ? Directory.GetFiles(Path.Combine(Tree, "out", "hil-modules"), name + ".ko", SearchOption.AllDirectories).FirstOrDefault() : null;

    public static string Client => Path.Combine(Tree, "out", "holdfast");

    public static string Firmware => "/usr/share/OVMF/OVMF_CODE_4M.fd";

    public static string FirmwareVariables => "/usr/share/OVMF/OVMF_VARS_4M.fd";

    /// <summary>Software emulation; a developer whose machine can do better sets HIL_ACCEL=kvm.</summary>
    public static string Accelerator => Environment.GetEnvironmentVariable("HIL_ACCEL") is "kvm" ? "kvm" : "tcg,thread=multi,tb-size=512";

    /// <summary>How often the power is cut; LOOPS=n.</summary>
    public static int Loops => int.TryParse(Environment.GetEnvironmentVariable("LOOPS"), out var loops) ? Math.Clamp(loops, 1, 1000) : 1;

    private static string FindTree()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Appliance.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("run it inside the tree");
        }

        return folder;
    }
}
