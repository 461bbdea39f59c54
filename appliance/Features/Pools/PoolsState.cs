// The pools as they were last told of: state and fold. Pure. It is what the next look is compared with, so a restart tells nothing twice.
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Pools;

/// <summary>A disk of a pool.</summary>
/// <param name="Errors">Told of last; 0 = none.</param>
public sealed record KnownPoolDisk(string Name, string Guid, string State, long Errors);

/// <summary>A pool.</summary>
/// <param name="Disks">By guid, or by name where there is none.</param>
/// <param name="Scanning"><c>SCRUB</c> or <c>RESILVER</c> while one runs; else null.</param>
/// <param name="ScannedAt">End of the last scan told of, epoch seconds; 0 = none.</param>
/// <param name="SpaceLevel">Threshold told of; 0 = none.</param>
/// <param name="ScrubbedAt">End of the last scrub that ran to its end; 0 = none.</param>
public sealed record KnownPool(
    string Name, string Guid, string State, ImmutableSortedDictionary<string, KnownPoolDisk> Disks, string? Scanning, long ScannedAt, int SpaceLevel,
    long DamagedPlaces, long ScrubbedAt);

/// <summary>All pools by name.</summary>
public sealed record PoolsState(ImmutableSortedDictionary<string, KnownPool> Pools)
{
    public static readonly PoolsState Empty = new(ImmutableSortedDictionary.Create<string, KnownPool>(StringComparer.Ordinal));
}

/// <summary>The fold.</summary>
public sealed class PoolsFold : IFold<PoolsState>
{
    /// <summary>A disk that is new in its pool or no longer in it.</summary>
    public const string Absent = "ABSENT";

    internal static readonly ImmutableSortedDictionary<string, KnownPoolDisk> NoDisks =
        ImmutableSortedDictionary.Create<string, KnownPoolDisk>(StringComparer.Ordinal);

    public string Name => "pools";

    public int Version => 1;

    public PoolsState Initial => PoolsState.Empty;

    public bool Knows(string type) => type is "PoolDiscovered/1" or "PoolGone/1" or "PoolDegraded/1" or "PoolHealthy/1" or "PoolDiskChanged/1"
        or "PoolDiskErrorsFound/1" or "PoolDiskErrorsCleared/1" or "PoolScanStarted/1" or "PoolScanFinished/1" or "PoolSpaceLow/1" or "PoolSpaceRegained/1"
        or "PoolDataDamaged/1" or "PoolDataMended/1";

    public PoolsState Apply(PoolsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "PoolDiscovered/1":
                var there = Event.Read<PoolDiscovered>(recorded);
                return new(state.Pools.SetItem(there.Pool, new KnownPool(there.Pool, there.Guid, "ONLINE", NoDisks, null, there.ScannedAt, 0, 0, 0)));
            case "PoolGone/1":
                return new(state.Pools.Remove(Event.Read<PoolGone>(recorded).Pool));
            case "PoolDegraded/1":
                var degraded = Event.Read<PoolDegraded>(recorded);
                return With(state, degraded.Pool, pool => pool with { State = degraded.State });
            case "PoolHealthy/1":
                return With(state, Event.Read<PoolHealthy>(recorded).Pool, pool => pool with { State = "ONLINE" });
            case "PoolDiskChanged/1":
                var changed = Event.Read<PoolDiskChanged>(recorded);
                return With(state, changed.Pool, pool => pool with
                {
                    Disks = changed.State == Absent
                        ? pool.Disks.Remove(Key(changed.Guid, changed.Disk))
                        : pool.Disks.SetItem(Key(changed.Guid, changed.Disk), new(changed.Disk, changed.Guid, changed.State,
                            pool.Disks.GetValueOrDefault(Key(changed.Guid, changed.Disk))?.Errors ?? 0)),
                });
            case "PoolDiskErrorsFound/1":
                var errors = Event.Read<PoolDiskErrorsFound>(recorded);
                return WithErrors(state, errors.Pool, Key(errors.Guid, errors.Disk), errors.Reads + errors.Writes + errors.Checksums);
            case "PoolDiskErrorsCleared/1":
                var cleared = Event.Read<PoolDiskErrorsCleared>(recorded);
                return WithErrors(state, cleared.Pool, Key(cleared.Guid, cleared.Disk), 0);
            case "PoolScanStarted/1":
                var started = Event.Read<PoolScanStarted>(recorded);
                return With(state, started.Pool, pool => pool with { Scanning = started.Function });
            case "PoolScanFinished/1":
                var finished = Event.Read<PoolScanFinished>(recorded);
                return With(state, finished.Pool, pool => pool with
                {
                    Scanning = null, ScannedAt = finished.EndedAt,
                    ScrubbedAt = finished is { Function: "SCRUB", State: "FINISHED" } ? finished.EndedAt : pool.ScrubbedAt,
                });
            case "PoolSpaceLow/1":
                var low = Event.Read<PoolSpaceLow>(recorded);
                return With(state, low.Pool, pool => pool with { SpaceLevel = low.Threshold });
            case "PoolSpaceRegained/1":
                var regained = Event.Read<PoolSpaceRegained>(recorded);
                return With(state, regained.Pool, pool => pool with { SpaceLevel = regained.Threshold });
            case "PoolDataDamaged/1":
                var damaged = Event.Read<PoolDataDamaged>(recorded);
                return With(state, damaged.Pool, pool => pool with { DamagedPlaces = damaged.Places });
            case "PoolDataMended/1":
                return With(state, Event.Read<PoolDataMended>(recorded).Pool, pool => pool with { DamagedPlaces = 0 });
            default:
                return state;
        }
    }

    public void Write(PoolsState state, Stream output) => JsonSerializer.Serialize(
        output, [.. state.Pools.Values.Select(pool => new Serial(pool with { Disks = pool.Disks.Clear() }, [.. pool.Disks.Values]))],
            PoolsSerial.Default.SerialArray);

    public PoolsState Read(Stream input)
    {
        try
        {
            var pools = JsonSerializer.Deserialize(input, PoolsSerial.Default.SerialArray) ?? throw new InvalidDataException("empty");
            return new(PoolsState.Empty.Pools.AddRange(pools.Select(one => KeyValuePair.Create(one.Pool.Name, one.Pool with
            {
                Disks = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, one.Disks
                    .Select(disk => KeyValuePair.Create(Key(disk.Guid, disk.Name), disk))),
            }))));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not a pools snapshot: " + error.Message);
        }
    }

    /// <summary>What a disk is known by.</summary>
    internal static string Key(string guid, string name) => guid.Length > 0 ? guid : name;

    private static PoolsState With(PoolsState state, string pool, Func<KnownPool, KnownPool> change) =>
        state.Pools.TryGetValue(pool, out var known) ? new(state.Pools.SetItem(pool, change(known))) : state;

    private static PoolsState WithErrors(PoolsState state, string pool, string key, long errors) => With(state, pool, known =>
        known.Disks.TryGetValue(key, out var disk) ? known with { Disks = known.Disks.SetItem(key, disk with { Errors = errors }) } : known);

    internal sealed record Serial(KnownPool Pool, KnownPoolDisk[] Disks);
}

[JsonSerializable(typeof(PoolsFold.Serial[]))]
internal sealed partial class PoolsSerial : JsonSerializerContext;
