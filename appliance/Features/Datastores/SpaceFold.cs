// Which threshold of use was told last for each datastore, as the ledger has it: a restart tells nothing twice.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Datastores;

/// <summary>A datastore's use reached a threshold.</summary>
/// <param name="Threshold">Percent.</param>
/// <param name="UsedPercent">What was measured.</param>
public sealed record DatastoreSpaceLow(string Store, int Threshold, double UsedPercent, long AvailableBytes) : IEventData<DatastoreSpaceLow>
{
    public static string EventType => "DatastoreSpaceLow/1";
    public static JsonTypeInfo<DatastoreSpaceLow> Json => EventJson.Default.DatastoreSpaceLow;
}

/// <summary>Its use fell clearly below one.</summary>
/// <param name="Threshold">The one that still counts; 0 = none.</param>
public sealed record DatastoreSpaceRegained(string Store, int Threshold, double UsedPercent, long AvailableBytes) : IEventData<DatastoreSpaceRegained>
{
    public static string EventType => "DatastoreSpaceRegained/1";
    public static JsonTypeInfo<DatastoreSpaceRegained> Json => EventJson.Default.DatastoreSpaceRegained;
}

/// <summary>Threshold by datastore; none where none counts.</summary>
public sealed record SpaceState(ImmutableSortedDictionary<string, int> Levels)
{
    public static readonly SpaceState Empty = new(ImmutableSortedDictionary.Create<string, int>(StringComparer.Ordinal));

    /// <summary>0 = none.</summary>
    public int Of(string store) => Levels.GetValueOrDefault(store);
}

/// <summary>The fold.</summary>
public sealed class SpaceFold : IFold<SpaceState>
{
    public string Name => "space";

    public int Version => 1;

    public SpaceState Initial => SpaceState.Empty;

    public bool Knows(string type) => type is "DatastoreSpaceLow/1" or "DatastoreSpaceRegained/1" or "DatastoreRemoved/1";

    public SpaceState Apply(SpaceState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "DatastoreSpaceLow/1":
                var low = Event.Read<DatastoreSpaceLow>(recorded);
                return With(state, low.Store, low.Threshold);
            case "DatastoreSpaceRegained/1":
                var regained = Event.Read<DatastoreSpaceRegained>(recorded);
                return With(state, regained.Store, regained.Threshold);
            case "DatastoreRemoved/1":
                return With(state, Event.Read<DatastoreRemoved>(recorded).Store, 0);
            default:
                return state;
        }
    }

    public void Write(SpaceState state, Stream output) =>
        JsonSerializer.Serialize(
            output, new SortedDictionary<string, int>(state.Levels, StringComparer.Ordinal), SpaceSerial.Default.SortedDictionaryStringInt32);

    public SpaceState Read(Stream input)
    {
        try
        {
            return new(SpaceState.Empty.Levels.AddRange(
                JsonSerializer.Deserialize(input, SpaceSerial.Default.SortedDictionaryStringInt32) ?? throw new InvalidDataException("empty")));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a space snapshot: " + error.Message);
        }
    }

    private static SpaceState With(SpaceState state, string store, int level) =>
        new(level == 0 ? state.Levels.Remove(store) : state.Levels.SetItem(store, level));
}

[JsonSerializable(typeof(SortedDictionary<string, int>))]
internal sealed partial class SpaceSerial : JsonSerializerContext;
