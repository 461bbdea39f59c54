// The last garbage collection of every datastore, as the ledger tells it: state and fold. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;

namespace Holdfast.Features.GarbageCollection;

/// <summary>What is known of a store's collections.</summary>
/// <param name="Status">Figures of the last that ended well; null = none ever did.</param>
/// <param name="StatusUpid">Its task.</param>
/// <param name="Running">Task that runs now; null = none.</param>
/// <param name="LastUpid">Task that ended last, well or not.</param>
/// <param name="LastEndTimeS">When; seconds since the epoch.</param>
/// <param name="LastState"><c>OK</c>, or why not.</param>
/// <param name="DecidedBytes">What the running one has decided to remove so far.</param>
public sealed record StoreCollections(
    GarbageCollectionStatus? Status, string? StatusUpid, string? Running, string? LastUpid, long? LastEndTimeS, string? LastState, long LastDurationMs,
    long DecidedBytes)
{
    public static readonly StoreCollections Never = new(null, null, null, null, null, null, 0, 0);
}

/// <summary>All stores by name.</summary>
public sealed record GarbageCollectionState(ImmutableSortedDictionary<string, StoreCollections> Stores)
{
    public static readonly GarbageCollectionState Empty = new(ImmutableSortedDictionary.Create<string, StoreCollections>(StringComparer.Ordinal));

    /// <summary>A store's collections, <see cref="StoreCollections.Never"/> if there was none.</summary>
    public StoreCollections Of(string store) => Stores.GetValueOrDefault(store, StoreCollections.Never);
}

/// <summary>The fold from the events of collections.</summary>
public sealed class GarbageCollectionFold : IFold<GarbageCollectionState>
{
    public string Name => "garbage-collection";

    public int Version => 1;

    public GarbageCollectionState Initial => GarbageCollectionState.Empty;

    public bool Knows(string type) => type is "GarbageCollectionStarted/1" or "GarbageCollectionMarked/1" or "GarbageCollectionFinished/1"
        or "GarbageCollectionFailed/1" or "TaskFinished/1" or "DatastoreRemoved/1";

    public GarbageCollectionState Apply(GarbageCollectionState state, RecordedEvent recorded)
    {
        var endTimeS = recorded.TimeUs / 1_000_000;
        switch (recorded.Type)
        {
            case "GarbageCollectionStarted/1":
                var started = Event.Read<GarbageCollectionStarted>(recorded);
                return Change(state, started.Store, store => store with { Running = started.Upid, DecidedBytes = 0 });
            case "GarbageCollectionMarked/1":
                var marked = Event.Read<GarbageCollectionMarked>(recorded);
                return Change(state, marked.Store, store => store with { DecidedBytes = store.DecidedBytes + marked.SizeBytes });
            case "GarbageCollectionFinished/1":
                var finished = Event.Read<GarbageCollectionFinished>(recorded);
                return Change(state, finished.Store, store =>
                    (store with { Status = finished.Status, StatusUpid = finished.Upid }).Ended(finished.Upid, endTimeS, "OK", finished.DurationMs));
            case "GarbageCollectionFailed/1":
                var failed = Event.Read<GarbageCollectionFailed>(recorded);
                return Change(state, failed.Store, store => store.Ended(failed.Upid, endTimeS, failed.Reason, failed.DurationMs));
            case "TaskFinished/1":
                return TaskEnded(state, Event.Read<TaskFinished>(recorded), endTimeS);
            case "DatastoreRemoved/1":
                return new(state.Stores.Remove(Event.Read<DatastoreRemoved>(recorded).Store));
            default:
                return state;
        }
    }

    public void Write(GarbageCollectionState state, Stream output) =>
        JsonSerializer.Serialize(
            output, [.. state.Stores.Select(pair => new Serial(pair.Key, pair.Value))], GarbageCollectionSerial.Default.SerialArray);

    public GarbageCollectionState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, GarbageCollectionSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(GarbageCollectionState.Empty.Stores.AddRange(serial.Select(store => KeyValuePair.Create(store.Store, store.Collections))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a garbage collection snapshot: " + error.Message);
        }
    }

    /// <summary>A task that a crash interrupted has no end of its own: the one that the next start recorded for it counts.</summary>
    private static GarbageCollectionState TaskEnded(GarbageCollectionState state, TaskFinished finished, long endTimeS)
    {
        foreach (var (name, store) in state.Stores)
        {
            if (store.Running == finished.Upid)
            {
                return Change(state, name, open => open.Ended(finished.Upid, endTimeS, finished.Status, 0));
            }
        }

        return state;
    }

    private static GarbageCollectionState Change(GarbageCollectionState state, string name, Func<StoreCollections, StoreCollections> change) =>
        new(state.Stores.SetItem(name, change(state.Of(name))));

    internal sealed record Serial(string Store, StoreCollections Collections);
}

file static class Endings
{
    public static StoreCollections Ended(this StoreCollections store, string upid, long endTimeS, string outcome, long durationMs) => store with
    {
        Running = store.Running == upid ? null : store.Running, LastUpid = upid, LastEndTimeS = endTimeS, LastState = outcome, LastDurationMs = durationMs,
    };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(GarbageCollectionFold.Serial[]))]
internal sealed partial class GarbageCollectionSerial : JsonSerializerContext;
