// Everything that the agent can do, put together once. A driver's verbs are added here, a line each.
using Holdfast.Agent.Nfs;
using Holdfast.Agent.Pam;
using Holdfast.Agent.Power;
using Holdfast.Agent.Programs;
using Holdfast.Agent.Sensors;
using Holdfast.Contracts.Agent;
using Holdfast.Panel;
using Holdfast.Smart;
using Holdfast.Zfs;

namespace Holdfast.Agent;

/// <summary>The verbs of a running agent.</summary>
public static class AllVerbs
{
    public static IReadOnlyList<AgentVerb> Of(AgentArguments arguments, PanelVerbs panel)
    {
        var programs = new LinuxPrograms();
        var host = HostPrograms.Of(programs);
        var disks = new DiskListing(programs, SystemPlaces.LinksOf);
        return
        [
            .. new PamVerbs(new PamPasswords(arguments.PamService, arguments.PamFolder)).Verbs,
            .. new PowerVerbs(programs).Verbs,
            .. panel.Verbs,
            .. new SmartVerbs(programs, disks, new SlotLights()).Verbs,
            .. new SystemSensors(programs).Verbs,
            .. new ZfsVerbs(programs, host, disks.ListAsync, SystemPlaces.Default).Verbs,
            .. new NfsVerbs(programs, host, NfsPlaces.Default, "holdfast").Verbs,
            .. SystemVerbs.All,
        ];
    }
}
