// What systemd is told: real datagrams to a real socket, and silence where nobody listens.
using System.Net.Sockets;
using System.Text;
using Holdfast.Contracts.Systemd;
using Xunit;

namespace Holdfast.Tests.Unit.Host;

public sealed class ServiceNotifyTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-notify-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Ready_alive_and_stopping_reach_the_socket_and_children_do_not_see_it()
    {
        var path = Path.Combine(folder, "notify");
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        var environment = new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = path, ["WATCHDOG_USEC"] = "60000000", ["WATCHDOG_PID"] = "42" };
        var notify = ServiceNotify.FromEnvironment(name => environment.GetValueOrDefault(name), name => environment.Remove(name), 42);
        Assert.Empty(environment);
        Assert.Equal(TimeSpan.FromSeconds(30), notify.WatchdogEvery);
        notify.Ready("port\n8007");
        notify.Alive();
        notify.Stopping();
        Assert.Equal(["READY=1\nSTATUS=port 8007", "WATCHDOG=1", "STOPPING=1"], new[] { Next(), Next(), Next() });

        string Next()
        {
            var buffer = new byte[256];
            return Encoding.UTF8.GetString(buffer, 0, systemd.Receive(buffer));
        }
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("relative", "x", null)]
    [InlineData("/nobody/there", "1000000", "43")]
    public void Without_systemd_nothing_happens(string? socket, string? usec, string? pid)
    {
        var environment = new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = socket, ["WATCHDOG_USEC"] = usec, ["WATCHDOG_PID"] = pid };
        var notify = ServiceNotify.FromEnvironment(name => environment.GetValueOrDefault(name), name => environment.Remove(name), 42);
        Assert.Null(notify.WatchdogEvery);
        notify.Ready("up");
        notify.Alive();
        notify.Stopping();
    }
}
