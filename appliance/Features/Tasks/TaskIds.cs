// Names of running work: UPIDs as PBS makes them (pbs-protocol.md 4.5), unique within a process and across its restarts.
using Holdfast.Wire;

namespace Holdfast.Features.Tasks;

/// <summary>Hands out UPIDs.</summary>
/// <param name="node">First label of the host name.</param>
/// <param name="pid">Process id.</param>
/// <param name="processStart">Start of the process in clock ticks since boot, as the kernel counts it.</param>
public sealed class TaskIds(string node, uint pid, ulong processStart, TimeProvider clock)
{
    private long last;

    /// <summary>The next UPID for this kind of work.</summary>
    /// <param name="workerType"><c>backup</c>, <c>reader</c>, …</param>
    /// <param name="workerId">Plain, <c>main:vm/100</c>.</param>
    public Upid Next(string workerType, string workerId, string authId) => new(
        node, pid, processStart, (ulong)Interlocked.Increment(ref last), clock.GetUtcNow().ToUnixTimeSeconds(),
        workerType, workerId, AuthId.Parse(authId));
}
