// What the ledger is told of power: mains, battery, the UPS itself, and ordered stops.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Power;

/// <summary>The machine runs from the battery.</summary>
/// <param name="AtStart">It was so when we first looked.</param>
public sealed record MainsLost(string Ups, int? ChargePercent, int? RuntimeS, bool AtStart) : IEventData<MainsLost>
{
    public static string EventType => "MainsLost/1";
    public static JsonTypeInfo<MainsLost> Json => EventJson.Default.MainsLost;
}

/// <summary>It runs from the mains again, and has for a while.</summary>
public sealed record MainsBack(string Ups, int? ChargePercent) : IEventData<MainsBack>
{
    public static string EventType => "MainsBack/1";
    public static JsonTypeInfo<MainsBack> Json => EventJson.Default.MainsBack;
}

/// <summary>The mains come and go: from here on they count as back only after a minute without a break.</summary>
public sealed record MainsFlapping(string Ups, int Changes, int WithinS) : IEventData<MainsFlapping>
{
    public static string EventType => "MainsFlapping/1";
    public static JsonTypeInfo<MainsFlapping> Json => EventJson.Default.MainsFlapping;
}

/// <summary>The battery is nearly empty.</summary>
public sealed record BatteryLow(string Ups, int? ChargePercent, int? RuntimeS) : IEventData<BatteryLow>
{
    public static string EventType => "BatteryLow/1";
    public static JsonTypeInfo<BatteryLow> Json => EventJson.Default.BatteryLow;
}

/// <summary>The UPS wants another battery.</summary>
public sealed record BatteryWorn(string Ups) : IEventData<BatteryWorn>
{
    public static string EventType => "BatteryWorn/1";
    public static JsonTypeInfo<BatteryWorn> Json => EventJson.Default.BatteryWorn;
}

/// <summary>It does not any more.</summary>
public sealed record BatteryReplaced(string Ups) : IEventData<BatteryReplaced>
{
    public static string EventType => "BatteryReplaced/1";
    public static JsonTypeInfo<BatteryReplaced> Json => EventJson.Default.BatteryReplaced;
}

/// <summary>The UPS can be asked.</summary>
public sealed record UpsReachable(string Ups, string? Maker, string? Model, string? Serial) : IEventData<UpsReachable>
{
    public static string EventType => "UpsReachable/1";
    public static JsonTypeInfo<UpsReachable> Json => EventJson.Default.UpsReachable;
}

/// <summary>The UPS can't be asked any more.</summary>
/// <param name="Code">NUT's word, or <c>UNREACHABLE</c>.</param>
public sealed record UpsUnreachable(string Code, string Why) : IEventData<UpsUnreachable>
{
    public static string EventType => "UpsUnreachable/1";
    public static JsonTypeInfo<UpsUnreachable> Json => EventJson.Default.UpsUnreachable;
}

/// <summary>No UPS is configured any more: what was known of one is of no matter.</summary>
public sealed record UpsRemoved(string Ups) : IEventData<UpsRemoved>
{
    public static string EventType => "UpsRemoved/1";
    public static JsonTypeInfo<UpsRemoved> Json => EventJson.Default.UpsRemoved;
}

/// <summary>An ordered stop began: no new sessions and tasks from here on.</summary>
/// <param name="Action"><c>shutdown</c> or <c>reboot</c>.</param>
/// <param name="Cause"><c>battery-low</c>, <c>runtime-low</c>, <c>on-battery-too-long</c>, <c>ups-lost-on-battery</c>, <c>forced-by-ups</c>, <c>asked</c>,
/// <c>button</c>.</param>
/// <param name="DrainS">So long running sessions may go on.</param>
public sealed record OrderedStopStarted(string Action, string Cause, int DrainS) : IEventData<OrderedStopStarted>
{
    public static string EventType => "OrderedStopStarted/1";
    public static JsonTypeInfo<OrderedStopStarted> Json => EventJson.Default.OrderedStopStarted;
}

/// <summary>The mains came back before the point of no return: everything goes on.</summary>
public sealed record OrderedStopUndone(string Why) : IEventData<OrderedStopUndone>
{
    public static string EventType => "OrderedStopUndone/1";
    public static JsonTypeInfo<OrderedStopUndone> Json => EventJson.Default.OrderedStopUndone;
}

/// <summary>The point of no return: what still ran was ended, and the machine is told to switch off.</summary>
/// <param name="SessionsEnded">Sessions that had not ended by themselves.</param>
/// <param name="TasksEnded">Tasks that were ended.</param>
public sealed record OrderedStopCommitted(int SessionsEnded, int TasksEnded) : IEventData<OrderedStopCommitted>
{
    public static string EventType => "OrderedStopCommitted/1";
    public static JsonTypeInfo<OrderedStopCommitted> Json => EventJson.Default.OrderedStopCommitted;
}
