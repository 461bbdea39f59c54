// NFS as the ledger tells it: state and fold. Pure.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Nfs;

/// <summary>A mount, and why it was told to be lost; null = it is of use.</summary>
public sealed record KnownMount(NfsMount Mount, string? LostWhy);

/// <summary>What is known.</summary>
/// <param name="DownWhy">Why exports were told to be down; null = they are not.</param>
public sealed record NfsState(ImmutableSortedDictionary<string, NfsExport> Exports, ImmutableSortedDictionary<string, KnownMount> Mounts, string? DownWhy)
{
    public static readonly NfsState Empty = new(
        ImmutableSortedDictionary<string, NfsExport>.Empty.WithComparers(StringComparer.Ordinal),
        ImmutableSortedDictionary<string, KnownMount>.Empty.WithComparers(StringComparer.Ordinal), null);

    /// <summary>The mount on which a path lies; null = none.</summary>
    public NfsMount? MountOf(string path) => Mounts.Values.Select(known => known.Mount)
        .FirstOrDefault(mount => path == mount.Where || path.StartsWith(mount.Where + "/", StringComparison.Ordinal));

    /// <summary>Why a folder is needed for an export, in words; null = it is not.</summary>
    public string? ExportAt(string path) => Exports.Values.FirstOrDefault(export => path == export.Folder
        || path.StartsWith(export.Folder + "/", StringComparison.Ordinal) || export.Folder.StartsWith(path + "/", StringComparison.Ordinal)) is { } found
        ? $"{found.Folder} is exported over NFS ('holdfast nfs export remove {found.Name}' ends that)" : null;
}

/// <summary>The fold.</summary>
public sealed class NfsFold : IFold<NfsState>
{
    public string Name => "nfs";

    public int Version => 1;

    public NfsState Initial => NfsState.Empty;

    public bool Knows(string type) => type is "NfsExportCreated/1" or "NfsExportRemoved/1" or "NfsExportsDown/1" or "NfsExportsUp/1" or "NfsMountCreated/1"
        or "NfsMountRemoved/1" or "NfsServerLost/1" or "NfsServerBack/1";

    public NfsState Apply(NfsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "NfsExportCreated/1":
                var export = Event.Read<NfsExportCreated>(recorded);
                return state with { Exports = state.Exports.SetItem(export.Export, new(export.Export, export.Clients, export.IsReadOnly, export.Squash)) };
            case "NfsExportRemoved/1":
                // If the others are down, it is told anew.
                return state with { Exports = state.Exports.Remove(Event.Read<NfsExportRemoved>(recorded).Export), DownWhy = null };
            case "NfsExportsDown/1":
                return state with { DownWhy = Event.Read<NfsExportsDown>(recorded).Why };
            case "NfsExportsUp/1":
                return state with { DownWhy = null };
            case "NfsMountCreated/1":
                var made = Event.Read<NfsMountCreated>(recorded);
                var mount = new NfsMount(made.Mount, made.Server, made.Remote, made.Version, made.IsReadOnly);
                return state with { Mounts = state.Mounts.SetItem(made.Mount, new KnownMount(mount, null)) };
            case "NfsMountRemoved/1":
                return state with { Mounts = state.Mounts.Remove(Event.Read<NfsMountRemoved>(recorded).Mount) };
            case "NfsServerLost/1":
                var lost = Event.Read<NfsServerLost>(recorded);
                return With(state, lost.Mount, lost.Why);
            case "NfsServerBack/1":
                return With(state, Event.Read<NfsServerBack>(recorded).Mount, null);
            default:
                return state;
        }
    }

    public void Write(NfsState state, Stream output) => JsonSerializer.Serialize(output,
        new Serial([.. state.Exports.Values], [.. state.Mounts.Values], state.DownWhy), NfsSerial.Default.Serial);

    public NfsState Read(Stream input)
    {
        try
        {
            var read = JsonSerializer.Deserialize(input, NfsSerial.Default.Serial) ?? throw new InvalidDataException("empty");
            return new NfsState(NfsState.Empty.Exports.AddRange(read.Exports.Select(one => KeyValuePair.Create(one.Name, one))),
                NfsState.Empty.Mounts.AddRange(read.Mounts.Select(one => KeyValuePair.Create(one.Mount.Name, one))), read.DownWhy);
        }
        catch (Exception error) when (error is JsonException or ArgumentException or NullReferenceException)
        {
            throw new InvalidDataException("not a snapshot of NFS: " + error.Message);
        }
    }

    private static NfsState With(NfsState state, string name, string? why) => state.Mounts.TryGetValue(name, out var known)
        ? state with { Mounts = state.Mounts.SetItem(name, known with { LostWhy = why }) } : state;

    internal sealed record Serial(IReadOnlyList<NfsExport> Exports, IReadOnlyList<KnownMount> Mounts, string? DownWhy);
}

[JsonSerializable(typeof(NfsFold.Serial))]
internal sealed partial class NfsSerial : JsonSerializerContext;
