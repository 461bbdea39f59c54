// May this backup start? Pure: the group as the ledger tells it, and the wish. Refusals carry PBS's own texts (pbs-protocol.md 2.3, 1.8).
using Holdfast.Features.Access;
using Holdfast.Features.Snapshots;

namespace Holdfast.Features.Backup;

/// <summary>A client's wish to write a snapshot.</summary>
public sealed record StartBackup(GroupKey Group, long BackupTime, string Caller, string Upid, bool Benchmark);

/// <summary>The answer to a wish.</summary>
public abstract record BackupDecision
{
    /// <summary>It may start; the event says so, resting on <paramref name="ExpectedVersion"/> of the group's stream.</summary>
    /// <param name="Base">Snapshot that an incremental backup may build on, or null.</param>
    public sealed record Accepted(BackupStarted Event, long ExpectedVersion, Snapshot? Base) : BackupDecision;

    /// <summary>It may not, and why.</summary>
    public sealed record Refused(string Text) : BackupDecision;
}

/// <summary>The rules of a backup's start.</summary>
public static class BackupDecider
{
    /// <summary>Decides on the group (null: it has never had a backup).</summary>
    public static BackupDecision Decide(GroupState? group, StartBackup wish)
    {
        var exists = group is { IsEmpty: false };
        var owner = exists ? group!.Owner : wish.Caller;
        if (!wish.Benchmark && !Ownership.Is(owner, wish.Caller))
        {
            return new BackupDecision.Refused($"backup owner check failed ({wish.Caller} != {owner})");
        }

        if (group is { Snapshots.IsEmpty: false } && wish.BackupTime <= group.Snapshots.Keys.Max())
        {
            return new BackupDecision.Refused("backup timestamp is older than last backup.");
        }

        // A base that failed its verification is no base: what it refers to may be what is broken (pbs-protocol.md 2.2).
        var newest = group?.Newest is { Content.VerifyState: not "failed" } sound ? sound : null;
        var started = new BackupStarted(wish.Group.Store, wish.Group.Ns, wish.Group.BackupType, wish.Group.BackupId, wish.BackupTime,
            owner, wish.Upid, newest?.BackupTime, wish.Benchmark);
        return new BackupDecision.Accepted(started, group?.Version ?? 0, newest);
    }
}
