// A machine with disks and ZFS that exist only in memory: it answers zpool, zfs and lsblk as the real tools do, and lets disks be pulled, put back and
// corrupted. Tests of everything above run on it; the same tests of the contract run on the real thing in the rig.
using System.Globalization;
using System.Text.Json.Nodes;
using Holdfast.Contracts.Pools;
using Holdfast.Contracts.Programs;

namespace Holdfast.Zfs;

/// <summary>The machine. Not safe for several threads at once beyond one caller after the other.</summary>
public sealed class SimulatedZfs : IPrograms
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, SimulatedDisk> disks = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SimulatedPool> pools = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Dictionary<string, string>> datasets = new(StringComparer.Ordinal);
    private readonly SortedSet<string> snapshots = new(StringComparer.Ordinal);
    private ulong nextGuid = 9_007_199_254_740_993; // Above 2^53: guids are no doubles.
    private long now = 1_700_000_000;

    /// <summary>What was run, the newest last.</summary>
    public List<string> Ran { get; } = [];

    /// <summary>A disk of the machine.</summary>
    private sealed class SimulatedDisk(string path, string serial, long sizeBytes)
    {
        public string Path { get; } = path;

        public string Serial { get; } = serial;

        public long SizeBytes { get; } = sizeBytes;

        public bool IsThere { get; set; } = true;
    }

    private sealed class SimulatedVdev(string path, ulong guid)
    {
        public string Path { get; } = path;

        public ulong Guid { get; } = guid;

        public bool IsOffline { get; set; }

        public long Checksums { get; set; }

        public long Bad { get; set; }

        public bool IsStale { get; set; }
    }

    private sealed class SimulatedPool(string name, string layout, ulong guid)
    {
        public string Name { get; } = name;

        public string Layout { get; } = layout;

        public ulong Guid { get; } = guid;

        public List<SimulatedVdev> Disks { get; } = [];

        public List<SimulatedVdev> Spares { get; } = [];

        public string? Function { get; set; }

        public string ScanState { get; set; } = "FINISHED";

        public long Started { get; set; }

        public long Ended { get; set; }

        public long Repaired { get; set; }

        public bool IsPaused { get; set; }

        public bool IsImported { get; set; } = true;

        public long AllocatedBytes { get; set; } = 1 << 20;

        public SimulatedVdev? Leaving { get; set; }

        public List<string> Damaged { get; } = [];

        public int Redundancy => Layout[^1] is >= '1' and <= '3' and var digit ? digit - '0' : Layout == "mirror" ? Disks.Count - 1 : 0;
    }

    /// <summary>Puts a disk into the machine.</summary>
    public void Insert(string path, string serial, long sizeBytes = 1L << 30)
    {
        lock (gate)
        {
            disks[path] = new SimulatedDisk(path, serial, sizeBytes);
        }
    }

    /// <summary>Pulls a disk, or puts it back.</summary>
    public void SetThere(string path, bool isThere)
    {
        lock (gate)
        {
            disks[path].IsThere = isThere;
        }
    }

    /// <summary>Changes data on a disk behind the pool's back: the next scrub finds it.</summary>
    public void Corrupt(string pool, string path, long blocks)
    {
        lock (gate)
        {
            pools[pool].Disks.First(disk => disk.Path == path).Bad = blocks;
        }
    }

    /// <summary>Data that no redundancy can mend.</summary>
    public void Damage(string pool, params string[] files)
    {
        lock (gate)
        {
            pools[pool].Damaged.AddRange(files);
        }
    }

    /// <summary>Fills a pool.</summary>
    public void Fill(string pool, long bytes)
    {
        lock (gate)
        {
            pools[pool].AllocatedBytes = bytes;
        }
    }

    /// <summary>Lets running scans come to their end.</summary>
    public void FinishScans()
    {
        lock (gate)
        {
            now += 60;
            foreach (var pool in pools.Values.Where(pool => pool is { ScanState: "SCANNING", IsPaused: false }))
            {
                (pool.ScanState, pool.Ended) = ("FINISHED", now);
                foreach (var disk in pool.Disks)
                {
                    disk.Checksums += disk.Bad;
                    pool.Repaired += disk.Bad * 4096;
                    disk.Bad = 0;
                    disk.IsStale = false;
                }

                if (pool.Leaving is { } gone)
                {
                    pool.Disks.Remove(gone);
                    pool.Leaving = null;
                }
            }
        }
    }

    public bool Has(string program) => program is "zpool" or "zfs" or "lsblk" or "findmnt" or "chown";

    public Task<ProgramResult> RunAsync(
        string program, IReadOnlyList<string> arguments, ProgramLimits? limits = null, string? input = null, CancellationToken cancel = default)
    {
        lock (gate)
        {
            Ran.Add($"{program} {string.Join(' ', arguments)}");
            return Task.FromResult((program, arguments[0]) switch
            {
                ("lsblk", _) => Done(Lsblk()),
                ("zpool", "status") => Done(Status()),
                ("zpool", "list") => Done(pools.Values.Any(pool => pool.IsImported) ? List() : ""),
                ("zpool", "create") => Create(arguments),
                ("zpool", "import") => Import(arguments),
                ("zpool", _) => OnPool(arguments),
                ("zfs", "list") => Done(Datasets(arguments)),
                ("zfs", _) => OnDataset(arguments),
                ("findmnt", _) => Done(string.Concat(datasets.Where(dataset => dataset.Value.ContainsKey("mountpoint"))
                    .Select(dataset => $"{dataset.Key} {dataset.Value["mountpoint"]}\n"))),
                ("chown", _) => Done(""),
                _ => Failed($"{program}: not found"),
            });
        }
    }

    public async IAsyncEnumerable<string> LinesAsync(
        string program, IReadOnlyList<string> arguments, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await Task.Delay(Timeout.Infinite, cancel).ConfigureAwait(false);
        yield break;
    }

    private static ProgramResult Done(string output) => new(0, output, "");

    private static ProgramResult Failed(string errors) => new(1, "", errors + "\n");

    private string Lsblk() => new JsonObject
    {
        ["blockdevices"] = new JsonArray([.. disks.Values.Where(disk => disk.IsThere).Select(disk => new JsonObject
        {
            ["name"] = Path.GetFileName(disk.Path), ["path"] = disk.Path, ["type"] = "disk", ["size"] = disk.SizeBytes, ["model"] = "SIMULATED",
                ["serial"] = disk.Serial,
            ["wwn"] = null, ["rota"] = true, ["tran"] = "sas", ["fstype"] = pools.Values
                .Any(pool => pool.Disks.Concat(pool.Spares).Any(one => one.Path == disk.Path)) ? "zfs_member" : null,
            ["mountpoints"] = new JsonArray((JsonNode?)null), ["ro"] = false, ["pttype"] = null, ["hctl"] = null,
        })]),
    }.ToJsonString();

    private string StateOf(SimulatedVdev disk) => disk.IsOffline ? "OFFLINE" : disks.TryGetValue(disk.Path, out var there) && there.IsThere ? "ONLINE"
        : "REMOVED";

    private string StateOf(SimulatedPool pool) => pool.Disks.Count(disk => StateOf(disk) != "ONLINE") is 0 ? "ONLINE"
        : pool.Disks.Count(disk => StateOf(disk) != "ONLINE") <= pool.Redundancy ? "DEGRADED"
        : pool.IsImported ? Pool.Suspended : "UNAVAIL";

    private bool IsSuspended(string dataset) => pools.TryGetValue(dataset.Split('/')[0], out var pool) && StateOf(pool) == Pool.Suspended;

    private string Status() => new JsonObject
    {
        ["output_version"] = new JsonObject { ["command"] = "zpool status", ["vers_major"] = 0, ["vers_minor"] = 1 },
        ["pools"] = new JsonObject(pools.Values.Where(pool => pool.IsImported).Select(pool => KeyValuePair.Create(pool.Name, (JsonNode?)StatusOf(pool)))),
    }.ToJsonString();

    private JsonObject StatusOf(SimulatedPool pool)
    {
        var group = pool.Layout == "single" ? null : $"{pool.Layout}-0";
        var vdevs = new JsonObject
        {
            [pool.Name] = new JsonObject { ["name"] = pool.Name, ["vdev_type"] = "root", ["guid"] = pool.Guid, ["class"] = "normal",
                ["state"] = StateOf(pool) },
        };
        if (group is not null)
        {
            vdevs[group] = new JsonObject
            {
                ["name"] = group, ["vdev_type"] = pool.Layout.TrimEnd('1', '2', '3'), ["guid"] = pool.Guid + 1, ["class"] = "normal",
                    ["state"] = StateOf(pool), ["parent"] = pool.Name,
                ["read_errors"] = 0, ["write_errors"] = 0, ["checksum_errors"] = 0,
            };
        }

        foreach (var disk in pool.Disks)
        {
            vdevs[disk.Path] = new JsonObject
            {
                ["name"] = disk.Path, ["vdev_type"] = "disk", ["guid"] = disk.Guid, ["path"] = disk.Path, ["class"] = "normal", ["state"] = StateOf(disk),
                    ["parent"] = group ?? pool.Name,
                ["read_errors"] = 0, ["write_errors"] = 0, ["checksum_errors"] = disk.Checksums, ["slow_ios"] = 0,
            };
        }

        var status = new JsonObject
        {
            ["name"] = pool.Name, ["state"] = StateOf(pool), ["pool_guid"] = pool.Guid, ["txg"] = 4, ["spa_version"] = 5000, ["zpl_version"] = 5,
                ["vdevs"] = vdevs,
            ["error_count"] = pool.Damaged.Count,
        };
        if (StateOf(pool) != "ONLINE")
        {
            status["msgid"] = "ZFS-8000-2Q";
        }

        if (pool.Spares.Count > 0)
        {
            status["spares"] = new JsonObject(pool.Spares.Select(spare => KeyValuePair.Create(spare.Path, (JsonNode?)new JsonObject
            {
                ["name"] = spare.Path, ["vdev_type"] = "disk", ["guid"] = spare.Guid, ["path"] = spare.Path, ["class"] = "spare", ["state"] = "AVAIL",
            })));
        }

        if (pool.Function is not null)
        {
            status["scan_stats"] = new JsonObject
            {
                ["function"] = pool.Function, ["state"] = pool.ScanState, ["start_time"] = pool.Started, ["end_time"] = pool.ScanState == "SCANNING" ? 0
                    : pool.Ended,
                ["to_examine"] = pool.AllocatedBytes, ["examined"] = pool.ScanState == "SCANNING" ? pool.AllocatedBytes / 2 : pool.AllocatedBytes,
                    ["skipped"] = 0,
                ["processed"] = pool.Repaired, ["errors"] = pool.Damaged.Count, ["scrub_pause"] = pool.IsPaused ? now : 0,
                ["issued"] = pool.ScanState == "SCANNING" ? pool.AllocatedBytes / 2 : pool.AllocatedBytes,
            };
        }

        if (pool.Damaged.Count > 0)
        {
            status["errlist"] = new JsonArray([.. pool.Damaged.Select(file => JsonValue.Create(file))]);
        }

        return status;
    }

    private string List() => new JsonObject
    {
        ["pools"] = new JsonObject(pools.Values.Where(pool => pool.IsImported).Select(pool => KeyValuePair.Create(pool.Name, (JsonNode?)new JsonObject
        {
            ["name"] = pool.Name,
            ["properties"] = new JsonObject
            {
                ["size"] = Value(SizeOf(pool)), ["allocated"] = Value(pool.AllocatedBytes), ["fragmentation"] = Value(1), ["readonly"] = Value("off"),
            },
        }))),
    }.ToJsonString();

    private long SizeOf(SimulatedPool pool) => pool.Disks.Count * (1L << 30);

    private static JsonObject Value(JsonNode value) => new() { ["value"] = value };

    private string Datasets(IReadOnlyList<string> arguments) => new JsonObject
    {
        ["datasets"] = arguments.Contains("snapshot")
            ? new JsonObject(snapshots.Select(name => KeyValuePair.Create(name, (JsonNode?)new JsonObject
            {
                ["name"] = name, ["properties"] = new JsonObject { ["creation"] = Value(now), ["used"] = Value(0), ["userrefs"] = Value(0) },
            })))
            : new JsonObject(datasets.Where(dataset => !IsSuspended(dataset.Key)).Select(dataset => KeyValuePair.Create(dataset.Key, (JsonNode?)new JsonObject
            {
                ["name"] = dataset.Key,
                ["properties"] = new JsonObject(dataset.Value.Select(property => KeyValuePair.Create(property.Key, (JsonNode?)Value(property.Value)))),
            }))),
    }.ToJsonString();

    private ProgramResult Create(IReadOnlyList<string> arguments)
    {
        var words = new List<string>();
        for (var i = 1; i < arguments.Count; i++)
        {
            if (arguments[i] is "-o" or "-O")
            {
                i++;
            }
            else
            {
                words.Add(arguments[i]);
            }
        }

        var layout = words.Count > 1 && !words[1].StartsWith('/') ? words[1] : "single";
        var pool = new SimulatedPool(words[0], layout, nextGuid += 16);
        var target = pool.Disks;
        foreach (var word in words.Skip(layout == "single" ? 1 : 2))
        {
            if (word == "spare")
            {
                target = pool.Spares;
            }
            else if (word.StartsWith('/'))
            {
                target.Add(new SimulatedVdev(word, nextGuid += 16));
            }
        }

        pools[pool.Name] = pool;
        datasets[pool.Name] = Properties("none");
        return Done("");
    }

    private static Dictionary<string, string> Properties(string mountPoint) => new()
    {
        ["mountpoint"] = mountPoint, ["mounted"] = mountPoint == "none" ? "no" : "yes", ["used"] = "98304", ["available"] = "1000000000", ["quota"] = "0",
            ["sync"] = "standard",
        ["recordsize"] = "1048576", ["compression"] = "lz4", ["atime"] = "on", ["refquota"] = "0",
    };

    private ProgramResult Import(IReadOnlyList<string> arguments)
    {
        var away = pools.Values.Where(pool => !pool.IsImported).ToList();
        if (arguments[^1] is "/dev")
        {
            return away.Count == 0 ? new(1, "", "no pools available to import\n")
                : Done(string.Concat(away.Select(pool =>
                    $"   pool: {pool.Name}\n     id: {pool.Guid}\n  state: {StateOf(pool)}\n action: The pool can be imported.\n config:\n\n")));
        }

        var wanted = away.Find(pool => pool.Guid.ToString(CultureInfo.InvariantCulture) == arguments[^1]);
        if (wanted is null)
        {
            return Failed($"cannot import '{arguments[^1]}': no such pool available");
        }

        wanted.IsImported = true;
        return Done("");
    }

    private ProgramResult OnPool(IReadOnlyList<string> arguments)
    {
        var words = arguments.Skip(1).Where(word => !word.StartsWith('-')).ToList();
        if (words.Count == 0 || !pools.TryGetValue(words[0], out var pool))
        {
            return Failed($"cannot open '{words.FirstOrDefault()}': no such pool");
        }

        var vdev = words.Count > 1 ? pool.Disks.Find(disk => disk.Guid.ToString(CultureInfo.InvariantCulture) == words[1] || disk.Path == words[1]) : null;
        switch (arguments[0])
        {
            case "export":
                pool.IsImported = false;
                return Done("");
            case "scrub" when arguments.Contains("-s"):
                return Stop(pool);
            case "scrub" when arguments.Contains("-p"):
                pool.IsPaused = true;
                return Done("");
            case "scrub":
                return Scan(pool, "SCRUB");
            case "clear":
                pool.Disks.Where(disk => vdev is null || disk == vdev).ToList().ForEach(disk => disk.Checksums = 0);
                return Done("");
            case "offline" or "online" when vdev is not null:
                if (arguments[0] == "offline" && pool.Disks.Count(disk => StateOf(disk) != "ONLINE") >= pool.Redundancy)
                {
                    return Failed($"cannot offline {words[1]}: no valid replicas");
                }

                vdev.IsOffline = arguments[0] == "offline";
                return Done("");
            case "replace" when vdev is not null:
                pool.Leaving = vdev;
                if (words.Count > 2)
                {
                    pool.Disks.Add(new SimulatedVdev(words[2], nextGuid += 16));
                }

                return Scan(pool, "RESILVER");
            case "attach" when words.Count > 2:
                pool.Disks.Add(new SimulatedVdev(words[2], nextGuid += 16));
                return Scan(pool, "RESILVER");
            case "add" when words is [_, "spare", var spare]:
                pool.Spares.Add(new SimulatedVdev(spare, nextGuid += 16));
                return Done("");
            case "trim":
                return Done("");
            default:
                return Failed($"cannot {arguments[0]}: no such device in pool");
        }
    }

    private ProgramResult Scan(SimulatedPool pool, string function)
    {
        if (pool is { ScanState: "SCANNING", IsPaused: false })
        {
            return Failed($"cannot scrub {pool.Name}: currently {(pool.Function == "SCRUB" ? "scrubbing" : "resilvering")}");
        }

        (pool.Function, pool.ScanState, pool.Started, pool.Repaired, pool.IsPaused) = (function, "SCANNING", now += 60, 0, false);
        return Done("");
    }

    private ProgramResult Stop(SimulatedPool pool)
    {
        if (pool is not { Function: "SCRUB", ScanState: "SCANNING" })
        {
            return Failed($"cannot cancel scrubbing {pool.Name}: there is no active scrub");
        }

        (pool.ScanState, pool.Ended) = ("CANCELED", now += 60);
        return Done("");
    }

    private ProgramResult OnDataset(IReadOnlyList<string> arguments)
    {
        var name = arguments[^1];
        switch (arguments[0])
        {
            case "create":
                datasets[name] = Properties(arguments.First(word => word.StartsWith("mountpoint=", StringComparison.Ordinal))[11..]);
                return Done("");
            case "set" when datasets.TryGetValue(name, out var properties):
                foreach (var pair in arguments.Skip(1).SkipLast(1).Select(word => word.Split('=')))
                {
                    properties[pair[0]] = pair[1] == "none" ? "0" : pair[1];
                }

                return Done("");
            case "destroy" when datasets.ContainsKey(name):
                return datasets.Keys.Any(other => other.StartsWith(name + "/", StringComparison.Ordinal))
                    || snapshots.Any(other => other.StartsWith(name + "@", StringComparison.Ordinal))
                    ? Failed($"cannot destroy '{name}': filesystem has children") : datasets.Remove(name) ? Done("") : Failed("lost");
            case "snapshot":
                return snapshots.Add(name) ? Done("") : Failed($"cannot create snapshot '{name}': dataset already exists");
            case "destroy":
                return snapshots.Remove(name) ? Done("") : Failed($"could not find any snapshots to destroy; check snapshot names.");
            case "hold" or "release":
                return snapshots.Contains(name) ? Done("") : Failed($"cannot open '{name}': dataset does not exist");
            default:
                return Failed($"cannot open '{name}': dataset does not exist");
        }
    }
}
