// Reads what `zpool status -j`, `zpool list -j` and `zfs list -j` say (OpenZFS 2.3; hardware-interfaces 3.1): numbers that may be strings, guids beyond 2^53,
// states by either of their names, vdevs flat so that a special vdev is not missed. What it does not know it leaves out; what is no such JSON is an
// InvalidDataException.
using System.Globalization;
using System.Text.Json;
using Holdfast.Contracts.Pools;

namespace Holdfast.Zfs;

/// <summary>The reader.</summary>
public static class PoolJson
{
    private const int DepthMax = 32;

    /// <summary>Pools of a <c>zpool status -j -p -P --json-int --json-flat-vdevs -v</c>, without what only <c>zpool list</c> knows.</summary>
    /// <exception cref="InvalidDataException">Not what it should be.</exception>
    public static IReadOnlyList<Pool> Status(string json) =>
        Read<Pool>(json, "pools", static pools => [.. pools.EnumerateObject().Select(pool => StatusOf(pool.Value))]);

    /// <summary>Size, allocation, fragmentation and read-only of a <c>zpool list -j -p --json-int -o size,allocated,fragmentation,readonly</c>, into the
    /// pools.</summary>
    /// <exception cref="InvalidDataException">Not what it should be.</exception>
    public static IReadOnlyList<Pool> WithList(IReadOnlyList<Pool> pools, string json) => Read(json, "pools", listed => pools.Select(pool =>
    {
        if (!listed.TryGetProperty(pool.Name, out var entry) || !entry.TryGetProperty("properties", out var properties))
        {
            return pool;
        }

        return pool with
        {
            SizeBytes = Number(Property(properties, "size")), AllocatedBytes = Number(Property(properties, "allocated")),
            FragmentationPercent = Property(properties, "fragmentation") is { } share && IsNumber(share) ? (int)Number(share) : null,
            IsReadOnly = Text(Property(properties, "readonly")) == "on",
        };
    }).ToList());

    /// <summary>File systems of a <c>zfs list -j -p --json-int -t filesystem -o ...</c>.</summary>
    /// <exception cref="InvalidDataException">Not what it should be.</exception>
    public static IReadOnlyList<PoolDataset> Datasets(string json) => Read(json, "datasets", static datasets => datasets.EnumerateObject().Select(one =>
    {
        var of = one.Value.TryGetProperty("properties", out var properties) ? properties : default;
        var mountPoint = Text(Property(of, "mountpoint"));
        return new PoolDataset(one.Name, mountPoint is "none" or "-" or "legacy" or "" ? null : mountPoint, Text(Property(of, "mounted")) == "yes",
            Number(Property(of, "used")), Number(Property(of, "available")), Number(Property(of, "quota")), Text(Property(of, "sync")) ?? "",
            Number(Property(of, "recordsize")), Text(Property(of, "compression")) ?? "", Text(Property(of, "atime")) ?? "",
            Number(Property(of, "refquota")));
    }).ToList());

    /// <summary>Snapshots of a <c>zfs list -j -p --json-int -t snapshot -o creation,used,userrefs</c>.</summary>
    /// <exception cref="InvalidDataException">Not what it should be.</exception>
    public static IReadOnlyList<DatasetSnapshot> Snapshots(string json) => Read(json, "datasets", static datasets => datasets.EnumerateObject().Select(one =>
    {
        var of = one.Value.TryGetProperty("properties", out var properties) ? properties : default;
        return new DatasetSnapshot(one.Name, Number(Property(of, "creation")), Number(Property(of, "used")), Number(Property(of, "userrefs")));
    }).ToList());

