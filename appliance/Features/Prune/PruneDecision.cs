// From the verdicts of a run to the events that record them, cut so that each fits the ledger.
using Holdfast.Features.Snapshots;

namespace Holdfast.Features.Prune;

/// <summary>Verdicts on one group.</summary>
public sealed record GroupPlan(GroupKey Group, IReadOnlyList<PruneVerdict> Verdicts)
{
    /// <summary>Loses it anything?</summary>
    public bool RemovesAny => Verdicts.Any(verdict => !verdict.Keep);
}

/// <summary>Cuts decisions into events.</summary>
public static class PruneDecision
{
    /// <summary>Well below the ledger's limit for one event, and four of them below that of one append.</summary>
    public const int PartBytes = 800_000;

    /// <summary>Upper bound of what a verdict takes in JSON besides its reason, and a group besides its snapshots.</summary>
    private const int SnapshotBytes = 64;
    private const int GroupBytes = 96;

    /// <summary>The events of a decision on these groups; none if nothing goes.</summary>
    /// <param name="whole">What all parts have in common.</param>
    public static List<PruneDecided> Parts(PruneDecided whole, IEnumerable<GroupPlan> plans, int partBytes = PartBytes)
    {
        var parts = new List<PruneDecided>();
        var groups = new List<PrunedGroup>();
        var used = 0;
        foreach (var plan in plans.Where(plan => plan.RemovesAny))
        {
            var (key, snapshots) = (plan.Group, new List<PrunedSnapshot>());
            used += GroupBytes + key.Ns.Length + key.BackupId.Length;
            foreach (var verdict in plan.Verdicts)
            {
                var size = SnapshotBytes + verdict.Reason.Length;
                if (used + size > partBytes && (snapshots.Count > 0 || groups.Count > 0))
                {
                    Close();
                    used = GroupBytes + key.Ns.Length + key.BackupId.Length;
                }

                snapshots.Add(new PrunedSnapshot(verdict.BackupTime, verdict.Keep, verdict.Reason));
                used += size;
            }

            CloseGroup();

            void CloseGroup()
            {
                if (snapshots.Count > 0)
                {
                    groups.Add(new PrunedGroup(key.Ns, key.BackupType, key.BackupId, snapshots));
                    snapshots = [];
                }
            }

            void Close()
            {
                CloseGroup();
                parts.Add(whole with { Part = parts.Count + 1, IsLast = false, Groups = groups });
                (groups, used) = ([], 0);
            }
        }

        if (groups.Count > 0)
        {
            parts.Add(whole with { Part = parts.Count + 1, IsLast = true, Groups = groups });
        }

        return parts;
    }
}
