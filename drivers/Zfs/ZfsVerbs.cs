// The agent's verbs on pools. Every argument is checked against what exists: a pool that is imported, a disk of it, a disk that is free. What is run is
// zpool(8) and zfs(8) with a list of arguments; what they refuse is said in their words.
using System.Text.RegularExpressions;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Pools;
using Holdfast.Contracts.Programs;

namespace Holdfast.Zfs;

/// <summary>Verbs on pools.</summary>
/// <param name="disks">Lists the machine's disks.</param>
/// <param name="host">Runs what mounts and unmounts: where the agent lives in a mount namespace of its own, outside of it.</param>
/// <param name="places">Where datastores are mounted, and what says which pools belong to the box.</param>
public sealed partial class ZfsVerbs(IPrograms programs, IPrograms host, Func<CancellationToken, Task<IReadOnlyList<Disk>>> disks, IPoolPlaces places)
{
    /// <summary>What a file system for chunks is made with (hardware-interfaces 3.3): large records, since chunks are megabytes and read whole; no
    /// compression of what
    /// is compressed already but for its zero tails; attributes in the inode; writes durable when asked; times of access, as a PBS that adopts the store
    /// needs them.</summary>
    public static readonly IReadOnlyList<string> ChunkProperties =
    [
        "recordsize=1M", "compression=lz4", "xattr=sa", "dnodesize=auto", "acltype=posix", "atime=on", "relatime=on", "sync=standard", "logbias=throughput",
        "exec=off", "setuid=off", "devices=off",
    ];

