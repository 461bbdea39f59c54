// What a service tells systemd about itself (man sd_notify): ready, stopping, alive. Lines in a datagram to the socket that the environment names; without one
// nothing is said and nothing is missed.
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Holdfast.Contracts.Systemd;

/// <summary>The way to systemd, if it started us.</summary>
public sealed class ServiceNotify
{
    private readonly string? socketPath;

    private ServiceNotify(string? socketPath, TimeSpan? watchdogEvery) => (this.socketPath, WatchdogEvery) = (socketPath, watchdogEvery);

    /// <summary>How often <see cref="Alive"/> is to be said; null = nobody waits for it. Half of what systemd allows.</summary>
    public TimeSpan? WatchdogEvery { get; }

    /// <summary>From the environment, which our children do not get to see any more.</summary>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <param name="forget">Removes one.</param>
    /// <param name="pid">Our own: the watchdog may be another process's.</param>
    public static ServiceNotify FromEnvironment(Func<string, string?> variable, Action<string> forget, int pid)
    {
        var path = variable("NOTIFY_SOCKET");
        var watchdogUs = variable("WATCHDOG_USEC");
        var mine = variable("WATCHDOG_PID") is not { Length: > 0 } of || of == pid.ToString(CultureInfo.InvariantCulture);
        TimeSpan? every = mine && long.TryParse(watchdogUs, NumberStyles.None, CultureInfo.InvariantCulture, out var us) && us > 0
            ? TimeSpan.FromMicroseconds(us / 2.0) : null;
        foreach (var name in (string[])["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"])
        {
            forget(name);
        }

        return new(path is { Length: > 1 } && path[0] is '/' or '@' ? path : null, every);
    }

    public void Ready(string status) => Say($"READY=1\nSTATUS={OneLine(status)}");

    public void Stopping() => Say("STOPPING=1");

    public void Alive() => Say("WATCHDOG=1");

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Say(string lines)
    {
        if (socketPath is null)
        {
            return;
        }

        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(lines), new UnixDomainSocketEndPoint(socketPath[0] == '@' ? "\0" + socketPath[1..] : socketPath));
        }
        catch (SocketException)
        {
            // Nobody listens any more. systemd draws its own conclusions.
        }
    }
}
