// What changes on the machine itself: too hot, memory that errs, a cable that is out, a clock that nobody keeps. Only changes that last are told.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Sensors;

/// <summary>A temperature reached what the sensor's maker calls high or critical.</summary>
/// <param name="IsCritical">The critical limit, not only the high one.</param>
public sealed record TemperatureHigh(string Sensor, string Label, double Celsius, double LimitC, bool IsCritical) : IEventData<TemperatureHigh>
{
    public static string EventType => "TemperatureHigh/1";
    public static JsonTypeInfo<TemperatureHigh> Json => EventJson.Default.TemperatureHigh;
}

/// <summary>It is well below its limit again, or its sensor is gone.</summary>
public sealed record TemperatureNormal(string Sensor, string Label, double? Celsius) : IEventData<TemperatureNormal>
{
    public static string EventType => "TemperatureNormal/1";
    public static JsonTypeInfo<TemperatureNormal> Json => EventJson.Default.TemperatureNormal;
}

/// <summary>A memory module had more errors. Corrected ones are told once an hour at most, the others at once.</summary>
/// <param name="Corrected">Since the machine started, as is <paramref name="Uncorrected"/>.</param>
/// <param name="BootId">Of that start.</param>
public sealed record MemoryErrorsFound(string Module, string Label, long Corrected, long Uncorrected, string BootId) : IEventData<MemoryErrorsFound>
{
    public static string EventType => "MemoryErrorsFound/1";
    public static JsonTypeInfo<MemoryErrorsFound> Json => EventJson.Default.MemoryErrorsFound;
}

/// <summary>An interface has a link, for the first time or again.</summary>
public sealed record NetworkLinkFound(string Interface, int? SpeedMbps) : IEventData<NetworkLinkFound>
{
    public static string EventType => "NetworkLinkFound/1";
    public static JsonTypeInfo<NetworkLinkFound> Json => EventJson.Default.NetworkLinkFound;
}

/// <summary>An interface that had a link and is to be used has none.</summary>
public sealed record NetworkLinkLost(string Interface) : IEventData<NetworkLinkLost>
{
    public static string EventType => "NetworkLinkLost/1";
    public static JsonTypeInfo<NetworkLinkLost> Json => EventJson.Default.NetworkLinkLost;
}

/// <summary>Its link comes and goes; until it is quiet, nothing more of it is told.</summary>
public sealed record NetworkLinkFlapping(string Interface, int Changes, int WithinS) : IEventData<NetworkLinkFlapping>
{
    public static string EventType => "NetworkLinkFlapping/1";
    public static JsonTypeInfo<NetworkLinkFlapping> Json => EventJson.Default.NetworkLinkFlapping;
}

/// <summary>An interface that is a piece of hardware is gone, or is no longer to be used.</summary>
public sealed record NetworkLinkRemoved(string Interface) : IEventData<NetworkLinkRemoved>
{
    public static string EventType => "NetworkLinkRemoved/1";
    public static JsonTypeInfo<NetworkLinkRemoved> Json => EventJson.Default.NetworkLinkRemoved;
}

/// <summary>The clock follows a source and is right.</summary>
public sealed record ClockSynchronised(string? Source, int Stratum, double OffsetS) : IEventData<ClockSynchronised>
{
    public static string EventType => "ClockSynchronised/1";
    public static JsonTypeInfo<ClockSynchronised> Json => EventJson.Default.ClockSynchronised;
}

/// <summary>For a good while the clock has followed nothing, or was off.</summary>
public sealed record ClockUnsynchronised(string Why) : IEventData<ClockUnsynchronised>
{
    public static string EventType => "ClockUnsynchronised/1";
    public static JsonTypeInfo<ClockUnsynchronised> Json => EventJson.Default.ClockUnsynchronised;
}

/// <summary>The time of day was set, or the machine slept: times of events before and after it can't be subtracted.</summary>
/// <param name="ByS">Seconds, forward positive.</param>
public sealed record ClockStepped(long ByS) : IEventData<ClockStepped>
{
    public static string EventType => "ClockStepped/1";
    public static JsonTypeInfo<ClockStepped> Json => EventJson.Default.ClockStepped;
}
