// Which datastores exist, where they lie, and their namespaces: state and fold. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Datastores;

/// <summary>One datastore as the ledger tells it.</summary>
/// <param name="Path">Relative to the data folder, or absolute.</param>
/// <param name="Options">What was configured, by option name, as text; an option without value is not there.</param>
/// <param name="GcScheduleSinceS">When the present schedule of garbage collection was set, epoch seconds: from then on it counts.</param>
/// <param name="Namespaces">All but the root, sorted.</param>
/// <param name="Failure">Why it was closed as failed, until it is opened again; null = in order.</param>
public sealed record DatastoreFacts(
    string Name, string Path, ImmutableSortedDictionary<string, string> Options, ImmutableSortedSet<string> Namespaces, string? Failure,
    long GcScheduleSinceS = 0)
{
    public string? Comment => Options.GetValueOrDefault(StoreOption.Comment);

    /// <summary>When garbage is collected; null = never by itself.</summary>
    public string? GcSchedule => Options.GetValueOrDefault(StoreOption.GcSchedule);

    /// <summary>Is a backup verified right after it finished?</summary>
    public bool VerifyNew => Options.GetValueOrDefault(StoreOption.VerifyNew) == "true";

    /// <summary>Does prune count by the time the server received a snapshot, instead of the client's backup time?</summary>
    public bool PruneByReceiveTime => Options.GetValueOrDefault(StoreOption.PruneByReceiveTime) == "true";

    /// <summary>Why it is held back; null = it isn't.</summary>
    public MaintenanceMode? Maintenance =>
        Options.TryGetValue(StoreOption.MaintenanceMode, out var text) ? MaintenanceMode.Parse(text, out _) : null;

    /// <summary>Percentages of use at which somebody is told.</summary>
    public IReadOnlyList<int> Thresholds =>
        Options.TryGetValue(StoreOption.Thresholds, out var text) ? SpaceThresholds.Parse(text) ?? SpaceThresholds.Default : SpaceThresholds.Default;

    /// <summary>What it was tuned to; PBS's defaults where nothing was set.</summary>
    public StoreTuning Tuning => StoreTuning.Of(Options.GetValueOrDefault(StoreOption.Tuning));

    /// <summary>Namespaces whose removal was decided and that have not come back since, newest last: a start removes an empty folder of that name.</summary>
    public ImmutableList<string> RemovedNamespaces { get; init; } = [];

    /// <summary>Is it the root, or a namespace that was created?</summary>
    public bool HasNamespace(string ns) => ns.Length == 0 || Namespaces.Contains(ns);
}

/// <summary>All datastores by name.</summary>
public sealed record DatastoresState(ImmutableSortedDictionary<string, DatastoreFacts> Stores)
{
    public static readonly DatastoresState Empty = new(ImmutableSortedDictionary.Create<string, DatastoreFacts>(StringComparer.Ordinal));
}

/// <summary>The fold from datastore events.</summary>
public sealed class DatastoresFold : IFold<DatastoresState>
{
    private static readonly ImmutableSortedSet<string> NoNamespaces = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    private static readonly ImmutableSortedDictionary<string, string> NoOptions =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public string Name => "datastores";

    public int Version => 4;

    public DatastoresState Initial => DatastoresState.Empty;

    public bool Knows(string type) => type is "DatastoreCreated/1" or "DatastoreOptionsSet/1" or "DatastoreRemoved/1"
        or "NamespaceCreated/1" or "NamespaceRemoved/1" or "DatastoreFailed/1";

    public DatastoresState Apply(DatastoresState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "DatastoreCreated/1":
                var created = Event.Read<DatastoreCreated>(recorded);
                return new(state.Stores.SetItem(
                    created.Name, new DatastoreFacts(created.Name, created.Path, WithComment(created.Comment), NoNamespaces, null,
                        recorded.TimeUs / 1_000_000)));
            case "DatastoreOptionsSet/1":
                var options = Event.Read<DatastoreOptionsSet>(recorded);
                return Change(state, options.Store, store => WithOptions(store, options, recorded.TimeUs / 1_000_000));
            case "DatastoreRemoved/1":
                return new(state.Stores.Remove(Event.Read<DatastoreRemoved>(recorded).Store));
            case "NamespaceCreated/1":
                var added = Event.Read<NamespaceCreated>(recorded);
                return Change(state, added.Store, store => store with
                {
                    Namespaces = store.Namespaces.Add(added.Ns), RemovedNamespaces = store.RemovedNamespaces.Remove(added.Ns),
                });
            case "NamespaceRemoved/1":
                var gone = Event.Read<NamespaceRemoved>(recorded);
                return Change(state, gone.Store, store => store with
                {
                    Namespaces = store.Namespaces.Remove(gone.Ns), RemovedNamespaces = Remember(store.RemovedNamespaces, gone.Ns),
                });
            case "DatastoreFailed/1":
                var failed = Event.Read<DatastoreFailed>(recorded);
                return Change(state, failed.Store, store => store with { Failure = failed.Reason });
            default:
                return state;
        }
    }

    public void Write(DatastoresState state, Stream output) =>
        JsonSerializer.Serialize(
            output,
            [
                .. state.Stores.Values.Select(store => new Serial(
                    store.Name, store.Path, new(store.Options), [.. store.Namespaces], store.Failure, [.. store.RemovedNamespaces],
                    store.GcScheduleSinceS)),
            ],
            DatastoresSerial.Default.SerialArray);

    public DatastoresState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, DatastoresSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(DatastoresState.Empty.Stores.AddRange(serial.Select(store => KeyValuePair.Create(
                store.Name, new DatastoreFacts(
                    store.Name, store.Path, NoOptions.AddRange(store.Options), NoNamespaces.Union(store.Namespaces), store.Failure,
                    store.GcScheduleSinceS)
                {
                    RemovedNamespaces = [.. store.RemovedNamespaces],
                }))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a datastores snapshot: " + error.Message);
        }
    }

    private static DatastoreFacts WithOptions(DatastoreFacts store, DatastoreOptionsSet options, long timeS)
    {
        var after = store with { Options = store.Options.SetItems(options.Set).RemoveRange(options.Removed) };
        return after.GcSchedule == store.GcSchedule ? after : after with { GcScheduleSinceS = timeS };
    }

    private static ImmutableSortedDictionary<string, string> WithComment(string? comment) =>
        comment is null ? NoOptions : NoOptions.Add(StoreOption.Comment, comment);

    /// <summary>The newest thousand are enough: it matters between a decision and the next start.</summary>
    private static ImmutableList<string> Remember(ImmutableList<string> removed, string ns)
    {
        var next = removed.Remove(ns).Add(ns);
        return next.Count > 1000 ? next.RemoveAt(0) : next;
    }

    private static DatastoresState Change(DatastoresState state, string name, Func<DatastoreFacts, DatastoreFacts> change) =>
        state.Stores.TryGetValue(name, out var store) ? new(state.Stores.SetItem(name, change(store))) : state;

    internal sealed record Serial(
        string Name, string Path, SortedDictionary<string, string> Options, string[] Namespaces, string? Failure, string[] RemovedNamespaces,
        long GcScheduleSinceS);
}

[JsonSerializable(typeof(DatastoresFold.Serial[]))]
internal sealed partial class DatastoresSerial : JsonSerializerContext;
