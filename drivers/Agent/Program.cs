// holdfast-agent: the only process with hardware privileges. It has no network; it listens on a unix socket and does a short list of typed verbs for
// holdfastd. Stops on INT or TERM.
using System.Runtime.InteropServices;
using Holdfast.Agent;
using Holdfast.Contracts.Systemd;

try
{
    if (AgentArguments.Parse(args) is not { } arguments)
    {
        Console.WriteLine(AgentArguments.Help);
        return 0;
    }

    var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    await using var panel = SystemPanel.Verbs(SystemPanel.ProfilePath, TimeProvider.System);
    var options = new AgentOptions(
        arguments.SocketPath, arguments.AllowedUids, AllVerbs.Of(arguments, panel),
        line => Console.Error.WriteLine("holdfast-agent: " + line));
    await using var server = new AgentServer(options);
    Console.WriteLine($"holdfast-agent is ready: {arguments.SocketPath}");
    var notify = ServiceNotify.FromEnvironment(
        Environment.GetEnvironmentVariable, name => Environment.SetEnvironmentVariable(name, null), Environment.ProcessId);
    notify.Ready(arguments.SocketPath);
    while (await Task.WhenAny(stop.Task, Task.Delay(notify.WatchdogEvery ?? Timeout.InfiniteTimeSpan)) != stop.Task)
    {
        if (await server.IsAnsweringAsync())
        {
            notify.Alive();
        }
    }

    notify.Stopping();
    return 0;

    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stop.TrySetResult();
    }
}
catch (ArgumentException error)
{
    Console.Error.WriteLine("holdfast-agent: " + error.Message);
    return 2;
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
{
    Console.Error.WriteLine("holdfast-agent: " + error.Message);
    return 1;
}
