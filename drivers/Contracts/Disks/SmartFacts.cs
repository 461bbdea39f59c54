// What a disk says of its own health (SMART), put into one form for ATA, SAS and NVMe. A number that a kind of disk does not have is null, never 0.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;

namespace Holdfast.Contracts.Disks
{
    /// <summary>An attribute of an ATA disk, for people.</summary>
    /// <param name="Raw">As smartctl writes it.</param>
    /// <param name="WhenFailed">Empty, <c>now</c> or <c>past</c>.</param>
    public sealed record SmartAttribute(int Id, string Name, int Value, int Worst, int Threshold, string Raw, string WhenFailed, string Flags);

    /// <summary>A self-test of the disk, the newest first.</summary>
    /// <param name="Kind"><c>Short offline</c>, <c>Extended</c> and the like, the disk's words.</param>
    /// <param name="Passed">Null: it was stopped, or runs.</param>
    /// <param name="AtHours">Hours of power when it ended.</param>
    public sealed record SmartSelfTest(string Kind, string Status, bool? Passed, long AtHours);

    /// <summary>A report.</summary>
    /// <param name="Protocol"><c>ATA</c>, <c>SCSI</c>, <c>NVMe</c>.</param>
    /// <param name="Passed">The disk's own verdict; null = it gives none.</param>
    /// <param name="ExitStatus">smartctl's bits: 8 failing, 16 below threshold now, 32 in the past, 64 errors in its log, 128 failed self-tests.</param>
    /// <param name="TemperatureMaxC">What the disk itself names as its limit.</param>
    /// <param name="WearPercent">Used up of what the maker promised; may be above 100.</param>
    /// <param name="ReallocatedSectors">ATA 5, SAS grown defects.</param>
    /// <param name="UncorrectableErrors">ATA 187, SAS uncorrected errors, NVMe media errors.</param>
    /// <param name="CommandTimeouts">ATA 188, the low 16 bits.</param>
    /// <param name="PendingSectors">ATA 197.</param>
    /// <param name="OfflineUncorrectable">ATA 198.</param>
    /// <param name="CrcErrors">ATA 199: the cable.</param>
    /// <param name="CriticalWarning">NVMe, bits.</param>
    /// <param name="SparePercent">NVMe, left.</param>
    /// <param name="SelfTestRemainingPercent">Of one that runs; null = none does.</param>
    public sealed record SmartReport(
        string DiskId, string? Protocol, string? Model, string? Serial, string? Firmware, bool? Passed, int ExitStatus, int? TemperatureC, int? TemperatureMaxC,
        long? PowerOnHours, int? WearPercent, long? ReallocatedSectors, long? UncorrectableErrors, long? CommandTimeouts, long? PendingSectors,
        long? OfflineUncorrectable, long? CrcErrors, long? UnsafeShutdowns, int? CriticalWarning, int? SparePercent, int? SpareThresholdPercent,
        int? SelfTestRemainingPercent, IReadOnlyList<SmartAttribute> Attributes, IReadOnlyList<SmartSelfTest> SelfTests, string? Problem)
    {
        /// <summary>A report that says nothing but why.</summary>
        public static SmartReport Nothing(string diskId, string problem) =>
            new(diskId, null, null, null, null, null, 0, null, null, null, null, null, null, null,
            null, null, null, null, null, null, null, null, [], [], problem);
    }

    /// <summary>The report of one disk. Answered by <see cref="SmartSeen"/>.</summary>
    public sealed record ReadSmart(string Disk) : AgentRequest;

    /// <summary>A report.</summary>
    public sealed record SmartSeen(SmartReport Report) : AgentAnswer;

    /// <summary>Starts or stops a self-test of a disk.</summary>
    /// <param name="Test"><c>short</c>, <c>long</c>, <c>stop</c>.</param>
    public sealed record TestDisk(string Disk, string Test) : AgentAct;

    /// <summary>Lights a disk's place in the enclosure, or the lamp for a fault of it.</summary>
    /// <param name="Light"><c>locate</c>, <c>failure</c>, <c>off</c>.</param>
    public sealed record LightDisk(string Disk, string Light) : AgentAct;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadSmart), "read-smart")]
    [JsonDerivedType(typeof(TestDisk), "test-disk")]
    [JsonDerivedType(typeof(LightDisk), "light-disk")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(SmartSeen), "smart-seen")]
    public abstract partial record AgentAnswer;
}
