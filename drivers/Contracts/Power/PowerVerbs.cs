// Switching the machine off and on again.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Power;

namespace Holdfast.Contracts.Power
{
    /// <summary>Switches the machine off, by the system's own order. Answered before it is done.</summary>
    /// <param name="CutsUps">Also has the UPS switch its outlets off once the machine is down, so that it starts when the mains are back.</param>
    public sealed record PowerOff(bool CutsUps) : AgentAct;

    /// <summary>Starts the machine anew, by the system's own order. Answered before it is done.</summary>
    public sealed record Reboot : AgentAct;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(PowerOff), "power-off")]
    [JsonDerivedType(typeof(Reboot), "reboot")]
    public abstract partial record AgentRequest;
}
