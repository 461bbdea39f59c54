// Who this process is, as UPIDs name it: node, pid, and start time in the kernel's ticks.
using System.Globalization;

namespace Holdfast.Host;

/// <summary>Facts about the running process.</summary>
public static class ProcessIdentity
{
    private const int StartTimeField = 22;

    /// <summary>First label of the host name, as a DNS label.</summary>
    public static string Node { get; } = MakeNode(Environment.MachineName);

    public static uint Pid { get; } = (uint)Environment.ProcessId;

    /// <summary>proc(5), field 22 of <c>/proc/self/stat</c>: clock ticks after boot.</summary>
    public static ulong StartTicks { get; } = ReadStartTicks();

    private static string MakeNode(string host)
    {
        var label = new string([.. host.Split('.')[0].Where(c => char.IsAsciiLetterOrDigit(c) || c == '-')]).Trim('-');
        return label.Length is > 0 and <= 63 ? label : "holdfast";
    }

    private static ulong ReadStartTicks()
    {
        // The second field, the program's name, may hold blanks; it ends at the last parenthesis.
        var stat = File.ReadAllText("/proc/self/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return ulong.Parse(fields[StartTimeField - 3], CultureInfo.InvariantCulture) & 0xFFFFFFFF;
    }
}
