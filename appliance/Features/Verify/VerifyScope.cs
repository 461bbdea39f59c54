// What a verification goes over, and which snapshots of that it leaves out. Pure.
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Features.Verify;

/// <summary>Scope and parameters of one verification: a datastore from a namespace downwards, one group, or one snapshot.</summary>
/// <param name="MaxDepth">Levels of namespaces below <paramref name="Ns"/>; null = all.</param>
/// <param name="BackupType">With <paramref name="BackupId"/>: one group only.</param>
/// <param name="BackupTime">One snapshot of that group only.</param>
/// <param name="IgnoreVerified">Leave out what was verified before.</param>
/// <param name="OutdatedAfterDays">But not if that is longer ago than so many days.</param>
public sealed record VerifyScope(
    string Store, string Ns, int? MaxDepth = null, string? BackupType = null, string? BackupId = null, long? BackupTime = null,
    bool IgnoreVerified = true, long? OutdatedAfterDays = null)
{
    /// <summary>Threads that read at the same time; null = the default.</summary>
    public int? ReadThreads { get; init; }

    /// <summary>Threads that check; null = the default.</summary>
    public int? VerifyThreads { get; init; }

    /// <summary>Only what this caller may verify: everything in namespaces with Datastore.Verify, his own groups with Datastore.Backup. Null = all, for jobs
    /// of the appliance itself.</summary>
    public Caller? ByRightsOf { get; init; }

    /// <summary>The one group, if it is one.</summary>
    public GroupKey? Group => BackupType is { } type && BackupId is { } id ? new GroupKey(Store, Ns, type, id) : null;

    /// <summary>PBS's name of the kind of task (pbs-protocol.md 4.2).</summary>
    public string WorkerType => Group is null ? "verify" : BackupTime is null ? "verify_group" : "verify_snapshot";

    /// <summary>PBS's subject of the task: <c>main</c>, <c>main:ns/a</c>, <c>main:/vm/100</c>, <c>main:ns/a/vm/100/6553F100</c>.</summary>
    public string WorkerId
    {
        get
        {
            var ns = Ns.Length == 0 ? "" : BackupNamespace.Parse(Ns).Folder;
            return Group is { } group
                ? $"{Store}:{ns}/{group}" + (BackupTime is { } time ? $"/{time:X8}" : "")
                : Ns.Length == 0 ? Store : $"{Store}:{ns}";
        }
    }
}

/// <summary>The rule of what is left out.</summary>
public static class VerifyFilter
{
    /// <summary>Is this snapshot left out as recently verified (pbs-protocol.md 3.9)? Never if a chunk of it was found bad or good again since then: PBS does
    /// not know that, and would leave it at the old verdict.</summary>
    public static bool Skips(VerifyScope scope, Snapshot snapshot, DateTimeOffset now)
    {
        if (!scope.IgnoreVerified || snapshot.Content.VerifyState is null || snapshot.Recheck
            || !Upid.TryParse(snapshot.Content.VerifyUpid, out var upid))
        {
            return false;
        }

        return scope.OutdatedAfterDays is not { } days || Math.Floor((now.ToUnixTimeSeconds() - upid.StartTimeS) / 86400.0) <= days;
    }
}
