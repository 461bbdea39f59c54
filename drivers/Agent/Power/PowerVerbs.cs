// The verbs that switch the machine off or start it anew: by systemd, without waiting for it, so that the answer still gets out. The mark for the UPS is
// NUT's own.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Power;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Power;

/// <summary>Verbs of power.</summary>
/// <param name="killPower">NUT's mark: its shutdown hook has the UPS cut its outlets where it is there (upsmon.conf(5), POWERDOWNFLAG).</param>
public sealed class PowerVerbs(IPrograms programs, string killPower = "/etc/killpower")
{
    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<PowerOff>(async (asked, cancel) =>
        {
            if (asked.CutsUps)
            {
                await File.WriteAllTextAsync(killPower, "upsmon-shutdown-file", cancel).ConfigureAwait(false);
            }

            return await DoAsync("poweroff", cancel).ConfigureAwait(false);
        }),
        AgentVerb.Of<Reboot>((_, cancel) => DoAsync("reboot", cancel)),
    ];

    private async Task<AgentAnswer> DoAsync(string verb, CancellationToken cancel)
    {
        var result = await programs.RunAsync("systemctl", ["--no-block", verb], null, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 ? new AgentDone() : throw new VerbRefusedException("systemctl: " + result.Errors.Trim().Split('\n')[0]);
    }
}
