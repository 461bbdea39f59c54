// Decisions that are still to be carried out, as the ledger tells them: what a start goes on with. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;

namespace Holdfast.Features.Prune;

/// <summary>A decision under way.</summary>
/// <param name="Actor">Who asked for it, from <paramref name="Source"/>.</param>
/// <param name="IsComplete">Its last part is there. Without, it is void.</param>
/// <param name="Doomed">What is to go, in order.</param>
public sealed record OpenPrune(
    string Decision, string Store, string Actor, string Source, bool IsComplete, ImmutableList<(GroupKey Group, long BackupTime)> Doomed)
{
    public bool Equals(OpenPrune? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Decision.GetHashCode(StringComparison.Ordinal);
}

/// <summary>All decisions under way.</summary>
public sealed record PrunesState(ImmutableSortedDictionary<string, OpenPrune> Open)
{
    public static readonly PrunesState Empty = new(ImmutableSortedDictionary.Create<string, OpenPrune>(StringComparer.Ordinal));
}

/// <summary>The fold from decisions and their ends.</summary>
public sealed class PrunesFold : IFold<PrunesState>
{
    public string Name => "prunes";

    public int Version => 2;

    public PrunesState Initial => PrunesState.Empty;

    public bool Knows(string type) => type is "PruneDecided/1" or "PruneFinished/1" or "DatastoreRemoved/1";

    public PrunesState Apply(PrunesState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "PruneDecided/1":
                var decided = Event.Read<PruneDecided>(recorded);
                var open = state.Open.GetValueOrDefault(decided.Decision) ?? new OpenPrune(
                    decided.Decision, decided.Store, recorded.Metadata.Actor, recorded.Metadata.Source, false, []);
                return new(state.Open.SetItem(
                    decided.Decision, open with { IsComplete = decided.IsLast, Doomed = open.Doomed.AddRange(DoomedOf(decided)) }));
            case "PruneFinished/1":
                return new(state.Open.Remove(Event.Read<PruneFinished>(recorded).Decision));
            case "DatastoreRemoved/1":
                // What comes back under that name, perhaps from elsewhere, is not what was decided about.
                var gone = Event.Read<DatastoreRemoved>(recorded).Store;
                return new(state.Open.RemoveRange(state.Open.Values.Where(one => one.Store == gone).Select(one => one.Decision)));
            default:
                return state;
        }
    }

    public void Write(PrunesState state, Stream output) => JsonSerializer.Serialize(
        output,
        [.. state.Open.Values.Select(open => new Serial(open.Decision, open.Store, open.Actor, open.Source, open.IsComplete,
            [.. open.Doomed.Select(one => new SerialSnapshot(one.Group.Ns, one.Group.BackupType, one.Group.BackupId, one.BackupTime))]))],
        PrunesSerial.Default.SerialArray);

    public PrunesState Read(Stream input)
    {
        try
        {
            var serial = JsonSerializer.Deserialize(input, PrunesSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(PrunesState.Empty.Open.AddRange(serial.Select(open => KeyValuePair.Create(open.Decision, new OpenPrune(
                open.Decision, open.Store, open.Actor, open.Source, open.IsComplete,
                [.. open.Doomed.Select(one => (new GroupKey(open.Store, one.Ns, one.BackupType, one.BackupId), one.BackupTime))])))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a prunes snapshot: " + error.Message);
        }
    }

    private static IEnumerable<(GroupKey Group, long BackupTime)> DoomedOf(PruneDecided decided) =>
        from pruned in decided.Groups
        let key = new GroupKey(decided.Store, pruned.Ns, pruned.BackupType, pruned.BackupId)
        from snapshot in pruned.Snapshots
        where !snapshot.Keep
        select (key, snapshot.BackupTime);

    internal sealed record SerialSnapshot(string Ns, string BackupType, string BackupId, long BackupTime);

    internal sealed record Serial(string Decision, string Store, string Actor, string Source, bool IsComplete, SerialSnapshot[] Doomed);
}

[JsonSerializable(typeof(PrunesFold.Serial[]))]
internal sealed partial class PrunesSerial : JsonSerializerContext;
