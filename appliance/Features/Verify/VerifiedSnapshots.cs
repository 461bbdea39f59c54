// What the events of verification change in the state of snapshots: the part of SnapshotsFold that belongs to this slice. Pure.
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;

namespace Holdfast.Features.Verify;

/// <summary>Folds verification into <see cref="SnapshotsState"/>.</summary>
internal static class VerifiedSnapshots
{
    public static bool Knows(string type) => type is "SnapshotVerified/1" or "ChunkFoundCorrupt/1" or "ChunkFoundMissing/1" or "ChunkHealed/1";

    public static SnapshotsState Apply(SnapshotsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "SnapshotVerified/1":
                return Verified(state, recorded, Event.Read<SnapshotVerified>(recorded));
            case "ChunkFoundCorrupt/1":
                var corrupt = Event.Read<ChunkFoundCorrupt>(recorded);
                return Recheck(state, corrupt.Store, corrupt.Snapshots);
            case "ChunkFoundMissing/1":
                var missing = Event.Read<ChunkFoundMissing>(recorded);
                return Recheck(state, missing.Store, missing.Snapshots);
            default:
                var healed = Event.Read<ChunkHealed>(recorded);
                return Recheck(state, healed.Store, healed.Snapshots);
        }
    }

    private static SnapshotsState Verified(SnapshotsState state, RecordedEvent recorded, SnapshotVerified verified)
    {
        if (state.Find(new GroupKey(verified.Store, verified.Ns, verified.BackupType, verified.BackupId)) is not { } group)
        {
            return state;
        }

        var told = group with { Version = recorded.Version };
        if (verified.Outcome is not ("ok" or "failed") || !group.Snapshots.TryGetValue(verified.BackupTime, out var snapshot))
        {
            return state.With(told);
        }

        var content = snapshot.Content with { VerifyState = verified.Outcome, VerifyUpid = verified.Upid };
        return state.With(told with
        {
            Pending = verified.ManifestBytes is null ? told.Pending : told.Pending with { Changed = told.Pending.Changed.Add(verified.BackupTime) },
            Snapshots = group.Snapshots.SetItem(verified.BackupTime, snapshot with
            {
                Content = verified.ManifestBytes is { } size ? content.WithManifestBytes(size) : content,
                LastVerifiedS = recorded.TimeUs / 1_000_000,
                Recheck = false,
            }),
        });
    }

    /// <summary>What was found out about these since their last verification makes it worthless.</summary>
    private static SnapshotsState Recheck(SnapshotsState state, string store, IReadOnlyList<SnapshotRef> hit)
    {
        foreach (var place in hit)
        {
            if (state.Find(place.In(store)) is { } group && group.Snapshots.TryGetValue(place.BackupTime, out var snapshot) && !snapshot.Recheck)
            {
                state = state.With(group with { Snapshots = group.Snapshots.SetItem(place.BackupTime, snapshot with { Recheck = true }) });
            }
        }

        return state;
    }
}