    private const long DiskBytesMin = 64L * 1024 * 1024;
    private const int DisksMax = 256;
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);
    private static readonly ProgramLimits Limits = new(TimeSpan.FromSeconds(150));

    private readonly PoolReader reader = new(programs);

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ReadPools>(async (_, cancel) => await reader.ReadAsync(cancel).ConfigureAwait(false), TimeSpan.FromSeconds(90)),
        AgentVerb.Of<ListImportablePools>(async (_, cancel) => await reader.ImportableAsync(cancel).ConfigureAwait(false), TimeSpan.FromSeconds(60)),
        AgentVerb.Watching<WatchPools>(Watch),
        AgentVerb.Of<CreatePool>(CreateAsync, Long),
        AgentVerb.Of<ImportPool>(ImportAsync, Long),
        AgentVerb.Of<ExportPool>(ExportAsync, Long),
        AgentVerb.Of<ReplacePoolDisk>(ReplaceAsync, Long),
        AgentVerb.Of<AttachPoolDisk>(AttachAsync, Long),
        AgentVerb.Of<SetPoolDiskOnline>(OnlineAsync, Long),
        AgentVerb.Of<ClearPoolErrors>(ClearAsync, Long),
        AgentVerb.Of<ScrubPool>(ScrubAsync, Long),
        AgentVerb.Of<TrimPool>(async (asked, cancel) =>
        {
            var pool = await PoolAsync(asked.Pool, cancel).ConfigureAwait(false);
            return await DoAsync(programs, "zpool", ["trim", pool.Name], cancel).ConfigureAwait(false);
        }, Long),
        AgentVerb.Of<AddPoolSpare>(AddSpareAsync, Long),
        AgentVerb.Of<CreatePoolDataset>(CreateDatasetAsync, Long),
        AgentVerb.Of<SetDatasetQuota>((asked, cancel) => SetAsync(asked.Dataset, "quota", DatasetProperties.Quota(asked.QuotaBytes), cancel), Long),
        AgentVerb.Of<SetDatasetProperties>(SetPropertiesAsync, Long),
        AgentVerb.Of<DestroyPoolDataset>(DestroyDatasetAsync, Long),
        AgentVerb.Of<SetDatasetSync>(async (asked, cancel) => await SetAsync(asked.Dataset, "sync",
            asked.Sync is "standard" or "always" or "disabled" ? asked.Sync : throw new VerbRefusedException("sync is standard, always or disabled"), cancel)
            .ConfigureAwait(false), Long),
        AgentVerb.Of<SnapshotDataset>(SnapshotAsync, Long),
        AgentVerb.Of<RemoveDatasetSnapshot>(RemoveSnapshotAsync, Long),
    ];

    /// <summary>What can't be a pool is refused.</summary>
    /// <exception cref="VerbRefusedException">Too few disks for the layout, a disk twice, a layout that is none.</exception>
    private static void CheckLayout(CreatePool asked)
    {
        var all = asked.Disks.Concat(asked.Special).Concat(asked.Log).Concat(asked.Cache).Concat(asked.Spares).ToList();
        var min = asked.Layout switch
        {
            "single" => 1,
            "mirror" => 2,
            "raidz1" or "draid1" => 2,
            "raidz2" or "draid2" => 3,
            "raidz3" or "draid3" => 4,
            _ => throw new VerbRefusedException($"'{asked.Layout}' is no layout: single, mirror, raidz1 to raidz3, draid1 to draid3"),
        };
        if (asked.Layout == "single" && asked.Disks.Count != 1)
        {
            throw new VerbRefusedException("a pool without redundancy is made of one disk: more would lose all data with any of them");
        }

        if (asked.Disks.Count < min)
        {
            throw new VerbRefusedException($"{asked.Layout} needs at least {min} disks");
        }

        if (asked.Layout == "mirror" && asked.Disks.Count > 3 && asked.Disks.Count % 2 != 0)
        {
            throw new VerbRefusedException("mirrors are made of pairs of disks: an even number, or three for one mirror of three");
        }

        if (all.Count > DisksMax || all.Distinct(StringComparer.Ordinal).Count() != all.Count)
        {
            throw new VerbRefusedException(all.Count > DisksMax ? $"more than {DisksMax} disks" : "a disk is named twice");
        }

        if (asked.Special.Count == 1 || asked.Special.Count > 4)
        {
            throw new VerbRefusedException("a special vdev is a mirror of two to four disks: with it the pool is lost");
        }

        if (asked.Log.Count > 2)
        {
            throw new VerbRefusedException("a log is one disk or a mirror of two");
        }
    }

    /// <summary>The arguments of a <c>zpool create</c>.</summary>
    public static IReadOnlyList<string> CreateArguments(CreatePool asked, IReadOnlyDictionary<string, string> devices)
    {
        List<string> arguments = ["create", "-o", "ashift=12", "-o", "autotrim=on", "-o", "cachefile=none", "-O", "mountpoint=none", "-O", "canmount=off"];
        foreach (var property in ChunkProperties)
        {
            arguments.AddRange(["-O", property]);
        }

        arguments.Add(asked.Name);
        if (asked.Layout == "mirror")
        {
            var width = asked.Disks.Count == 3 ? 3 : 2;
            foreach (var mirror in asked.Disks.Chunk(width))
            {
                arguments.Add("mirror");
                arguments.AddRange(mirror.Select(disk => devices[disk]));
            }
        }
        else
        {
            if (asked.Layout != "single")
            {
                arguments.Add(asked.Layout);
            }

            arguments.AddRange(asked.Disks.Select(disk => devices[disk]));
        }

        Group("special", asked.Special);
        Group("log", asked.Log);
        Group("cache", asked.Cache);
        Group("spare", asked.Spares);
        return arguments;

        void Group(string what, IReadOnlyList<string> members)
        {
            if (members.Count == 0)
            {
                return;
            }

            arguments.Add(what);
            if (what is "special" or "log" && members.Count > 1)
            {
                arguments.Add("mirror");
            }

            arguments.AddRange(members.Select(disk => devices[disk]));
        }
    }

    private async IAsyncEnumerable<AgentAnswer> Watch(WatchPools asked, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var clazz in reader.EventsAsync(cancel).ConfigureAwait(false))
        {
            yield return new PoolEvent(clazz);
        }
    }

    private async Task<AgentAnswer> CreateAsync(CreatePool asked, CancellationToken cancel)
    {
        if (!PoolName().IsMatch(asked.Name) || asked.Name is "log" or "mirror" or "spare" or "special"
            || asked.Name.StartsWith("raidz", StringComparison.Ordinal)
            || asked.Name.StartsWith("draid", StringComparison.Ordinal))
        {
            throw new VerbRefusedException($"'{asked.Name}' can't be the name of a pool: letters, digits, '-', '_' and '.', a letter first");
        }

        if ((await SeenAsync(cancel).ConfigureAwait(false)).Pools.Any(pool => pool.Name == asked.Name))
        {
            throw new VerbRefusedException($"there is a pool '{asked.Name}' already");
        }

        CheckLayout(asked);
        var all = asked.Disks.Concat(asked.Special).Concat(asked.Log).Concat(asked.Cache).Concat(asked.Spares);
        var arguments = CreateArguments(asked, await FreeAsync(all, cancel).ConfigureAwait(false));
        await LoadModuleAsync(cancel).ConfigureAwait(false);
        var done = await DoAsync(host, "zpool", arguments, cancel).ConfigureAwait(false);
        await AdoptAsync(asked.Name, cancel).ConfigureAwait(false);
        return done;
    }

    private async Task<AgentAnswer> ImportAsync(ImportPool asked, CancellationToken cancel)
    {
        await LoadModuleAsync(cancel).ConfigureAwait(false);
        var there = (await reader.ImportableAsync(cancel).ConfigureAwait(false)).Pools;
        var fitting = there.Where(pool => pool.Name == asked.Pool || pool.Guid == asked.Pool).ToList();
        var pool = fitting switch
        {
            [var one] => one,
            [] => throw new VerbRefusedException($"no attached disks hold a pool '{asked.Pool}' that is not imported"),
            _ => throw new VerbRefusedException($"several pools are named '{asked.Pool}': say its guid ({string.Join(", ", fitting.Select(one => one.Guid))})"),
        };
        List<string> arguments = ["import", "-d", "/dev/disk/by-id", "-d", "/dev", "-o", "cachefile=none"];
        if (asked.IsForced)
        {
            arguments.Add("-f");
        }

        arguments.Add(pool.Guid.Length > 0 ? pool.Guid : pool.Name);
        var done = await DoAsync(host, "zpool", arguments, cancel).ConfigureAwait(false);
        await AdoptAsync(pool.Name, cancel).ConfigureAwait(false);
        return done;
    }

    private async Task<AgentAnswer> ExportAsync(ExportPool asked, CancellationToken cancel)
    {
        var pool = await PoolAsync(asked.Pool, cancel).ConfigureAwait(false);
        var done = await DoAsync(host, "zpool", ["export", pool.Name], cancel).ConfigureAwait(false);
        places.Release(pool.Name);
        return done;
    }

    private async Task<AgentAnswer> ReplaceAsync(ReplacePoolDisk asked, CancellationToken cancel)
    {
        var (pool, vdev) = await VdevAsync(asked.Pool, asked.Vdev, cancel).ConfigureAwait(false);
        List<string> arguments = ["replace", pool.Name, Known(vdev)];
        if (asked.Disk is { } disk)
        {
            arguments.Insert(1, "-f");
            arguments.Add((await FreeAsync([disk], cancel).ConfigureAwait(false))[disk]);
        }

        return await DoAsync(programs, "zpool", arguments, cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> AttachAsync(AttachPoolDisk asked, CancellationToken cancel)
    {
        var (pool, vdev) = await VdevAsync(asked.Pool, asked.Vdev, cancel, any: true).ConfigureAwait(false);
        var device = (await FreeAsync([asked.Disk], cancel).ConfigureAwait(false))[asked.Disk];
        return await DoAsync(programs, "zpool", ["attach", pool.Name, Known(vdev), device], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> OnlineAsync(SetPoolDiskOnline asked, CancellationToken cancel)
    {
        var (pool, vdev) = await VdevAsync(asked.Pool, asked.Vdev, cancel).ConfigureAwait(false);
        return await DoAsync(programs, "zpool", [asked.IsOnline ? "online" : "offline", pool.Name, Known(vdev)], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> ClearAsync(ClearPoolErrors asked, CancellationToken cancel)
    {
        var pool = await PoolAsync(asked.Pool, cancel).ConfigureAwait(false);
        return await DoAsync(programs, "zpool", asked.Vdev is null
            ? ["clear", pool.Name]
            : ["clear", pool.Name, Known((await VdevAsync(asked.Pool, asked.Vdev, cancel).ConfigureAwait(false)).Vdev)], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> ScrubAsync(ScrubPool asked, CancellationToken cancel)
    {
        var pool = await PoolAsync(asked.Pool, cancel).ConfigureAwait(false);
        return await DoAsync(programs, "zpool", asked.Action switch
        {
            "start" => ["scrub", pool.Name],
            "pause" => ["scrub", "-p", pool.Name],
            "stop" => ["scrub", "-s", pool.Name],
            _ => throw new VerbRefusedException("a scrub can be started, paused or stopped"),
        }, cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> AddSpareAsync(AddPoolSpare asked, CancellationToken cancel)
    {
        var pool = await PoolAsync(asked.Pool, cancel).ConfigureAwait(false);
        var device = (await FreeAsync([asked.Disk], cancel).ConfigureAwait(false))[asked.Disk];
        return await DoAsync(programs, "zpool", ["add", "-f", pool.Name, "spare", device], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> CreateDatasetAsync(CreatePoolDataset asked, CancellationToken cancel)
    {
        var (pool, name) = asked.Dataset.Split('/') is [var first, var second] && DatasetName().IsMatch(second) ? (first, second)
            : throw new VerbRefusedException($"'{asked.Dataset}' can't be the name of a dataset: POOL/NAME");
        if (asked.QuotaBytes < 0)
        {
            throw new VerbRefusedException("a quota can't be negative");
        }

        await PoolAsync(pool, cancel).ConfigureAwait(false);
        var mountPoint = places.MountPoint(name);
        if (places.IsTaken(mountPoint))
        {
            throw new VerbRefusedException($"{mountPoint} is not empty: a dataset mounted over it would hide what is there");
        }

        List<string> arguments = ["create", "-o", "mountpoint=" + mountPoint, "-o", "canmount=on"];
        if (asked.QuotaBytes > 0)
        {
            arguments.AddRange(["-o", $"quota={asked.QuotaBytes}"]);
        }

        var done = await DoAsync(host, "zfs", [.. arguments, asked.Dataset], cancel).ConfigureAwait(false);
        await DoAsync(host, "chown", [places.Owner, mountPoint], cancel).ConfigureAwait(false);
        return done;
    }

    private async Task<AgentAnswer> SetPropertiesAsync(SetDatasetProperties asked, CancellationToken cancel)
    {
        var properties = DatasetProperties.Of(asked);
        await DatasetAsync(asked.Dataset, cancel).ConfigureAwait(false);
        return await DoAsync(programs, "zfs", ["set", .. properties, asked.Dataset], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> DestroyDatasetAsync(DestroyPoolDataset asked, CancellationToken cancel)
    {
        if (asked.Confirm != asked.Dataset)
        {
            throw new VerbRefusedException($"all that is in '{asked.Dataset}' would be lost: its name has to be given once more to confirm it");
        }

        DatasetProperties.RefuseUse(await SeenAsync(cancel).ConfigureAwait(false), asked.Dataset, places);

        // Without -r: what came in between, a snapshot or a child, still makes zfs(8) refuse.
        return await DoAsync(host, "zfs", ["destroy", asked.Dataset], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> SetAsync(string dataset, string property, string value, CancellationToken cancel)
    {
        await DatasetAsync(dataset, cancel).ConfigureAwait(false);
        return await DoAsync(programs, "zfs", ["set", property + "=" + value, dataset], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> SnapshotAsync(SnapshotDataset asked, CancellationToken cancel)
    {
        var (dataset, name) = SnapshotParts(asked.Snapshot);
        await DatasetAsync(dataset, cancel).ConfigureAwait(false);
        if (asked.Hold is { } tag && !DatasetName().IsMatch(tag))
        {
            throw new VerbRefusedException($"'{tag}' can't be the tag of a hold");
        }

        var done = await DoAsync(programs, "zfs", ["snapshot", $"{dataset}@{name}"], cancel).ConfigureAwait(false);
        return asked.Hold is null ? done : await DoAsync(programs, "zfs", ["hold", asked.Hold, asked.Snapshot], cancel).ConfigureAwait(false);
    }

    private async Task<AgentAnswer> RemoveSnapshotAsync(RemoveDatasetSnapshot asked, CancellationToken cancel)
    {
        var (dataset, name) = SnapshotParts(asked.Snapshot);
        await DatasetAsync(dataset, cancel).ConfigureAwait(false);
        if (asked.Hold is { } tag && !DatasetName().IsMatch(tag))
        {
            throw new VerbRefusedException($"'{tag}' can't be the tag of a hold");
        }

        return await DoAsync(programs, "zfs", asked.Hold is null ? ["destroy", $"{dataset}@{name}"] : ["release", asked.Hold, asked.Snapshot], cancel)
            .ConfigureAwait(false);
    }

    private static (string Dataset, string Name) SnapshotParts(string snapshot) =>
        snapshot.Split('@') is [var dataset, var name] && DatasetName().IsMatch(name) ? (dataset, name)
            : throw new VerbRefusedException($"'{snapshot}' can't be the name of a snapshot: POOL/DATASET@NAME");

    private async Task<PoolsSeen> SeenAsync(CancellationToken cancel)
    {
        var seen = await reader.ReadAsync(cancel).ConfigureAwait(false);
        return seen.Problem is null ? seen : throw new VerbRefusedException(seen.Problem);
    }

    private async Task<Pool> PoolAsync(string name, CancellationToken cancel) =>
        (await SeenAsync(cancel).ConfigureAwait(false)).Pools.FirstOrDefault(pool => pool.Name == name) ?? throw new VerbRefusedException($"no pool '{name}'");

    private async Task DatasetAsync(string name, CancellationToken cancel)
    {
        if ((await SeenAsync(cancel).ConfigureAwait(false)).Datasets.All(dataset => dataset.Name != name))
        {
            throw new VerbRefusedException($"no dataset '{name}'");
        }
    }

    private async Task<(Pool Pool, Vdev Vdev)> VdevAsync(string poolName, string name, CancellationToken cancel, bool any = false)
    {
        var pool = await PoolAsync(poolName, cancel).ConfigureAwait(false);
        var vdev = pool.Vdevs.FirstOrDefault(one => (any || one.IsDisk) && name.Length > 0 && (one.Guid == name || one.Name == name || one.Path == name))
            ?? throw new VerbRefusedException($"no disk '{name}' in pool '{poolName}'");
        return (pool, vdev);
    }

    /// <summary>The guid where there is one: names of absent disks are of no use to zpool.</summary>
    private static string Known(Vdev vdev) => vdev.Guid.Length > 0 ? vdev.Guid : vdev.Name;

    private async Task<Dictionary<string, string>> FreeAsync(IEnumerable<string> ids, CancellationToken cancel)
    {
        var there = (await disks(cancel).ConfigureAwait(false)).ToDictionary(disk => disk.Id, StringComparer.Ordinal);
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var id in ids)
        {
            var disk = there.GetValueOrDefault(id) ?? throw new VerbRefusedException($"no disk '{id}'");
            if (disk.Use != "free" || disk.SizeBytes < DiskBytesMin)
            {
                throw new VerbRefusedException(disk.Use != "free" ? $"disk '{id}' is not free: {disk.Use}" : $"disk '{id}' is too small");
            }

            found[id] = places.Device(disk);
        }

        return found;
    }

    /// <summary>From now on the pool comes with every start and is let go of with every stop: the unit that does both runs from here on.</summary>
    private async Task AdoptAsync(string pool, CancellationToken cancel)
    {
        places.Adopt(pool);
        if (programs.Has("systemctl"))
        {
            await programs.RunAsync("systemctl", ["start", "--no-block", "holdfast-pools.service"], Limits, null, cancel).ConfigureAwait(false);
        }
    }

    private async Task LoadModuleAsync(CancellationToken cancel)
    {
        if (programs.Has("modprobe"))
        {
            await programs.RunAsync("modprobe", ["zfs"], Limits, null, cancel).ConfigureAwait(false);
        }
    }

    private static async Task<AgentAnswer> DoAsync(IPrograms by, string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var result = await by.RunAsync(program, arguments, Limits, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 ? new AgentDone() : throw new VerbRefusedException($"{program} {arguments[0]}: {Said(result)}");
    }

    /// <summary>All that a tool says of why not, on one line.</summary>
    private static string Said(ProgramResult result)
    {
        const int charsMax = 500;
        var text = string.Join("; ", (result.Errors.Trim().Length > 0 ? result.Errors : result.Output).Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0));
        return text.Length == 0 ? $"exit status {result.ExitStatus}" : text.Length > charsMax ? text[..charsMax] : text;
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_.-]{0,62}$")]
    private static partial Regex PoolName();

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    private static partial Regex DatasetName();
}
