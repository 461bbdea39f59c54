// One backup of a group: the group and the second it was taken, written in UTC as the name of its folder.
using System.Globalization;

namespace Holdfast.Storage;

/// <summary>"vm/100/2024-05-06T07:08:09Z".</summary>
public sealed record SnapshotName : IComparable<SnapshotName>
{
    /// <summary>The last second of the year 9999: later ones have no folder name.</summary>
    public const long MaxTime = 253_402_300_799;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    private SnapshotName(BackupGroup group, long time) => (Group, Time) = (group, time);

    public BackupGroup Group { get; }

    /// <summary>Seconds since the epoch, 1..<see cref="MaxTime"/>.</summary>
    public long Time { get; }

    /// <summary>"2024-05-06T07:08:09Z".</summary>
    public string TimeText => FormatTime(Time);

    public static string FormatTime(long epochSeconds) =>
        DateTimeOffset.FromUnixTimeSeconds(epochSeconds).UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>Only the exact form that <see cref="FormatTime"/> writes.</summary>
    public static bool TryParseTime(ReadOnlySpan<char> text, out long epochSeconds)
    {
        epochSeconds = 0;
        if (text.Length != 20 || !DateTime.TryParseExact(
            text, TimeFormat, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
        {
            return false;
        }

        epochSeconds = new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds();
        return epochSeconds >= 1;
    }

    /// <exception cref="RefusedException">The time is out of range.</exception>
    public static SnapshotName Create(BackupGroup group, long time) =>
        time is >= 1 and <= MaxTime ? new SnapshotName(group, time) : throw new RefusedException("invalid backup time");

    /// <summary>Parses "vm/100/2024-05-06T07:08:09Z".</summary>
    public static bool TryParse(string text, out SnapshotName? snapshot)
    {
        snapshot = null;
        var slash = text.LastIndexOf('/');
        if (slash < 0 || !BackupGroup.TryParse(text[..slash], out var group)
            || !TryParseTime(text.AsSpan(slash + 1), out var time))
        {
            return false;
        }

        snapshot = new SnapshotName(group!, time);
        return true;
    }

    /// <exception cref="RefusedException">Not a snapshot.</exception>
    public static SnapshotName Parse(string text) =>
        TryParse(text, out var snapshot) ? snapshot! : throw new RefusedException("invalid backup snapshot");

    public int CompareTo(SnapshotName? other)
    {
        if (other is null)
        {
            return 1;
        }

        var byGroup = Group.CompareTo(other.Group);
        return byGroup != 0 ? byGroup : Time.CompareTo(other.Time);
    }

    public override string ToString() => Group + "/" + TimeText;
}
