// What holdfastd may ask of the agent about network and time. A change of the network takes effect at once and is taken back by itself unless it is confirmed
// in time: whoever locked himself out only has to wait.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Network;

namespace Holdfast.Contracts.Network
{
    /// <summary>How is the network? Answered by <see cref="NetworkFacts"/>.</summary>
    public sealed record ReadNetwork : AgentRequest;

    /// <summary>Uses <paramref name="Plan"/> from now on; back to what was before unless <see cref="ConfirmNetwork"/> comes in time. Until then a restart of
    /// the box takes it back as well. Answered by <see cref="NetworkChanged"/>.</summary>
    /// <param name="ConfirmWithinS">10 to 600 seconds.</param>
    public sealed record ApplyNetwork(NetworkPlan Plan, int ConfirmWithinS) : AgentAct
    {
        public const int ConfirmWithinMinS = 10;
        public const int ConfirmWithinMaxS = 600;
    }

    /// <summary>The change is good and stays.</summary>
    public sealed record ConfirmNetwork(string Change) : AgentAct;

    /// <summary>The change is taken back now.</summary>
    public sealed record RevertNetwork(string Change) : AgentAct;

    /// <summary>Do packets of this size reach that host whole (ping(8), <c>-M do</c>)? Answered by <see cref="PathVerdict"/>.</summary>
    /// <param name="Target">Address or name of the host.</param>
    /// <param name="MtuBytes">Size of the IP packet, 576 to 9216.</param>
    public sealed record TestPath(string Target, int MtuBytes) : AgentRequest;

    /// <summary>Sets the time zone, <c>Europe/Vienna</c>; it must be one that the system knows.</summary>
    public sealed record SetTimeZone(string Zone) : AgentAct;

    /// <summary>Sets the servers that the clock follows; none = Debian's pool.</summary>
    /// <param name="Servers">Names or addresses, at most 8.</param>
    public sealed record SetTimeServers(IReadOnlyList<string> Servers) : AgentAct
    {
        public const int ServersMax = 8;
    }

    /// <summary>Reads which servers are set. Answered by <see cref="TimeServers"/>.</summary>
    public sealed record ReadTimeServers : AgentRequest;

    /// <summary>The newest lines of the system's journal (journalctl(1)). Answered by <see cref="JournalLines"/>.</summary>
    /// <param name="Lines">1 to 20,000.</param>
    public sealed record ReadJournal(int Lines) : AgentRequest
    {
        public const int LinesMax = 20_000;
    }

    /// <summary>Forgets all that this box knows at its next start and restarts it; data pools are not touched.</summary>
    public sealed record FactoryReset : AgentAct;

    /// <summary>One interface as it is.</summary>
    /// <param name="Kind"><c>eth</c>, <c>bond</c>, <c>vlan</c>, <c>bridge</c>, <c>loopback</c>, <c>other</c>.</param>
    /// <param name="Mac">Null if it has none.</param>
    /// <param name="HasCarrier">Something is plugged in, and both ends are up.</param>
    /// <param name="On">The bond or bridge it is a port of, or the interface a VLAN runs on; null = none.</param>
    /// <param name="Addresses">With prefix length; link-local ones included.</param>
    public sealed record LinkFacts(
        string Name, string Kind, string? Mac, int MtuBytes, bool IsUp, bool HasCarrier, string? On, IReadOnlyList<string> Addresses);

    /// <summary>One route. <c>default</c>, or a network.</summary>
    public sealed record RouteFacts(string To, string? Gateway, string? Interface);

    /// <summary>The change that waits to be confirmed.</summary>
    public sealed record PendingChange(string Change, long LeftMs);

    /// <summary>What became of the last one.</summary>
    /// <param name="Outcome"><c>confirmed</c>, <c>reverted</c>.</param>
    /// <param name="Why">Of a reversal: <c>nobody confirmed it in time</c>, <c>asked for</c>, or the tool that failed.</param>
    public sealed record ChangeOutcome(string Change, string Outcome, string? Why);

    /// <summary>The network as it is.</summary>
    /// <param name="Dns">Name servers in use, as far as resolved tells.</param>
    /// <param name="Plan">What the box shall be like, the waiting change included; null = every wire asks for an address.</param>
    /// <param name="Pending">Null if nothing waits.</param>
    /// <param name="Last">Null if there was no change since the box started.</param>
    public sealed record NetworkFacts(
        IReadOnlyList<LinkFacts> Links, IReadOnlyList<RouteFacts> Routes, IReadOnlyList<string> Dns, NetworkPlan? Plan, PendingChange? Pending,
        ChangeOutcome? Last) : AgentAnswer;

    /// <summary>The plan is in use, for so long unless it is confirmed.</summary>
    public sealed record NetworkChanged(string Change, int ConfirmWithinS) : AgentAnswer;

    /// <summary>Whether a packet of that size came back whole.</summary>
    /// <param name="Why">Null if it did.</param>
    public sealed record PathVerdict(bool Passes, string? Why) : AgentAnswer;

    /// <summary>Servers that are set; none = Debian's pool.</summary>
    public sealed record TimeServers(IReadOnlyList<string> Servers) : AgentAnswer;

    /// <summary>Oldest first.</summary>
    public sealed record JournalLines(IReadOnlyList<string> Lines) : AgentAnswer;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadNetwork), "read-network")]
    [JsonDerivedType(typeof(ApplyNetwork), "apply-network")]
    [JsonDerivedType(typeof(ConfirmNetwork), "confirm-network")]
    [JsonDerivedType(typeof(RevertNetwork), "revert-network")]
    [JsonDerivedType(typeof(TestPath), "test-path")]
    [JsonDerivedType(typeof(SetTimeZone), "set-time-zone")]
    [JsonDerivedType(typeof(SetTimeServers), "set-time-servers")]
    [JsonDerivedType(typeof(ReadTimeServers), "read-time-servers")]
    [JsonDerivedType(typeof(ReadJournal), "read-journal")]
    [JsonDerivedType(typeof(FactoryReset), "factory-reset")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(NetworkFacts), "network-facts")]
    [JsonDerivedType(typeof(NetworkChanged), "network-changed")]
    [JsonDerivedType(typeof(PathVerdict), "path-verdict")]
    [JsonDerivedType(typeof(TimeServers), "time-servers")]
    [JsonDerivedType(typeof(JournalLines), "journal-lines")]
    public abstract partial record AgentAnswer;
}
