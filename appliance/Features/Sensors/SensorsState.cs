// The machine as the ledger tells it: state and fold. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Sensors;

/// <summary>A temperature that was told to be high.</summary>
public sealed record HotSensor(string Label, double LimitC, bool IsCritical);

/// <summary>What was told of a module last.</summary>
public sealed record ToldMemory(string BootId, long Corrected, long Uncorrected, long ToldAtS);

/// <summary>A link that was told of.</summary>
public sealed record ToldLink(bool HasCarrier, int? SpeedMbps, bool IsFlapping);

/// <summary>What is known.</summary>
/// <param name="IsClockRight">Null = never told.</param>
public sealed record SensorsState(
    ImmutableSortedDictionary<string, HotSensor> Hot, ImmutableSortedDictionary<string, ToldMemory> Memory,
    ImmutableSortedDictionary<string, ToldLink> Links, bool? IsClockRight)
{
    public static readonly SensorsState Unknown = new(
        ImmutableSortedDictionary<string, HotSensor>.Empty.WithComparers(StringComparer.Ordinal),
        ImmutableSortedDictionary<string, ToldMemory>.Empty.WithComparers(StringComparer.Ordinal),
        ImmutableSortedDictionary<string, ToldLink>.Empty.WithComparers(StringComparer.Ordinal), null);
}

/// <summary>The fold.</summary>
public sealed class SensorsFold : IFold<SensorsState>
{
    public string Name => "sensors";

    public int Version => 1;

    public SensorsState Initial => SensorsState.Unknown;

    public bool Knows(string type) => type is "TemperatureHigh/1" or "TemperatureNormal/1" or "MemoryErrorsFound/1" or "NetworkLinkFound/1"
        or "NetworkLinkLost/1" or "NetworkLinkFlapping/1" or "NetworkLinkRemoved/1" or "ClockSynchronised/1" or "ClockUnsynchronised/1";

    public SensorsState Apply(SensorsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "TemperatureHigh/1":
                var hot = Event.Read<TemperatureHigh>(recorded);
                return state with { Hot = state.Hot.SetItem(hot.Sensor, new HotSensor(hot.Label, hot.LimitC, hot.IsCritical)) };
            case "TemperatureNormal/1":
                return state with { Hot = state.Hot.Remove(Event.Read<TemperatureNormal>(recorded).Sensor) };
            case "MemoryErrorsFound/1":
                var errors = Event.Read<MemoryErrorsFound>(recorded);
                return state with
                {
                    Memory = state.Memory.SetItem(errors.Module,
                        new ToldMemory(errors.BootId, errors.Corrected, errors.Uncorrected, recorded.TimeUs / 1_000_000)),
                };
            case "NetworkLinkFound/1":
                var found = Event.Read<NetworkLinkFound>(recorded);
                return state with { Links = state.Links.SetItem(found.Interface, new ToldLink(true, found.SpeedMbps, false)) };
            case "NetworkLinkLost/1":
                var lost = Event.Read<NetworkLinkLost>(recorded).Interface;
                return state with { Links = state.Links.SetItem(lost, new ToldLink(false, state.Links.GetValueOrDefault(lost)?.SpeedMbps, false)) };
            case "NetworkLinkFlapping/1":
                var flapping = Event.Read<NetworkLinkFlapping>(recorded).Interface;
                return state with
                {
                    Links = state.Links.SetItem(flapping, (state.Links.GetValueOrDefault(flapping) ?? new(true, null, false)) with { IsFlapping = true }),
                };
            case "NetworkLinkRemoved/1":
                return state with { Links = state.Links.Remove(Event.Read<NetworkLinkRemoved>(recorded).Interface) };
            case "ClockSynchronised/1":
                return state with { IsClockRight = true };
            case "ClockUnsynchronised/1":
                return state with { IsClockRight = false };
            default:
                return state;
        }
    }

    public void Write(SensorsState state, Stream output) => JsonSerializer.Serialize(output,
        new Serial(new(state.Hot), new(state.Memory), new(state.Links), state.IsClockRight), SensorsSerial.Default.Serial);

    public SensorsState Read(Stream input)
    {
        try
        {
            var read = JsonSerializer.Deserialize(input, SensorsSerial.Default.Serial) ?? throw new InvalidDataException("empty");
            return new SensorsState(SensorsState.Unknown.Hot.AddRange(read.Hot), SensorsState.Unknown.Memory.AddRange(read.Memory),
                SensorsState.Unknown.Links.AddRange(read.Links), read.IsClockRight);
        }
        catch (Exception error) when (error is JsonException or ArgumentNullException)
        {
            throw new InvalidDataException("not a snapshot of sensors: " + error.Message);
        }
    }

    internal sealed record Serial(
        Dictionary<string, HotSensor> Hot, Dictionary<string, ToldMemory> Memory, Dictionary<string, ToldLink> Links, bool? IsClockRight);
}

[JsonSerializable(typeof(SensorsFold.Serial))]
internal sealed partial class SensorsSerial : JsonSerializerContext;
