// How a slice's event record becomes a ledger event and back: an explicit type name with version and source-generated JSON.
// The CLR name never reaches the ledger. Unknown members in stored data are ignored, so old programs read newer events.
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Ledger;

namespace Holdfast.Features.Events;

/// <summary>An event record that knows its stored name and its JSON form.</summary>
public interface IEventData<TSelf> where TSelf : class, IEventData<TSelf>
{
    /// <summary>Stored name and version, <c>BackupFinished/1</c>.</summary>
    static abstract string EventType { get; }

    /// <summary>Source-generated JSON form (kebab-case members, as PBS names them).</summary>
    static abstract JsonTypeInfo<TSelf> Json { get; }
}

/// <summary>Between event records and what the ledger stores.</summary>
public static class Event
{
    private static readonly JsonSerializerOptions Reading = new(EventJson.Default.Options)
    {
        TypeInfoResolver = EventJson.Default.WithAddedModifier(RequireWhatIsNotNullable),
        RespectNullableAnnotations = true,
        Converters = { new SharedText() },
    };

    /// <summary>What was read last on this thread: several folds look at one event, one after the other.</summary>
    [ThreadStatic]
    private static (RecordedEvent Of, object Data) last;

    /// <summary>The ledger's form of <paramref name="data"/>. <paramref name="timeUs"/> only for facts recorded late.</summary>
    public static NewEvent Of<T>(T data, EventMetadata metadata, long? timeUs = null) where T : class, IEventData<T> =>
        new(T.EventType, JsonSerializer.SerializeToUtf8Bytes(data, T.Json), metadata, timeUs);

    /// <summary>The record behind a stored event of that type.</summary>
    /// <exception cref="InvalidDataException">The data is not JSON of that form: the chain is whole, so a program wrote it wrong.</exception>
    public static T Read<T>(RecordedEvent recorded) where T : class, IEventData<T>
    {
        if (ReferenceEquals(last.Of, recorded) && last.Data is T same)
        {
            return same;
        }

        try
        {
            var data = JsonSerializer.Deserialize(recorded.Data.Span, Form<T>.Strict)
                ?? throw new InvalidDataException($"event {recorded.Position} has no data");
            last = (recorded, data);
            return data;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"event {recorded.Position} ({recorded.Type}) can't be read: {error.Message}");
        }
    }

    /// <summary>A text that a record declares as never null must be there: folds rely on it.</summary>
    private static void RequireWhatIsNotNullable(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            property.IsRequired |= !property.PropertyType.IsValueType && !property.IsSetNullable;
        }
    }

    private static class Form<T>
    {
        public static readonly JsonTypeInfo<T> Strict = (JsonTypeInfo<T>)Reading.GetTypeInfo(typeof(T));
    }
}
