// From looks to events: what has to last before it is told, and what comes and goes too often to be told each time. Pure: what it remembers of earlier looks is
// handed in and out.
using System.Collections.Immutable;
using System.Globalization;
using Holdfast.Contracts.Sensors;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Sensors;

/// <summary>What looks leave behind for the next one; times in seconds of a clock that only runs forward.</summary>
/// <param name="HotSinceS">By sensor and grade: since when it has been over its limit.</param>
/// <param name="DownSinceS">By interface: since when it has had no carrier.</param>
/// <param name="Carriers">By interface: what the last look saw.</param>
/// <param name="ChangesS">By interface: when its carrier changed, within the last <see cref="SensorDecider.FlapWithinS"/>.</param>
/// <param name="ClockWrongSinceS">Since when the clock has not been right; null = it is.</param>
/// <param name="WallAheadS">How far the time of day was ahead of the clock that only runs forward; null = not looked at yet.</param>
public sealed record SensorMemory(
    ImmutableDictionary<string, long> HotSinceS, ImmutableDictionary<string, long> DownSinceS, ImmutableDictionary<string, bool> Carriers,
    ImmutableDictionary<string, ImmutableList<long>> ChangesS, long? ClockWrongSinceS, long? WallAheadS)
{
    public static readonly SensorMemory Nothing = new(
        ImmutableDictionary<string, long>.Empty, ImmutableDictionary<string, long>.Empty, ImmutableDictionary<string, bool>.Empty,
        ImmutableDictionary<string, ImmutableList<long>>.Empty, null, null);
}

/// <summary>The decisions.</summary>
public static class SensorDecider
{
    /// <summary>So long a temperature has to be over its limit.</summary>
    public const int HotForS = 60;

    /// <summary>So far below its limit it is normal again.</summary>
    public const double CoolerC = 5;

    /// <summary>So long a link has to be down.</summary>
    public const int DownForS = 20;

    /// <summary>So many changes within <see cref="FlapWithinS"/> are flapping; none in that time, and it is over.</summary>
    public const int FlapChanges = 6;

    public const int FlapWithinS = 600;

    /// <summary>Corrected errors of a module are told this seldom.</summary>
    public const int MemoryEveryS = 3600;

    /// <summary>So long the clock may be without a source: a start takes a while, and so does a restart of chrony.</summary>
    public const int ClockForS = 900;

    /// <summary>More than this is wrong even with a source: retention and schedules go by it.</summary>
    public const double OffsetMaxS = 1;

    /// <summary>A time of day that moved so far between two looks did not run there: it was set, or the machine slept. chrony slews far less.</summary>
    public const long StepMinS = 5;

    /// <param name="nowS">Of the clock of <paramref name="memory"/>.</param>
    /// <param name="wallS">Epoch seconds.</param>
    public static (IReadOnlyList<NewEvent> Events, SensorMemory Memory) Seen(
        SensorsState known, SensorMemory memory, SensorsSeen seen, long nowS, long wallS, EventMetadata because)
    {
        var events = new List<NewEvent>();
        memory = Temperatures(known, memory, seen, nowS, because, events);
        Memory(known, seen, wallS, because, events);
        memory = Links(known, memory, seen, nowS, because, events);
        memory = Step(memory, wallS - nowS, because, events);
        return (events, Clock(known, memory, seen, nowS, because, events));
    }

    private static SensorMemory Temperatures(
        SensorsState known, SensorMemory memory, SensorsSeen seen, long nowS, EventMetadata because, List<NewEvent> events)
    {
        var since = memory.HotSinceS.ToBuilder();
        foreach (var sensor in seen.Temperatures)
        {
            var told = known.Hot.GetValueOrDefault(sensor.Id);
            var isCritical = Lasts(sensor.Id + " critical", sensor.Celsius >= sensor.CriticalC);
            var isHigh = Lasts(sensor.Id, sensor.Celsius >= sensor.MaxC);
            if (isCritical && told is not { IsCritical: true })
            {
                events.Add(Event.Of(new TemperatureHigh(sensor.Id, sensor.Label, sensor.Celsius, sensor.CriticalC!.Value, true), because));
            }
            else if (isHigh && !isCritical && told is null)
            {
                events.Add(Event.Of(new TemperatureHigh(sensor.Id, sensor.Label, sensor.Celsius, sensor.MaxC!.Value, false), because));
            }
            else if (told is not null && sensor.Celsius <= Math.Min(told.LimitC, sensor.MaxC ?? told.LimitC) - CoolerC)
            {
                events.Add(Event.Of(new TemperatureNormal(sensor.Id, sensor.Label, sensor.Celsius), because));
            }
        }

        foreach (var (id, hot) in known.Hot.Where(hot => seen.Temperatures.All(sensor => sensor.Id != hot.Key)))
        {
            events.Add(Event.Of(new TemperatureNormal(id, hot.Label, null), because));
        }

        return memory with { HotSinceS = since.ToImmutable() };

        bool Lasts(string key, bool isOver)
        {
            if (!isOver)
            {
                since.Remove(key);
                return false;
            }

            since.TryAdd(key, nowS);
            return nowS - since[key] >= HotForS;
        }
    }

