// What a look at the pools tells: compares what is seen with what was told last and says what changed, once, in an order that a reader understands. Pure;
// noise is damped: counters are told when they appear and when they have doubled, thresholds of use fall back only well below them.
using Holdfast.Contracts.Pools;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Pools;

/// <summary>The decider.</summary>
public static class PoolDecider
{
    /// <summary>Percent of a pool's use that are told of: ZFS needs room to write.</summary>
    public static readonly IReadOnlyList<int> SpaceThresholds = [80, 90, 95];

    private const int FilesNamedMax = 20;

    /// <summary>What is to be recorded of a pool that is seen; <paramref name="known"/>: null = it is new.</summary>
    /// <param name="chunks">Files among the damaged that are chunks of our datastores.</param>
    public static IReadOnlyList<NewEvent> Decide(KnownPool? known, Pool seen, int chunks, EventMetadata because)
    {
        var disks = seen.Vdevs.Where(vdev => vdev.IsDisk).GroupBy(disk => PoolsFold.Key(disk.Guid, disk.Name))
            .ToDictionary(same => same.Key, same => same.First());
        var isNew = known is null || (known.Guid != seen.Guid && known.Guid.Length > 0 && seen.Guid.Length > 0);
        var telling = new Telling(
            isNew ? new KnownPool(seen.Name, seen.Guid, "ONLINE", PoolsFold.NoDisks, null, seen.Scan?.EndedAt ?? 0, 0, 0, 0) : known!, seen, disks, because);
        if (isNew)
        {
            telling.Add(new PoolDiscovered(seen.Name, seen.Guid, seen.State, seen.SizeBytes, [.. disks.Values.Select(disk => disk.Name)],
                seen.Scan?.EndedAt ?? 0));
        }

        telling.Disks();
        telling.State();
        telling.Scans();
        telling.Space();
        telling.Damage(chunks);
        return telling.Events;
    }

    /// <summary>One comparison.</summary>
    private sealed class Telling(KnownPool known, Pool seen, Dictionary<string, Vdev> disks, EventMetadata because)
    {
        public List<NewEvent> Events { get; } = [];

        public void Add<T>(T data) where T : class, IEventData<T> => Events.Add(Event.Of(data, because));

        public void Disks()
        {
            foreach (var (key, disk) in disks)
            {
                var before = known.Disks.GetValueOrDefault(key);
                if (before is null || before.State != disk.State)
                {
                    Add(new PoolDiskChanged(seen.Name, disk.Name, disk.Guid, disk.State, before?.State ?? PoolsFold.Absent));
                }

                var told = before?.Errors ?? 0;
                if (disk.Errors > told && disk.Errors >= told * 2)
                {
                    Add(new PoolDiskErrorsFound(seen.Name, disk.Name, disk.Guid, disk.ReadErrors, disk.WriteErrors, disk.ChecksumErrors));
                }
                else if (disk.Errors == 0 && told > 0)
                {
                    Add(new PoolDiskErrorsCleared(seen.Name, disk.Name, disk.Guid));
                }
            }

            foreach (var gone in known.Disks.Where(one => !disks.ContainsKey(one.Key)).Select(one => one.Value))
            {
                Add(new PoolDiskChanged(seen.Name, gone.Name, gone.Guid, PoolsFold.Absent, gone.State));
            }
        }

        public void State()
        {
            if (seen.State == known.State)
            {
                return;
            }

            if (seen.State == "ONLINE")
            {
                Add(new PoolHealthy(seen.Name, seen.Guid, known.State));
                return;
            }

            Add(new PoolDegraded(seen.Name, seen.Guid, seen.State, known.State, seen.MessageId,
                [.. disks.Values.Where(disk => !disk.IsWell).Select(disk => $"{disk.Path ?? disk.Name}: {disk.State}")]));
        }

        /// <summary>A scan that began and ended between two looks is told of as both.</summary>
        public void Scans()
        {
            if (seen.Scan is not { } scan)
            {
                return;
            }

            if (known.Scanning is { } before && !(scan.IsRunning && scan.Function == before))
            {
                var isSame = !scan.IsRunning && scan.Function == before;
                Add(new PoolScanFinished(seen.Name, before, isSame ? scan.State : "CANCELED", isSame ? scan.RepairedBytes : 0, isSame ? scan.Errors : 0,
                    isSame ? scan.EndedAt : known.ScannedAt));
                if (isSame)
                {
                    return;
                }
            }

            if (scan.IsRunning ? known.Scanning != scan.Function : scan.EndedAt > known.ScannedAt)
            {
                Add(new PoolScanStarted(seen.Name, scan.Function, scan.ToDoBytes));
                if (!scan.IsRunning)
                {
                    Add(new PoolScanFinished(seen.Name, scan.Function, scan.State, scan.RepairedBytes, scan.Errors, scan.EndedAt));
                }
            }
        }

        public void Space()
        {
            var (used, level) = (Math.Round(seen.UsedPercent, 1), Datastores.SpaceThresholds.Level(SpaceThresholds, known.SpaceLevel, seen.UsedPercent));
            if (level > known.SpaceLevel)
            {
                Add(new PoolSpaceLow(seen.Name, level, used));
            }
            else if (level < known.SpaceLevel)
            {
                Add(new PoolSpaceRegained(seen.Name, level, used));
            }
        }

        public void Damage(int chunks)
        {
            if (seen.DamagedCount > known.DamagedPlaces)
            {
                Add(new PoolDataDamaged(seen.Name, seen.DamagedCount, [.. seen.DamagedFiles.Take(FilesNamedMax)], chunks));
            }
            else if (seen.DamagedCount == 0 && known.DamagedPlaces > 0)
            {
                Add(new PoolDataMended(seen.Name));
            }
        }
    }
}
