// What the ledger is told of disks: that they come and go, what they say of their health when that changes, and how their self-tests ended.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Disks;

/// <summary>A disk is there that was not before.</summary>
/// <param name="Disk">Its name for good.</param>
public sealed record DiskSeen(string Disk, string Path, string? Model, string? Serial, long SizeBytes, bool IsRotational) : IEventData<DiskSeen>
{
    public static string EventType => "DiskSeen/1";
    public static JsonTypeInfo<DiskSeen> Json => EventJson.Default.DiskSeen;
}

/// <summary>A disk is no longer there.</summary>
public sealed record DiskGone(string Disk, string? Model, string? Serial) : IEventData<DiskGone>
{
    public static string EventType => "DiskGone/1";
    public static JsonTypeInfo<DiskGone> Json => EventJson.Default.DiskGone;
}

/// <summary>A disk fails, or is about to: replace it.</summary>
/// <param name="Rules">Names of the rules that say so.</param>
/// <param name="Reasons">The same with figures, for people.</param>
public sealed record DiskFailing(string Disk, string? Serial, IReadOnlyList<string> Rules, IReadOnlyList<string> Reasons) : IEventData<DiskFailing>
{
    public static string EventType => "DiskFailing/1";
    public static JsonTypeInfo<DiskFailing> Json => EventJson.Default.DiskFailing;
}

/// <summary>A disk shows wear or trouble that is to be watched.</summary>
public sealed record DiskWorn(string Disk, string? Serial, IReadOnlyList<string> Rules, IReadOnlyList<string> Reasons) : IEventData<DiskWorn>
{
    public static string EventType => "DiskWorn/1";
    public static JsonTypeInfo<DiskWorn> Json => EventJson.Default.DiskWorn;
}

/// <summary>Nothing speaks against a disk: told of its first report, and when what spoke against it is gone.</summary>
public sealed record DiskWell(string Disk, string? Serial) : IEventData<DiskWell>
{
    public static string EventType => "DiskWell/1";
    public static JsonTypeInfo<DiskWell> Json => EventJson.Default.DiskWell;
}

/// <summary>A self-test of a disk ended.</summary>
/// <param name="Passed">Null: it was stopped.</param>
/// <param name="AtHours">Hours of power at its end.</param>
public sealed record DiskSelfTestFinished(string Disk, string Kind, string Status, bool? Passed, long AtHours) : IEventData<DiskSelfTestFinished>
{
    public static string EventType => "DiskSelfTestFinished/1";
    public static JsonTypeInfo<DiskSelfTestFinished> Json => EventJson.Default.DiskSelfTestFinished;
}
