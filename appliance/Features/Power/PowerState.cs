// Power as the ledger tells it: state and fold. Pure.
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Power;

/// <summary>What is known.</summary>
/// <param name="Ups">Name of the UPS that was seen last; null = none ever was.</param>
/// <param name="StopCause">Of an ordered stop under way; null = none is.</param>
/// <param name="StoppedAtS">When the last one was committed, epoch seconds; 0 = never.</param>
public sealed record PowerState(
    string? Ups, bool IsReachable, bool IsOnBattery, bool IsBatteryLow, bool NeedsBattery, bool IsFlapping, long OnBatterySinceS, string? StopCause,
        long StoppedAtS)
{
    public static readonly PowerState Unknown = new(null, false, false, false, false, false, 0, null, 0);
}

/// <summary>The fold.</summary>
public sealed class PowerFold : IFold<PowerState>
{
    public string Name => "power";

    public int Version => 1;

    public PowerState Initial => PowerState.Unknown;

    public bool Knows(string type) => type is "MainsLost/1" or "MainsBack/1" or "MainsFlapping/1" or "BatteryLow/1" or "BatteryWorn/1" or "BatteryReplaced/1"
        or "UpsReachable/1" or "UpsUnreachable/1" or "UpsRemoved/1" or "OrderedStopStarted/1" or "OrderedStopUndone/1" or "OrderedStopCommitted/1";

    public PowerState Apply(PowerState state, RecordedEvent recorded) => recorded.Type switch
    {
        "MainsLost/1" => state with { IsOnBattery = true, OnBatterySinceS = recorded.TimeUs / 1_000_000 },
        "MainsBack/1" => state with { IsOnBattery = false, IsBatteryLow = false, IsFlapping = false, OnBatterySinceS = 0 },
        "MainsFlapping/1" => state with { IsFlapping = true },
        "BatteryLow/1" => state with { IsBatteryLow = true },
        "BatteryWorn/1" => state with { NeedsBattery = true },
        "BatteryReplaced/1" => state with { NeedsBattery = false },
        "UpsReachable/1" => state with { IsReachable = true, Ups = Event.Read<UpsReachable>(recorded).Ups },
        "UpsUnreachable/1" => state with { IsReachable = false },
        "UpsRemoved/1" => PowerState.Unknown with { StopCause = state.StopCause, StoppedAtS = state.StoppedAtS },
        "OrderedStopStarted/1" => state with { StopCause = Event.Read<OrderedStopStarted>(recorded).Cause },
        "OrderedStopUndone/1" => state with { StopCause = null },
        "OrderedStopCommitted/1" => state with { StopCause = null, StoppedAtS = recorded.TimeUs / 1_000_000 },
        _ => state,
    };

    public void Write(PowerState state, Stream output) => JsonSerializer.Serialize(output, state, PowerSerial.Default.PowerState);

    public PowerState Read(Stream input)
    {
        try
        {
            return JsonSerializer.Deserialize(input, PowerSerial.Default.PowerState) ?? throw new InvalidDataException("empty");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a power snapshot: " + error.Message);
        }
    }
}

[JsonSerializable(typeof(PowerState))]
internal sealed partial class PowerSerial : JsonSerializerContext;
