// What the kernel counts of a process (proc(5)): processor time, memory, peak memory.
using System.Globalization;
using System.Runtime.InteropServices;

namespace Holdfast.Tests.Bench;

internal static partial class ProcFigures
{
    private const int ClockTicksName = 2; // _SC_CLK_TCK
    private static readonly double TicksPerS = SysConf(ClockTicksName);

    /// <summary>User and system time of the process so far, in seconds; with those of its ended children if asked.</summary>
    public static double CpuS(int pid, bool withChildren = false)
    {
        var fields = Stat(pid);
        var ticks = Number(fields[11]) + Number(fields[12]);
        ticks += withChildren ? Number(fields[13]) + Number(fields[14]) : 0;
        return ticks / TicksPerS;
    }

    /// <summary>Time of this process's children that have ended, in seconds.</summary>
    public static double EndedChildrenCpuS() => CpuS(Environment.ProcessId, withChildren: true) - CpuS(Environment.ProcessId);

    /// <summary>Resident memory now, in MiB.</summary>
    public static double MemoryMib(int pid) => StatusKib(pid, "VmRSS:") / 1024;

    /// <summary>Highest resident memory since the start or since <see cref="ForgetPeak"/>, in MiB.</summary>
    public static double PeakMib(int pid) => StatusKib(pid, "VmHWM:") / 1024;

    /// <summary>The peak counts from now on.</summary>
    public static void ForgetPeak(int pid) => File.WriteAllText($"/proc/{pid}/clear_refs", "5");

    /// <summary>A process and all its living children: their time, and what their ended children took.</summary>
    public static double TreeCpuS(int pid)
    {
        var sum = 0.0;
        foreach (var one in Children(pid).Prepend(pid))
        {
            try
            {
                sum += CpuS(one, withChildren: true);
            }
            catch (IOException)
            {
                // It ended just now: its parent counts it.
            }
        }

        return sum;
    }

    /// <summary>The process that listens on a TCP port of this machine; null if it can't be found.</summary>
    public static int? Listener(int port)
    {
        var wanted = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        var sockets = File.ReadLines("/proc/net/tcp").Concat(File.ReadLines("/proc/net/tcp6"))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(f => f.Length > 9 && f[1].EndsWith(wanted, StringComparison.Ordinal) && f[3] == "0A")
            .Select(f => $"socket:[{f[9]}]").ToHashSet();
        foreach (var pid in Pids())
        {
            try
            {
                if (Directory.EnumerateFiles($"/proc/{pid}/fd").Any(
                    fd => new FileInfo(fd).LinkTarget is { } target && sockets.Contains(target)))
                {
                    return pid;
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Gone, or somebody else's: not the one we may look into.
            }
        }

        return null;
    }

    /// <summary>Processes that this one started and that still run.</summary>
    public static IEnumerable<int> Children(int pid) => Pids().Where(one =>
    {
        try
        {
            return Stat(one)[1] == pid.ToString(CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return false; // it ended meanwhile
        }
    });

    private static IEnumerable<int> Pids() => Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out var pid) ? pid : 0)
        .Where(pid => pid > 0);

    // From the third field on: the second, the program's name, may hold blanks and ends at the last parenthesis.
    private static string[] Stat(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static double StatusKib(int pid, string name) =>
        Number(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith(name, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "sysconf")]
    private static partial long SysConf(int name);
}
