// What a disk of the machine is: how it is named for good, what it is, and who uses it; and what its own health report (SMART) says.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;

namespace Holdfast.Contracts.Disks
{
    /// <summary>A disk.</summary>
    /// <param name="Id">Its name for good: of <c>/dev/disk/by-id</c>, else its serial, else its name of the moment.</param>
    /// <param name="Path">Device of the moment, <c>/dev/sda</c>.</param>
    /// <param name="Transport"><c>sata</c>, <c>sas</c>, <c>nvme</c>, <c>usb</c>, <c>virtio</c>; null = not known.</param>
    /// <param name="Use"><c>free</c>, <c>system</c> (this machine runs from it), <c>pool</c>, <c>partitions</c>, <c>mounted</c>, <c>file-system</c>,
    /// <c>read-only</c>.</param>
    public sealed record Disk(
        string Id, string Path, long SizeBytes, string? Model, string? Serial, string? Wwn, bool IsRotational, string? Transport, string Use);

    /// <summary>All disks of the machine. Answered by <see cref="DisksSeen"/>.</summary>
    public sealed record ListDisks : AgentRequest;

    /// <summary>What there is.</summary>
    public sealed record DisksSeen(IReadOnlyList<Disk> Disks) : AgentAnswer;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ListDisks), "list-disks")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(DisksSeen), "disks-seen")]
    public abstract partial record AgentAnswer;
}
