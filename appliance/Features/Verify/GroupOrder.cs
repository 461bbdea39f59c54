// The order in which PBS goes over groups: by namespace, by type, numbers by their value, other ids as text behind them.
using System.Globalization;
using Holdfast.Features.Snapshots;

namespace Holdfast.Features.Verify;

/// <summary>Compares groups.</summary>
public static class GroupOrder
{
    public static int Compare(GroupKey left, GroupKey right)
    {
        var byPlace = (string.CompareOrdinal(left.Ns, right.Ns), string.CompareOrdinal(left.BackupType, right.BackupType)) switch
        {
            (not 0 and var ns, _) => ns,
            (_, var type) => type,
        };
        return byPlace != 0 ? byPlace
            : (Number(left.BackupId), Number(right.BackupId)) switch
            {
                ({ } a, { } b) when a != b => a.CompareTo(b),
                ({ }, null) => -1,
                (null, { }) => 1,
                _ => string.CompareOrdinal(left.BackupId, right.BackupId),
            };
    }

    private static ulong? Number(string id) =>
        ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