    private static void Memory(SensorsState known, SensorsSeen seen, long wallS, EventMetadata because, List<NewEvent> events)
    {
        foreach (var module in seen.Memory)
        {
            var told = known.Memory.GetValueOrDefault(module.Id);
            var (corrected, uncorrected) = told is not null && told.BootId == seen.BootId ? (told.Corrected, told.Uncorrected) : (0L, 0L);
            var isDue = told is null || wallS - told.ToldAtS >= MemoryEveryS || wallS < told.ToldAtS;
            if (module.Uncorrected > uncorrected || (module.Corrected > corrected && isDue))
            {
                events.Add(Event.Of(new MemoryErrorsFound(module.Id, module.Label, module.Corrected, module.Uncorrected, seen.BootId), because));
            }
        }
    }

    private static SensorMemory Links(SensorsState known, SensorMemory memory, SensorsSeen seen, long nowS, EventMetadata because, List<NewEvent> events)
    {
        var (down, carriers, changes) = (memory.DownSinceS.ToBuilder(), memory.Carriers.ToBuilder(), memory.ChangesS.ToBuilder());
        foreach (var link in seen.Links.Where(link => link.IsUp))
        {
            var told = known.Links.GetValueOrDefault(link.Name);
            var recent = changes.GetValueOrDefault(link.Name, []).RemoveAll(at => nowS - at >= FlapWithinS);
            if (carriers.TryGetValue(link.Name, out var before) && before != link.HasCarrier)
            {
                recent = recent.Add(nowS);
            }

            (carriers[link.Name], changes[link.Name]) = (link.HasCarrier, recent);
            if (link.HasCarrier)
            {
                down.Remove(link.Name);
            }
            else
            {
                down.TryAdd(link.Name, nowS);
            }

            if (told is { IsFlapping: true } ? recent.Count > 0 : recent.Count >= FlapChanges)
            {
                if (told is not { IsFlapping: true })
                {
                    events.Add(Event.Of(new NetworkLinkFlapping(link.Name, recent.Count, FlapWithinS), because));
                }
            }
            else if (link.HasCarrier && (told is null or { HasCarrier: false } or { IsFlapping: true }
                || (link.SpeedMbps is not null && told.SpeedMbps != link.SpeedMbps)))
            {
                events.Add(Event.Of(new NetworkLinkFound(link.Name, link.SpeedMbps), because));
            }
            else if (!link.HasCarrier && told is { HasCarrier: true } or { IsFlapping: true } && nowS - down.GetValueOrDefault(link.Name, nowS) >= DownForS)
            {
                events.Add(Event.Of(new NetworkLinkLost(link.Name), because));
            }
        }

        foreach (var name in known.Links.Keys.Where(name => !seen.Links.Any(link => link.Name == name && link.IsUp)))
        {
            events.Add(Event.Of(new NetworkLinkRemoved(name), because));
        }

        foreach (var gone in carriers.Keys.Where(name => !seen.Links.Any(link => link.Name == name && link.IsUp)).ToList())
        {
            _ = (down.Remove(gone), carriers.Remove(gone), changes.Remove(gone));
        }

        return memory with { DownSinceS = down.ToImmutable(), Carriers = carriers.ToImmutable(), ChangesS = changes.ToImmutable() };
    }

    private static SensorMemory Step(SensorMemory memory, long aheadS, EventMetadata because, List<NewEvent> events)
    {
        if (memory.WallAheadS is { } before && Math.Abs(aheadS - before) >= StepMinS)
        {
            events.Add(Event.Of(new ClockStepped(aheadS - before), because));
        }

        return memory with { WallAheadS = aheadS };
    }

    private static SensorMemory Clock(SensorsState known, SensorMemory memory, SensorsSeen seen, long nowS, EventMetadata because, List<NewEvent> events)
    {
        if (seen.Clock is not { } clock)
        {
            return memory;
        }

        if (clock.IsSynchronised && Math.Abs(clock.OffsetS) <= OffsetMaxS)
        {
            if (known.IsClockRight != true)
            {
                events.Add(Event.Of(new ClockSynchronised(clock.Source, clock.Stratum, clock.OffsetS), because));
            }

            return memory with { ClockWrongSinceS = null };
        }

        var since = memory.ClockWrongSinceS ?? nowS;
        if (nowS - since >= ClockForS && known.IsClockRight != false)
        {
            events.Add(Event.Of(new ClockUnsynchronised(clock.IsSynchronised
                ? string.Create(CultureInfo.InvariantCulture, $"it is {Math.Abs(clock.OffsetS):0.#} s from {clock.Source}") : "it follows no source"),
                    because));
        }

        return memory with { ClockWrongSinceS = since };
    }
}
