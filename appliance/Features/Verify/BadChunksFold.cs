// Which chunks of which datastore are known to be corrupt or missing, so that an upload that heals one is noticed, and no backup builds on one. Nearly always
// empty. State and fold; pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Verify;

/// <summary>A chunk known to be bad.</summary>
/// <param name="Snapshots">Snapshots that name it, the first of <paramref name="SnapshotCount"/>.</param>
public sealed record KnownBadChunk(IReadOnlyList<SnapshotRef> Snapshots, long SnapshotCount);

/// <summary>Bad chunks by datastore and digest.</summary>
public sealed record BadChunksState(ImmutableSortedDictionary<string, ImmutableDictionary<Digest, KnownBadChunk>> Stores)
{
    public static readonly BadChunksState Empty =
        new(ImmutableSortedDictionary.Create<string, ImmutableDictionary<Digest, KnownBadChunk>>(StringComparer.Ordinal));

    private static readonly ImmutableDictionary<Digest, KnownBadChunk> None = ImmutableDictionary<Digest, KnownBadChunk>.Empty;

    /// <summary>Those of one datastore.</summary>
    public ImmutableDictionary<Digest, KnownBadChunk> In(string store) => Stores.IsEmpty ? None : Stores.GetValueOrDefault(store, None);

    internal BadChunksState With(string store, ImmutableDictionary<Digest, KnownBadChunk> chunks) =>
        new(chunks.IsEmpty ? Stores.Remove(store) : Stores.SetItem(store, chunks));
}

/// <summary>The fold from the events of bad chunks.</summary>
public sealed class BadChunksFold : IFold<BadChunksState>
{
    public string Name => "bad-chunks";

    public int Version => 2;

    public BadChunksState Initial => BadChunksState.Empty;

    public bool Knows(string type) => type is "ChunkFoundCorrupt/1" or "ChunkFoundMissing/1" or "ChunkHealed/1" or "BadChunksForgotten/1"
        or "DatastoreRemoved/1";

    public BadChunksState Apply(BadChunksState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "ChunkFoundCorrupt/1":
                var corrupt = Event.Read<ChunkFoundCorrupt>(recorded);
                return Bad(state, corrupt.Store, corrupt.Digest, new KnownBadChunk(corrupt.Snapshots, corrupt.SnapshotCount));
            case "ChunkFoundMissing/1":
                var missing = Event.Read<ChunkFoundMissing>(recorded);
                return Bad(state, missing.Store, missing.Digest, new KnownBadChunk(missing.Snapshots, missing.SnapshotCount));
            case "ChunkHealed/1":
                var healed = Event.Read<ChunkHealed>(recorded);
                return Digest.TryParse(healed.Digest, out var digest) ? state.With(healed.Store, state.In(healed.Store).Remove(digest)) : state;
            case "BadChunksForgotten/1":
                var forgotten = Event.Read<BadChunksForgotten>(recorded);
                return state.With(forgotten.Store, state.In(forgotten.Store).RemoveRange(
                    forgotten.Digests.Where(hex => Digest.TryParse(hex, out _)).Select(hex => Digest.Parse(hex))));
            case "DatastoreRemoved/1":
                return new(state.Stores.Remove(Event.Read<DatastoreRemoved>(recorded).Store));
            default:
                return state;
        }
    }

    public void Write(BadChunksState state, Stream output) => JsonSerializer.Serialize(
        output,
        [
            .. from store in state.Stores
               from chunk in store.Value.OrderBy(pair => pair.Key)
               select new Serial(store.Key, chunk.Key.ToString(), [.. chunk.Value.Snapshots], chunk.Value.SnapshotCount),
        ],
        BadChunksSerial.Default.SerialArray);

    public BadChunksState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, BadChunksSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return serial.GroupBy(chunk => chunk.Store).Aggregate(BadChunksState.Empty, (state, store) => state.With(
                store.Key,
                ImmutableDictionary.CreateRange(store.Select(chunk => KeyValuePair.Create(
                    Digest.Parse(chunk.Digest), new KnownBadChunk(chunk.Snapshots, chunk.SnapshotCount))))));
        }
        catch (Exception error) when (error is JsonException or FormatException)
        {
            throw new InvalidDataException("not a bad-chunks snapshot: " + error.Message);
        }
    }

    private static BadChunksState Bad(BadChunksState state, string store, string hex, KnownBadChunk chunk) =>
        Digest.TryParse(hex, out var digest) ? state.With(store, state.In(store).SetItem(digest, chunk)) : state;

    internal sealed record Serial(string Store, string Digest, SnapshotRef[] Snapshots, long SnapshotCount);
}

[JsonSerializable(typeof(BadChunksFold.Serial[]))]
internal sealed partial class BadChunksSerial : JsonSerializerContext;
