// The disks as they were last told of: state, fold, and what a look at them tells. Pure. It is what the next look is compared with, so a restart tells
// nothing twice.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Contracts.Disks;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Disks;

/// <summary>A disk.</summary>
/// <param name="Verdict"><c>unknown</c> (it never said anything), <c>well</c>, <c>worn</c>, <c>failing</c>.</param>
/// <param name="Rules">What speaks against it.</param>
/// <param name="TestedAtHours">Hours of power at the end of the last self-test told of; -1 = none.</param>
public sealed record KnownDisk(string Id, string? Model, string? Serial, string Verdict, ImmutableSortedSet<string> Rules, long TestedAtHours);

/// <summary>All disks by id.</summary>
public sealed record DisksState(ImmutableSortedDictionary<string, KnownDisk> Disks)
{
    public static readonly DisksState Empty = new(ImmutableSortedDictionary.Create<string, KnownDisk>(StringComparer.Ordinal));
}

/// <summary>The fold.</summary>
public sealed class DisksFold : IFold<DisksState>
{
    public string Name => "disks";

    public int Version => 1;

    public DisksState Initial => DisksState.Empty;

    public bool Knows(string type) => type is "DiskSeen/1" or "DiskGone/1" or "DiskFailing/1" or "DiskWorn/1" or "DiskWell/1" or "DiskSelfTestFinished/1";

    public DisksState Apply(DisksState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "DiskSeen/1":
                var seen = Event.Read<DiskSeen>(recorded);
                return new(state.Disks.SetItem(seen.Disk, new KnownDisk(seen.Disk, seen.Model, seen.Serial, "unknown", ImmutableSortedSet<string>.Empty, -1)));
            case "DiskGone/1":
                return new(state.Disks.Remove(Event.Read<DiskGone>(recorded).Disk));
            case "DiskFailing/1":
                var failing = Event.Read<DiskFailing>(recorded);
                return With(state, failing.Disk, disk => disk with { Verdict = "failing", Rules = [.. failing.Rules] });
            case "DiskWorn/1":
                var worn = Event.Read<DiskWorn>(recorded);
                return With(state, worn.Disk, disk => disk with { Verdict = "worn", Rules = [.. worn.Rules] });
            case "DiskWell/1":
                return With(state, Event.Read<DiskWell>(recorded).Disk, disk => disk with { Verdict = "well", Rules = ImmutableSortedSet<string>.Empty });
            case "DiskSelfTestFinished/1":
                var test = Event.Read<DiskSelfTestFinished>(recorded);
                return With(state, test.Disk, disk => disk with { TestedAtHours = test.AtHours });
            default:
                return state;
        }
    }

    public void Write(DisksState state, Stream output) => JsonSerializer.Serialize(
        output, [.. state.Disks.Values.Select(disk => new Serial(disk.Id, disk.Model, disk.Serial, disk.Verdict, [.. disk.Rules], disk.TestedAtHours))],
            DisksSerial.Default.SerialArray);

    public DisksState Read(Stream input)
    {
        try
        {
            var disks = JsonSerializer.Deserialize(input, DisksSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(DisksState.Empty.Disks.AddRange(disks.Select(one => KeyValuePair.Create(one.Id,
                new KnownDisk(one.Id, one.Model, one.SerialNumber, one.Verdict, [.. one.Rules], one.TestedAtHours)))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a disks snapshot: " + error.Message);
        }
    }

    private static DisksState With(DisksState state, string id, Func<KnownDisk, KnownDisk> change) =>
        state.Disks.TryGetValue(id, out var known) ? new(state.Disks.SetItem(id, change(known))) : state;

    internal sealed record Serial(string Id, string? Model, string? SerialNumber, string Verdict, string[] Rules, long TestedAtHours);
}

/// <summary>What looks at disks tell.</summary>
public static class DiskDecider
{
    /// <summary>Which disks came and went.</summary>
    public static IReadOnlyList<NewEvent> Listed(DisksState known, IReadOnlyList<Disk> seen, EventMetadata because) =>
    [
        .. seen.Where(disk => !known.Disks.ContainsKey(disk.Id))
            .Select(disk => Event.Of(new DiskSeen(disk.Id, disk.Path, disk.Model, disk.Serial, disk.SizeBytes, disk.IsRotational), because)),
        .. known.Disks.Values.Where(disk => seen.All(one => one.Id != disk.Id))
            .Select(disk => Event.Of(new DiskGone(disk.Id, disk.Model, disk.Serial), because)),
    ];

    /// <summary>What a report changes: nothing if it could not be had.</summary>
    public static IReadOnlyList<NewEvent> Reported(KnownDisk known, SmartReport report, bool isRotational, EventMetadata because)
    {
        if (report.Problem is not null)
        {
            return [];
        }

        var events = new List<NewEvent>();
        var newTests = report.SelfTests.Where(test => test.AtHours > known.TestedAtHours
            && (test.Passed is not null || report.SelfTestRemainingPercent is null)).ToList();
        if (newTests.Count > 0)
        {
            // Of a disk that is new only the last: its history is not ours.
            var newest = newTests[0];
            events.Add(Event.Of(new DiskSelfTestFinished(known.Id, newest.Kind, newest.Status, newest.Passed, newest.AtHours), because));
        }

        var findings = SmartRules.Judge(report, isRotational, known.Rules);
        var verdict = findings.Any(finding => finding.IsFailing) ? "failing" : findings.Count > 0 ? "worn" : "well";
        var rules = findings.Select(finding => finding.Rule).ToList();
        if (verdict != known.Verdict || !known.Rules.SetEquals(rules))
        {
            List<string> reasons = [.. findings.OrderByDescending(finding => finding.IsFailing).Select(finding => finding.Reason)];
            events.Add(verdict switch
            {
                "failing" => Event.Of(new DiskFailing(known.Id, known.Serial, rules, reasons), because),
                "worn" => Event.Of(new DiskWorn(known.Id, known.Serial, rules, reasons), because),
                _ => Event.Of(new DiskWell(known.Id, known.Serial), because),
            });
        }

        return events;
    }
}

[JsonSerializable(typeof(DisksFold.Serial[]))]
internal sealed partial class DisksSerial : JsonSerializerContext;
