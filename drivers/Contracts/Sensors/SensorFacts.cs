// What the machine says of itself beside disks and pools: temperatures, memory errors, network links, its clock. No logic.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Sensors;

namespace Holdfast.Contracts.Sensors
{
    /// <summary>How is the machine? Answered by <see cref="SensorsSeen"/>.</summary>
    public sealed record ReadSensors : AgentRequest;

    /// <summary>A temperature of the kernel's hwmon class (Documentation/hwmon/sysfs-interface).</summary>
    /// <param name="Id">Chip and number, <c>coretemp/temp1</c>; the same at every start.</param>
    /// <param name="Label">What the driver calls it.</param>
    /// <param name="MaxC">What its maker calls high; null = it does not say.</param>
    /// <param name="CriticalC">What its maker calls critical; null = it does not say.</param>
    public sealed record Temperature(string Id, string Label, double Celsius, double? MaxC, double? CriticalC);

    /// <summary>Errors of a memory module since the machine started (Documentation/admin-guide/RAS, EDAC).</summary>
    /// <param name="Id">Controller and module, <c>mc0/dimm1</c>.</param>
    /// <param name="Label">Its place, where the driver knows it.</param>
    /// <param name="Corrected">Mended by the memory's own code.</param>
    /// <param name="Uncorrected">Not mended: what was there is lost.</param>
    public sealed record MemoryModule(string Id, string Label, long Corrected, long Uncorrected);

    /// <summary>A network interface that is a piece of hardware.</summary>
    /// <param name="IsUp">Somebody wants it to be used.</param>
    /// <param name="HasCarrier">Both ends are up.</param>
    /// <param name="SpeedMbps">Null = it has none, or does not say.</param>
    public sealed record NetworkLink(string Name, bool IsUp, bool HasCarrier, int? SpeedMbps);

    /// <summary>The clock as chrony sees it (chronyc(1), <c>tracking</c>).</summary>
    /// <param name="Source">What it follows; null = nothing.</param>
    /// <param name="OffsetS">How far it is from true time, by its own estimate.</param>
    public sealed record ClockFacts(bool IsSynchronised, string? Source, int Stratum, double OffsetS);

    /// <summary>One look.</summary>
    /// <param name="BootId">Of this start of the machine: counters begin with it.</param>
    /// <param name="Clock">Null = no chrony is there to ask.</param>
    public sealed record SensorsSeen(
        string BootId, IReadOnlyList<Temperature> Temperatures, IReadOnlyList<MemoryModule> Memory, IReadOnlyList<NetworkLink> Links, ClockFacts? Clock)
        : AgentAnswer
    {
        /// <summary>Of each kind; what is beyond it is not told.</summary>
        public const int KindMax = 256;
    }
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadSensors), "read-sensors")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(SensorsSeen), "sensors-seen")]
    public abstract partial record AgentAnswer;
}