    private static List<T> Read<T>(string json, string member, Func<JsonElement, IReadOnlyList<T>> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = DepthMax });
            var root = document.RootElement;
            if (root.TryGetProperty("output_version", out var version) && Number(version, "vers_major") != 0)
            {
                throw new InvalidDataException("ZFS speaks another version of its JSON than is known here");
            }

            return root.TryGetProperty(member, out var all) && all.ValueKind == JsonValueKind.Object ? [.. read(all)] : [];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new InvalidDataException("ZFS's JSON can't be read: " + error.Message);
        }
    }

    private static Pool StatusOf(JsonElement pool)
    {
        var files = DamagedFiles(pool);
        return new Pool(Text(pool, "name") ?? "", Raw(pool, "pool_guid") ?? Raw(pool, "guid") ?? "", State(Text(pool, "state")), Text(pool, "msgid"),
            ScanOf(pool),
            Vdevs(pool), 0, 0, null, false, files, Math.Max(Number(pool, "error_count"), files.Count));
    }

    private static PoolScan? ScanOf(JsonElement pool)
    {
        if (!pool.TryGetProperty("scan_stats", out var scan) || Text(scan, "function") is not { } function || function is "NONE" or "")
        {
            return null;
        }

        return new PoolScan(function, Text(scan, "state") ?? "", Number(scan, "start_time"), Number(scan, "end_time"), Number(scan, "scrub_pause") > 0,
            Number(scan, "to_examine"), scan.TryGetProperty("issued", out _) ? Number(scan, "issued") : Number(scan, "examined"),
            Number(scan, "processed"), Number(scan, "errors"));
    }

    /// <summary>The top level only: with flat vdevs all are there, and again below their groups.</summary>
    private static List<Vdev> Vdevs(JsonElement pool)
    {
        var found = new List<Vdev>();
        foreach (var member in new[] { "vdevs", "special", "dedup", "logs", "l2cache", "spares" })
        {
            if (pool.TryGetProperty(member, out var group) && group.ValueKind == JsonValueKind.Object)
            {
                Add(group, found, member == "vdevs" ? null : ClassOf(member), 0);
            }
        }

        return Ordered(found);
    }

    /// <summary>Groups before their disks, each beside its own: flat lists come in no order.</summary>
    private static List<Vdev> Ordered(List<Vdev> vdevs)
    {
        var names = vdevs.Select(vdev => vdev.Name).ToHashSet(StringComparer.Ordinal);
        var below = vdevs.ToLookup(vdev => vdev.Parent is { } parent && names.Contains(parent) && parent != vdev.Name ? parent : "");
        var ordered = new List<Vdev>(vdevs.Count);
        Walk("", 0);
        return ordered;

        void Walk(string parent, int depth)
        {
            foreach (var vdev in depth < DepthMax ? below[parent] : [])
            {
                ordered.Add(vdev);
                Walk(vdev.Name, depth + 1);
            }
        }
    }

    private static void Add(JsonElement group, List<Vdev> found, string? clazz, int depth)
    {
        foreach (var entry in group.EnumerateObject())
        {
            var one = entry.Value;
            var type = Text(one, "vdev_type") ?? "disk";
            if (type != "root" && found.TrueForAll(known => known.Name != entry.Name))
            {
                var parent = Text(one, "parent");
                found.Add(new Vdev(entry.Name, Raw(one, "guid") ?? "", type, clazz ?? ClassOf(Text(one, "class") ?? "normal"), State(Text(one, "state")),
                    Text(one, "path"), parent is null || parent.Length == 0 ? null : parent, Number(one, "read_errors"), Number(one, "write_errors"),
                    Number(one, "checksum_errors"), Number(one, "slow_ios")));
            }

            if (depth < DepthMax && one.TryGetProperty("vdevs", out var below) && below.ValueKind == JsonValueKind.Object)
            {
                Add(below, found, clazz, depth + 1);
            }
        }
    }

    private static string ClassOf(string name) => name switch
    {
        "logs" => "log",
        "l2cache" => "cache",
        "spares" => "spare",
        _ => name,
    };

    /// <summary>The man page says HEALTHY where the program says ONLINE; CANT_OPEN is what people know as UNAVAIL.</summary>
    private static string State(string? state) => state switch
    {
        "HEALTHY" => "ONLINE",
        "CANT_OPEN" => "UNAVAIL",
        null => "UNKNOWN",
        _ => state,
    };

    private static List<string> DamagedFiles(JsonElement pool)
    {
        if (!pool.TryGetProperty("errlist", out var list))
        {
            return [];
        }

        var entries = list.ValueKind switch
        {
            JsonValueKind.Array => list.EnumerateArray(),
            _ => default,
        };
        return [.. entries.Select(one => one.ValueKind == JsonValueKind.String ? one.GetString() : one.ValueKind == JsonValueKind.Object ? Text(one, "path")
            : null)
            .OfType<string>().Take(Pool.DamagedFilesMax)];
    }

    private static JsonElement? Property(JsonElement properties, string name) =>
        properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty(name, out var property)
            ? property.ValueKind == JsonValueKind.Object && property.TryGetProperty("value", out var value) ? value : property : null;

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? Text(value) : null;

    private static string? Text(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        _ => null,
    };

    /// <summary>A whole number that may not fit into a double, as its digits.</summary>
    private static string? Raw(JsonElement of, string name) => Text(of, name) is { Length: > 0 } text && text.All(char.IsAsciiDigit) ? text : null;

    private static long Number(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? Number(value) : 0;

    private static bool IsNumber(JsonElement value) => Text(value) is { Length: > 0 } text && text.TrimEnd('%').All(char.IsAsciiDigit);

    private static long Number(JsonElement? value) =>
        decimal.TryParse(Text(value)?.TrimEnd('%'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? (long)Math.Min(number, long.MaxValue) : 0;
}
