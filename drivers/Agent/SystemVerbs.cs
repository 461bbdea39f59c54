// Verbs of network, box and updates over the real system.
using System.Security.Cryptography;
using Holdfast.Agent.Box;
using Holdfast.Agent.Network;
using Holdfast.Agent.Programs;
using Holdfast.Agent.Updates;
using Holdfast.Contracts.Agent;

namespace Holdfast.Agent;

/// <summary>For <see cref="AllVerbs"/>. The changes of the network live as long as the process.</summary>
internal static class SystemVerbs
{
    private const int NameChars = 12;

    public static IReadOnlyList<AgentVerb> All
    {
        get
        {
            var programs = new LinuxPrograms();
            var changes = new NetworkChanges(programs, NetworkPlaces.Default);
            return
            [
                .. new NetworkVerbs(changes, programs, () => RandomNumberGenerator.GetHexString(NameChars, lowercase: true)).Verbs,
                .. new BoxVerbs(programs, BoxPlaces.Default).Verbs,
                .. new UpdateVerbs(programs, UpdatePlaces.Default).Verbs,
            ];
        }
    }
}
