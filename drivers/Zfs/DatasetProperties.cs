// What may be set on a file system of a pool, and when it may be destroyed. Pure but for the question to the places what lies in a folder.
using System.Globalization;
using System.Numerics;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Pools;

namespace Holdfast.Zfs;

/// <summary>Checks of arguments.</summary>
public static class DatasetProperties
{
    /// <summary>The arguments of a <c>zfs set</c>.</summary>
    /// <exception cref="VerbRefusedException">A value that is none, or nothing to set.</exception>
    public static IReadOnlyList<string> Of(SetDatasetProperties asked)
    {
        List<string> properties = [];
        if (asked.QuotaBytes is { } quota)
        {
            properties.Add("quota=" + Quota(quota));
        }

        if (asked.RefQuotaBytes is { } refQuota)
        {
            properties.Add("refquota=" + Quota(refQuota));
        }

        if (asked.RecordSizeBytes is { } record)
        {
            if (record is < SetDatasetProperties.RecordSizeMinBytes or > SetDatasetProperties.RecordSizeMaxBytes || !BitOperations.IsPow2(record))
            {
                throw new VerbRefusedException("a record size is a power of two from 4096 to 1048576 bytes");
            }

            properties.Add(string.Create(CultureInfo.InvariantCulture, $"recordsize={record}"));
        }

        if (asked.Compression is { } compression)
        {
            properties.Add(SetDatasetProperties.Compressions.Contains(compression) ? "compression=" + compression
                : throw new VerbRefusedException($"compression is one of {string.Join(", ", SetDatasetProperties.Compressions)}"));
        }

        if (asked.Atime is { } atime)
        {
            properties.Add(atime is "on" or "off" ? "atime=" + atime : throw new VerbRefusedException("atime is on or off"));
        }

        return properties.Count > 0 ? properties : throw new VerbRefusedException("nothing is to be set");
    }

    /// <summary>A file system that somebody or something still needs is not destroyed.</summary>
    /// <exception cref="VerbRefusedException">What needs it.</exception>
    public static void RefuseUse(PoolsSeen seen, string name, IPoolPlaces places)
    {
        var dataset = seen.Datasets.FirstOrDefault(one => one.Name == name) ?? throw new VerbRefusedException($"no dataset '{name}'");
        if (seen.Pools.Any(pool => pool.Name == name))
        {
            throw new VerbRefusedException($"'{name}' is the pool itself");
        }

        if (seen.Datasets.FirstOrDefault(one => one.Name.StartsWith(name + "/", StringComparison.Ordinal)) is { } child)
        {
            throw new VerbRefusedException($"dataset '{name}' has children: '{child.Name}' is to be destroyed first");
        }

        if (seen.Snapshots.Where(one => one.Name.StartsWith(name + "@", StringComparison.Ordinal)).ToList() is { Count: > 0 } snapshots)
        {
            var held = snapshots.Find(one => one.Holds > 0) is { } first ? $" ('{first.Name}' is held)" : "";
            throw new VerbRefusedException($"dataset '{name}' has {snapshots.Count} snapshots, '{snapshots[0].Name}' among them{held}: release them first");
        }

        if (dataset.MountPoint is not { } folder || !dataset.IsMounted
            || folder != places.MountPoint(folder[(folder.LastIndexOf('/') + 1)..]))
        {
            throw new VerbRefusedException($"dataset '{name}' is not mounted where those of this box are: what lies in it can't be looked at here");
        }

        if (places.Keeps(folder) is { } use)
        {
            throw new VerbRefusedException($"dataset '{name}' is in use: {use}");
        }
    }

    /// <summary>A quota as zfs takes it; 0 = none.</summary>
    /// <exception cref="VerbRefusedException">It is negative.</exception>
    public static string Quota(long bytes) => bytes switch
    {
        0 => "none",
        > 0 => bytes.ToString(CultureInfo.InvariantCulture),
        _ => throw new VerbRefusedException("a quota can't be negative"),
    };
}
