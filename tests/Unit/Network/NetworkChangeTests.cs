// A change of the network and its way back, over real files, the agent's real socket and the appliance's own parts; networkctl and nft are a record of what was
// asked. Time is the test's.
using System.Text;
using Holdfast.Agent;
using Holdfast.Agent.Network;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Programs;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Features.Network;
using Holdfast.Host;
using Holdfast.Ledger;
using Xunit;

namespace Holdfast.Tests.Unit.Network;

public sealed class NetworkChangeTests : IDisposable
{
    private const string Links = """
        [{"ifname":"e1","link_type":"ether","mtu":1500,"flags":["UP"],"addr_info":[]},
         {"ifname":"e2","link_type":"ether","mtu":1500,"flags":[]}]
        """;
    private readonly string folder = Directory.CreateTempSubdirectory("holdfast-network-").FullName;
    private readonly NetworkPlaces places;
    private readonly Tools tools = new();
    private readonly StepClock clock = new();

    public NetworkChangeTests()
    {
        places = new(At("live"), At("state/network"), At("aside"), At("state/allow.nft"), At("nftables.conf"));
        Directory.CreateDirectory(At("aside"));
        Directory.CreateDirectory(At("state"));
        File.WriteAllText(At("aside/nftables-allow.nft"), "chain service { accept; }\n");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string At(string name) => Path.Combine(folder, name);

    private static NetworkPlan Static(string address, DoorPlan? doors = null) => new(
        [new InterfacePlan("e1", "eth", "static", [address], null, null, null, null, [], null, null),
            new InterfacePlan("v3", "vlan", "dhcp", [], null, null, null, null, [], 3, "e1")], [], null, doors);

    [Fact]
    public async Task What_is_confirmed_stays_and_what_is_not_goes_by_itself()
    {
        await using var changes = new NetworkChanges(tools, places, clock);
        await changes.ApplyAsync(new ApplyNetwork(Static("192.0.2.7/24"), 60), "one", default);
        Assert.Contains("192.0.2.7/24", File.ReadAllText(At("live/20-holdfast-e1.network")), StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("state/network")), "nothing is kept before it is confirmed");
        await Assert.ThrowsAsync<InvalidDataException>(() => changes.ApplyAsync(new ApplyNetwork(Static("192.0.2.8/24"), 60), "two", default));
        await Assert.ThrowsAsync<InvalidDataException>(() => changes.ConfirmAsync("two", default));
        File.WriteAllText(Directory.CreateDirectory(At("state/network")).FullName + "/50-own.network", "[Match]\nName=own\n");
        await changes.ConfirmAsync("one", default);
        Assert.Equal(Snapshot("live").Append("50-own.network").Order(), Snapshot("state/network"));

        await changes.ApplyAsync(new ApplyNetwork(Static("192.0.2.9/24", new DoorPlan(["v3"], [])), 60), "three", default);
        Assert.Contains("v3", File.ReadAllText(At("aside/nftables-allow.nft")), StringComparison.Ordinal);
        Assert.Equal("three", (await changes.ReadAsync(default)).Pending!.Change);
        clock.Step(TimeSpan.FromSeconds(59));
        Assert.Equal(1000, (await changes.ReadAsync(default)).Pending!.LeftMs);
        clock.Step(TimeSpan.FromSeconds(2));
        var facts = await UntilAsync(changes, facts => facts.Pending is null);
        Assert.Equal(new ChangeOutcome("three", "reverted", "nobody confirmed it in time"), facts.Last);
        Assert.Equal("192.0.2.7/24", facts.Plan!.Interfaces[0].Addresses[0]);
        Assert.Contains("192.0.2.7/24", File.ReadAllText(At("live/20-holdfast-e1.network")), StringComparison.Ordinal);
        Assert.Equal("chain service { accept; }\n", File.ReadAllText(At("aside/nftables-allow.nft")));
        Assert.Equal(2, tools.Said.Count(line => line == "nft -f " + places.Rules));
    }

    [Fact]
    public async Task An_agent_that_died_is_gone_on_with_by_the_next()
    {
        await using (var first = new NetworkChanges(tools, places, clock))
        {
            await first.ApplyAsync(new ApplyNetwork(Static("192.0.2.7/24"), 60), "one", default);
        }

        clock.Step(TimeSpan.FromSeconds(100));
        await using var second = new NetworkChanges(tools, places, clock);
        clock.Step(TimeSpan.FromSeconds(1));
        var facts = await UntilAsync(second, facts => facts.Pending is null);
        Assert.Equal("reverted", facts.Last!.Outcome);
        Assert.Null(facts.Plan);
        Assert.Empty(Snapshot("live"));
        Assert.Contains("networkctl delete v3", tools.Said);
    }

