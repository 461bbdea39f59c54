// What the agent is asked to change: recorded before and after, whatever comes of it; never a secret. Watches end when either side hangs up. Programs have
// limits. The agent here is the real server on a real socket, with verbs of the test.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Holdfast.Agent;
using Holdfast.Agent.Programs;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Programs;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Host;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Agent;

public sealed class AgentActsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-agent-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string SocketPath => Path.Combine(folder, "agent.sock");

    [Fact]
    public void What_acts_holds_no_secret_because_it_is_recorded_as_it_stands() =>
        Assert.DoesNotContain(
            AgentNames.Requests.Where(request => request.IsSubclassOf(typeof(AgentAct))).SelectMany(request => request.GetProperties()),
            member => ((string[])["Password", "Secret", "Passphrase", "PrivateKey"]).Any(part => member.Name.Contains(part, StringComparison.Ordinal)));

    [Fact]
    public void Every_request_has_a_name_of_its_own()
    {
        var names = AgentNames.Requests.Select(AgentNames.Of).ToList();
        Assert.Equal(names.Count, names.Distinct(StringComparer.Ordinal).Count());
        Assert.All(names, name => Assert.Matches("^[a-z]+(-[a-z0-9]+)*$", name));
        Assert.Equal(typeof(AgentRequest).Assembly.GetTypes().Count(type => type.IsSubclassOf(typeof(AgentRequest)) && !type.IsAbstract), names.Count);
    }

    [Fact]
    public async Task Without_an_agent_nothing_is_recorded_as_asked()
    {
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var deferred = new DeferredAppends(ledger, TimeProvider.System);
        var acts = new AgentActs(new AgentSocket(SocketPath), new Recorder(ledger, deferred, TimeProvider.System));
        await Assert.ThrowsAsync<AgentAwayException>(() => acts.DoAsync<AgentDone>(new Act(), EventMetadata.System, TimeSpan.FromSeconds(5)));
        Assert.Equal(0, ledger.Head.Position);
    }

    private sealed record Act : AgentAct;

    [Fact]
    public async Task A_watch_ends_when_its_watcher_goes_and_leaves_no_place_taken()
    {
        var ended = 0;
        await using var agent = new AgentServer(new AgentOptions(SocketPath, new HashSet<uint>(), [AgentVerb.Watching<CheckPamPassword>(Watch)], _ => { }));
        var socket = new AgentSocket(SocketPath);
        for (var i = 0; i < 40; i++)
        {
            await foreach (var answer in socket.WatchAsync(new CheckPamPassword("a", "b"), default))
            {
                Assert.IsType<AgentDone>(answer);
                break;
            }
        }

        Assert.IsType<KnownVerbs>(await socket.AskAsync(new ListVerbs(), TimeSpan.FromSeconds(20)));
        for (var until = Stopwatch.StartNew(); Volatile.Read(ref ended) < 40 && until.Elapsed < TimeSpan.FromSeconds(20);)
        {
            await Task.Delay(10);
        }

        Assert.Equal(40, ended);

        async IAsyncEnumerable<AgentAnswer> Watch(CheckPamPassword request, [EnumeratorCancellation] CancellationToken cancel)
        {
            try
            {
                yield return new AgentDone();
                await Task.Delay(Timeout.Infinite, cancel);
            }
            finally
            {
                Interlocked.Increment(ref ended);
            }
        }
    }

    [Fact]
    public async Task A_verb_that_fails_is_a_refusal_with_its_reason()
    {
        await using var agent = new AgentServer(new AgentOptions(SocketPath, new HashSet<uint>(),
            [AgentVerb.Of<CheckPamPassword>((_, _) => throw new Holdfast.Contracts.Agent.VerbRefusedException("no such pool"))], _ => { }));
        Assert.Equal(new AgentRefusal("no such pool"), await new AgentSocket(SocketPath).AskAsync(new CheckPamPassword("a", "b"), TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Programs_run_without_a_shell_and_within_limits()
    {
        var programs = new LinuxPrograms();
        Assert.True(programs.Has("cat"));
        Assert.False(programs.Has("/bin/cat"));
        Assert.Equal("$(id) a b", (await programs.RunAsync("echo", ["-n", "$(id)", "a b"])).Output);
        Assert.Equal("given", (await programs.RunAsync("cat", [], input: "given")).Output);
        Assert.Equal(1, (await programs.RunAsync("false", [])).ExitStatus);
        await Assert.ThrowsAsync<ProgramFailedException>(() => programs.RunAsync("no-such-program", []));
        await Assert.ThrowsAsync<ProgramFailedException>(() => programs.RunAsync("sleep", ["60"], new ProgramLimits(TimeSpan.FromMilliseconds(200))));
        await Assert.ThrowsAsync<ProgramFailedException>(() => programs.RunAsync("yes", [], new ProgramLimits(TimeSpan.FromSeconds(60), 10_000)));
        var lines = new List<string>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await foreach (var line in programs.LinesAsync("printf", ["one\\ntwo\\n"], stop.Token))
        {
            lines.Add(line);
        }

        Assert.Equal(["one", "two"], lines);
    }
}
