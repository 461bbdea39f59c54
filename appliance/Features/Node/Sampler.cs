// Measures node and datastores every few seconds: the newest readings for status and metrics, half an hour of them as they were, and years of averages in
// bounded files. A datastore that can't say how full it is leaves a gap.
using Holdfast.Features.Datastores;
using Holdfast.Storage;

namespace Holdfast.Features.Node;

/// <summary>One measured value.</summary>
/// <param name="Id"><c>host</c> or <c>datastore/NAME</c>.</param>
/// <param name="IsDerived">A counter since the start of the system, not a gauge.</param>
public sealed record Measurement(string Id, string Metric, long TimeS, double Value, bool IsDerived);

/// <summary>The measuring.</summary>
/// <param name="files">Where histories are kept; null = in memory only.</param>
public sealed class Sampler(INodeSource node, DatastoreRegistry stores, Volume? files, TimeProvider clock)
{
    /// <summary>Time between two measurements.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    private const int RecentMax = 181; // half an hour
    private const int SavedEverySamples = 60;
    private const string HostId = "host";

    private readonly Lock gate = new();
    private readonly Dictionary<string, History> histories = new(StringComparer.Ordinal);
    private readonly Queue<IReadOnlyList<Measurement>> recent = new();
    private NodeReading? last;
    private (double Cpu, double Wait) load;
    private long lastAtS;
    private long samples;

    /// <summary>Share of the processors that worked, and that waited for I/O, between the last two measurements; 0 to 1.</summary>
    public (double Cpu, double Wait) Load
    {
        get
        {
            lock (gate)
            {
                return load;
            }
        }
    }

    /// <summary>Measurements of the last half hour, oldest first.</summary>
    public IReadOnlyList<IReadOnlyList<Measurement>> Recent()
    {
        lock (gate)
        {
            return [.. recent];
        }
    }

    /// <summary>What is known of the node.</summary>
    public History Host => HistoryOf(HostId);

    /// <summary>What is known of a datastore.</summary>
    public History Store(string name) => HistoryOf("datastore/" + name);

    /// <summary>Measures once.</summary>
    public void Sample()
    {
        var timeS = clock.GetUtcNow().ToUnixTimeSeconds();
        var reading = node.Read();
        var measured = new List<Measurement>();
        lock (gate)
        {
            MeasureHost(reading, timeS, measured);
            foreach (var store in stores.Present())
            {
                MeasureStore(store, timeS, measured);
            }

            recent.Enqueue(measured);
            if (recent.Count > RecentMax)
            {
                recent.Dequeue();
            }
        }

        if (++samples % SavedEverySamples == 0)
        {
            Save();
        }
    }

    /// <summary>Writes the histories of what exists now; a file that can't be written costs a gap, nothing else.</summary>
    public void Save()
    {
        if (files is null)
        {
            return;
        }

        List<KeyValuePair<string, History>> all;
        lock (gate)
        {
            all = [.. histories];
        }

        foreach (var (id, history) in all)
        {
            try
            {
                AtomicFile.Replace(files, FileOf(id), history.ToFile(), syncFolder: false);
            }
            catch (StorageException)
            {
                // The disk is full or broken: others say so, and charts are the least of it.
            }
        }
    }

    private void MeasureHost(NodeReading reading, long timeS, List<Measurement> measured)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["loadavg"] = reading.Load1, ["memtotal"] = reading.Memory.TotalBytes, ["memused"] = reading.Memory.UsedBytes,
            ["swaptotal"] = reading.Swap.TotalBytes, ["swapused"] = reading.Swap.UsedBytes,
            ["total"] = reading.Root.TotalBytes, ["used"] = reading.Root.UsedBytes,
        };
        if (last is { } before && reading.CpuTotal > before.CpuTotal && timeS > lastAtS)
        {
            double ticks = reading.CpuTotal - before.CpuTotal;
            load = (Math.Clamp((reading.CpuBusy - before.CpuBusy) / ticks, 0, 1), Math.Clamp((reading.CpuWait - before.CpuWait) / ticks, 0, 1));
            (values["cpu"], values["iowait"]) = load;
            values["netin"] = Math.Max(0, reading.NetInBytes - before.NetInBytes) / (double)(timeS - lastAtS);
            values["netout"] = Math.Max(0, reading.NetOutBytes - before.NetOutBytes) / (double)(timeS - lastAtS);
        }

        (last, lastAtS) = (reading, timeS);
        HistoryOf(HostId).Add(timeS, values);
        void Tell(string metric, double value, bool derived = false) => measured.Add(new(HostId, metric, timeS, value, derived));
        Tell("cpu_current", load.Cpu);
        Tell("cpu_iowait", load.Wait);
        Tell("cpu_avg1", reading.Load1);
        Tell("cpu_avg5", reading.Load5);
        Tell("cpu_avg15", reading.Load15);
        Tell("mem_total", reading.Memory.TotalBytes);
        Tell("mem_used", reading.Memory.UsedBytes);
        Tell("swap_total", reading.Swap.TotalBytes);
        Tell("swap_used", reading.Swap.UsedBytes);
        Tell("net_in", reading.NetInBytes, derived: true);
        Tell("net_out", reading.NetOutBytes, derived: true);
        Tell("disk_total", reading.Root.TotalBytes);
        Tell("disk_used", reading.Root.UsedBytes);
        Tell("disk_available", reading.Root.FreeBytes);
    }

    private void MeasureStore(OpenDatastore store, long timeS, List<Measurement> measured)
    {
        VolumeSpace space;
        try
        {
            space = store.Space();
        }
        catch (Exception error) when (error is StorageException or ObjectDisposedException)
        {
            return;
        }

        var id = "datastore/" + store.Name;
        HistoryOf(id).Add(timeS,
        [
            new("available", space.AvailableBytes), new("total", space.TotalBytes), new("used", space.UsedBytes),
        ]);
        measured.Add(new(id, "disk_total", timeS, space.TotalBytes, false));
        measured.Add(new(id, "disk_used", timeS, space.UsedBytes, false));
        measured.Add(new(id, "disk_available", timeS, space.AvailableBytes, false));
    }

    private History HistoryOf(string id)
    {
        lock (gate)
        {
            return histories.TryGetValue(id, out var known) ? known : histories[id] = LoadOrNew(id);
        }
    }

    private History LoadOrNew(string id)
    {
        try
        {
            return files is not null && AtomicFile.TryRead(files, FileOf(id), History.FileBytesMax) is { } bytes
                ? History.Parse(bytes) ?? new History()
                : new History();
        }
        catch (StorageException)
        {
            return new History();
        }
    }

    private static string FileOf(string id) => id.Replace('/', '-') + ".history";
}
