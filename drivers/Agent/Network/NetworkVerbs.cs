// The verbs of the network: what it is like, a change with its way back, and whether large packets reach a host.
using System.Globalization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Network;

/// <summary>Verbs of the network.</summary>
/// <param name="name">Makes the name of a change.</param>
public sealed class NetworkVerbs(NetworkChanges changes, IPrograms programs, Func<string> name)
{
    private const int Headers4Bytes = 28;
    private const int Headers6Bytes = 48;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    /// <summary>The agent itself may send nothing but to this machine, and its children no more: systemd sends for it.</summary>
    private static readonly string[] Through =
    [
        "--quiet", "--wait", "--collect", "--pipe", "--property=CapabilityBoundingSet=CAP_NET_RAW", "--property=ProtectSystem=strict",
        "--property=RuntimeMaxSec=30", "--",
    ];

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ReadNetwork>(async (_, cancel) => await changes.ReadAsync(cancel).ConfigureAwait(false), Within),
        AgentVerb.Of<ApplyNetwork>(async (asked, cancel) => await changes.ApplyAsync(asked, name(), cancel).ConfigureAwait(false), Within),
        AgentVerb.Of<ConfirmNetwork>(async (asked, cancel) =>
        {
            await changes.ConfirmAsync(asked.Change, cancel).ConfigureAwait(false);
            return new AgentDone();
        }, Within),
        AgentVerb.Of<RevertNetwork>(async (asked, cancel) =>
        {
            await changes.RevertAsync(asked.Change, cancel).ConfigureAwait(false);
            return new AgentDone();
        }, Within),
        AgentVerb.Of<TestPath>(TestAsync, Within),
    ];

    private async Task<AgentAnswer> TestAsync(TestPath asked, CancellationToken cancel)
    {
        if (asked.MtuBytes is < NetworkPlan.MtuBytesMin or > NetworkPlan.MtuBytesMax)
        {
            throw new InvalidDataException($"an MTU is {NetworkPlan.MtuBytesMin} to {NetworkPlan.MtuBytesMax} bytes");
        }

        var address = NetworkPlan.Ip(asked.Target);
        if (address is null && !NetworkPlan.IsHostName(asked.Target))
        {
            throw new InvalidDataException("that is no address and no name of a host");
        }

        var isV6 = address?.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        var bytes = (asked.MtuBytes - (isV6 ? Headers6Bytes : Headers4Bytes)).ToString(CultureInfo.InvariantCulture);
        string[] ping = [isV6 ? "-6" : "-4", "-n", "-q", "-M", "do", "-c", "3", "-i", "0.5", "-W", "2", "-s", bytes, asked.Target];
        var said = programs.Has("systemd-run") && Directory.Exists("/run/systemd/system")
            ? await programs.RunAsync("systemd-run", [.. Through, "ping", .. ping], new(TimeSpan.FromSeconds(40)), null, cancel).ConfigureAwait(false)
            : await programs.RunAsync("ping", ping, new(TimeSpan.FromSeconds(40)), null, cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 ? new PathVerdict(true, null) : new PathVerdict(false, WhyNot(said));
    }

    private static string WhyNot(ProgramResult said)
    {
        var lines = (said.Errors + "\n" + said.Output).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.FirstOrDefault(line => line.Contains("too long", StringComparison.OrdinalIgnoreCase))
            ?? lines.FirstOrDefault(line => line.StartsWith("ping:", StringComparison.Ordinal))
            ?? lines.FirstOrDefault(line => line.Contains("packet loss", StringComparison.Ordinal))
            ?? $"ping ended with status {said.ExitStatus}";
    }
}