    [Fact]
    public async Task A_machine_that_is_not_the_image_keeps_its_own_network()
    {
        Directory.Delete(At("state"));
        await using var changes = new NetworkChanges(tools, places, clock);
        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => changes.ApplyAsync(new ApplyNetwork(Static("192.0.2.7/24"), 60), "one", default));
        Assert.Contains("its own means", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("live")), "nothing was written");
        Assert.DoesNotContain(tools.Said, line => line.StartsWith("networkctl", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_that_a_tool_refuses_is_taken_back_at_once()
    {
        await using var changes = new NetworkChanges(tools, places, clock);
        tools.Failing = "networkctl reload";
        var apply = new ApplyNetwork(Static("192.0.2.7/24"), 60);
        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => changes.ApplyAsync(apply, "one", default));
        Assert.Contains("taken back at once", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Snapshot("live"));
        Assert.Equal("reverted", (await changes.ReadAsync(default)).Last!.Outcome);
        var missing = new NetworkPlan([new InterfacePlan("e9", "eth", "dhcp", [], null, null, null, null, [], null, null)], [], null, null);
        Assert.Equal("interface e9 does not exist; there are e1, e2",
            (await Assert.ThrowsAsync<InvalidDataException>(() => changes.ApplyAsync(new ApplyNetwork(missing, 60), "x", default))).Message);
        await Assert.ThrowsAsync<InvalidDataException>(() => changes.ApplyAsync(new ApplyNetwork(Static("192.0.2.7/24"), 5), "x", default));
    }

    [Fact]
    public async Task The_end_of_a_change_is_recorded_once_whoever_was_away()
    {
        await using var changes = new NetworkChanges(tools, places, clock);
        await using var agent = new AgentServer(new AgentOptions(
            At("agent.sock"), new HashSet<uint>(), new NetworkVerbs(changes, tools, () => "named").Verbs, _ => { }));
        await using var ledger = new MemoryLedger(TimeProvider.System);
        await using var deferred = new DeferredAppends(ledger, TimeProvider.System);
        var recorder = new Recorder(ledger, deferred, TimeProvider.System);
        var socket = new AgentSocket(At("agent.sock"));
        var changed = await new AgentActs(socket, recorder).DoAsync<NetworkChanged>(
            new ApplyNetwork(Static("192.0.2.7/24"), 60), EventMetadata.System, TimeSpan.FromSeconds(30));
        Assert.Equal(new NetworkChanged("named", 60), changed);
        var open = new NetworkState("named");
        var watch = new NetworkWatch(socket, () => open, recorder);
        var before = ledger.Head.Position;
        await watch.CheckAsync();
        Assert.Equal(before, ledger.Head.Position);
        await changes.ConfirmAsync("named", default);
        await watch.CheckAsync();
        await watch.CheckAsync();
        Assert.Equal(before + 1, ledger.Head.Position);

        // A box that was restarted knows nothing of the change: then it is as before.
        open = new NetworkState("forgotten");
        await watch.CheckAsync();
        Assert.Equal(before + 2, ledger.Head.Position);
        var refusal = await Assert.ThrowsAsync<Holdfast.Features.Agent.AgentRefusedException>(
            () => socket.AskForAsync<PathVerdict>(new TestPath("-f", 1500), TimeSpan.FromSeconds(20)));
        Assert.Equal("that is no address and no name of a host", refusal.Message);
    }

    private static async Task<NetworkFacts> UntilAsync(NetworkChanges changes, Func<NetworkFacts, bool> holds)
    {
        for (var i = 0; i < 500; i++)
        {
            var facts = await changes.ReadAsync(default);
            if (holds(facts))
            {
                return facts;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException("it did not come about");
    }

    private IEnumerable<string> Snapshot(string name) => Directory.GetFiles(At(name)).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    /// <summary>Programs that do nothing but say so.</summary>
    private sealed class Tools : IPrograms
    {
        public List<string> Said { get; } = [];

        public string? Failing { get; set; }

        public bool Has(string program) => program is "ip" or "networkctl" or "nft";

        public Task<ProgramResult> RunAsync(
            string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default)
        {
            var line = new StringBuilder(program).AppendJoin("", arguments.Select(argument => " " + argument)).ToString();
            lock (Said)
            {
                Said.Add(line);
            }

            var isFailing = line == Failing;
            Failing = isFailing ? null : Failing;
            var output = program != "ip" ? "" : line.Contains("route", StringComparison.Ordinal) ? "[]" : Links;
            return Task.FromResult(new ProgramResult(isFailing ? 1 : 0, output, isFailing ? "broken" : ""));
        }

        public IAsyncEnumerable<string> LinesAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
            throw new InvalidOperationException();
    }

    /// <summary>A clock that the test moves; timers run on it as fast as they can.</summary>
    private sealed class StepClock : TimeProvider
    {
        private long ticks = TimeSpan.FromHours(1).Ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Step(TimeSpan by) => Interlocked.Add(ref ticks, by.Ticks);

        public override long GetTimestamp() => Interlocked.Read(ref ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10));
    }
}
