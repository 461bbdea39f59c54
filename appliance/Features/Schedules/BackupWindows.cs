// When backups usually run, learned from the ledger: for every datastore and hour of the day, on which of the last fourteen days, and for every hour of the
// week, in which of the last eight weeks, a backup ran. Hours are UTC, so that the fold needs no time zone. Pure.
using System.Collections.Immutable;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Schedules;

/// <summary>In which of the last periods something was seen.</summary>
/// <param name="Last">Number of the newest period seen.</param>
/// <param name="Seen">Bit 0 is <paramref name="Last"/>, bit 1 the period before it, and so on.</param>
public readonly record struct Sightings(long Last, uint Seen)
{
    public Sightings At(long period) => period >= Last
        ? new(period, (period - Last >= 32 ? 0 : Seen << (int)(period - Last)) | 1)
        : Last - period < 32 ? this with { Seen = Seen | (1u << (int)(Last - period)) } : this;

    /// <summary>How many of the <paramref name="span"/> periods up to and including <paramref name="now"/>.</summary>
    public int Count(long now, int span)
    {
        var age = now - Last;
        if (age >= span || age < 0)
        {
            return 0;
        }

        var newest = span - (int)age;
        return BitOperations.PopCount(newest >= 32 ? Seen : Seen & ((1u << newest) - 1));
    }
}

/// <summary>Observed hours by <c>store:dHH</c> (hour of the day) and <c>store:wHHH</c> (hour of the week, Thursday 00 = 0).</summary>
public sealed record BackupWindowsState(ImmutableSortedDictionary<string, Sightings> Hours)
{
    private const int DaysSpan = 14;
    private const int DaysEnough = 3;
    private const int WeeksSpan = 8;
    private const int WeeksEnough = 3;
    private const int HoursMarkedMax = 48;

    public static readonly BackupWindowsState Empty = new(ImmutableSortedDictionary.Create<string, Sightings>(StringComparer.Ordinal));

    /// <summary>Are backups usual in this hour: on three of the last fourteen days, or in three of the last eight weeks?</summary>
    public bool IsUsual(string store, long nowS)
    {
        var hour = nowS / 3600;
        return Hours.GetValueOrDefault(DayKey(store, hour)).Count(hour / 24, DaysSpan) >= DaysEnough
            || Hours.GetValueOrDefault(WeekKey(store, hour)).Count(hour / 168, WeeksSpan) >= WeeksEnough;
    }

    /// <summary>A backup ran from one instant to the other; the last two days of an endless one count.</summary>
    public BackupWindowsState Observed(string store, long fromS, long toS)
    {
        var hours = Hours;
        var last = toS / 3600;
        for (var hour = Math.Max(fromS / 3600, last - HoursMarkedMax); hour <= last; hour++)
        {
            var (day, week) = (DayKey(store, hour), WeekKey(store, hour));
            hours = hours.SetItem(day, hours.GetValueOrDefault(day).At(hour / 24)).SetItem(week, hours.GetValueOrDefault(week).At(hour / 168));
        }

        return ReferenceEquals(hours, Hours) ? this : new(hours);
    }

    private static string DayKey(string store, long hour) => $"{store}:d{hour % 24:00}";

    private static string WeekKey(string store, long hour) => $"{store}:w{hour % 168:000}";
}

/// <summary>The fold from the ends of backups. A backup that came to nothing was a backup all the same; a benchmark is none.</summary>
public sealed class BackupWindowsFold : IFold<BackupWindowsState>
{
    public string Name => "backup-windows";

    public int Version => 1;

    public BackupWindowsState Initial => BackupWindowsState.Empty;

    public bool Knows(string type) => type is "BackupFinished/1";

    public BackupWindowsState Apply(BackupWindowsState state, RecordedEvent recorded)
    {
        if (recorded.Type != "BackupFinished/1")
        {
            return state;
        }

        var finished = Event.Read<BackupFinished>(recorded);
        var endS = recorded.TimeUs / 1_000_000;
        return state.Observed(finished.Store, endS - Math.Max(0, finished.DurationMs / 1000), endS);
    }

    public void Write(BackupWindowsState state, Stream output) => JsonSerializer.Serialize(
        output, [.. state.Hours.Select(pair => new Serial(pair.Key, pair.Value.Last, pair.Value.Seen))], BackupWindowsSerial.Default.SerialArray);

    public BackupWindowsState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, BackupWindowsSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(BackupWindowsState.Empty.Hours.AddRange(serial.Select(one => KeyValuePair.Create(one.Hour, new Sightings(one.Last, one.Seen)))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a snapshot of backup windows: " + error.Message);
        }
    }

    internal sealed record Serial(string Hour, long Last, uint Seen);
}

[JsonSerializable(typeof(BackupWindowsFold.Serial[]))]
internal sealed partial class BackupWindowsSerial : JsonSerializerContext;
