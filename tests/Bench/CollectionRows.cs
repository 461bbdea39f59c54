// Garbage collection of 1,000,000 chunks of 64 bytes, 50,000 of them garbage: 19 groups x 5 snapshots x 50,000 references (half fixed, half dynamic indexes),
// as the peer's store was made. From the request until the task has ended: warm, with a cold cache (where we may drop it), and directly again. The garbage is
// written anew while the appliance is down, so that every measured run is its first and looks at everything.
using System.Buffers.Binary;
using System.Diagnostics;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

internal static class CollectionRows
{
    private const int Runs = 3;
    private const int Groups = 19;
    private const int Snapshots = 5;
    private const int ChunksPerGroup = 50_000;
    private const int Garbage = 50_000;
    private const int Live = Groups * ChunksPerGroup;
    private const int ChunkBytes = 64;
    private const long FirstTime = 1_700_000_000;
    private const string DropCaches = "/proc/sys/vm/drop_caches";

    public static readonly RowGroup Group = new(
    [
        "gc.1m_chunks_s", "gc.1m_chunks_cpu_s", "gc.again_unchanged_s", "gc.1m_chunks_cold_s", "gc.peak_mib",
    ], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var data = bed.NewFolder("gc");
        var first = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        first.Drain();
        await first.DisposeAsync().ConfigureAwait(false); // made user, certificate, datastore and ledger
        var store = Path.Combine(data, "datastores", "main");
        Make(store);
        var (warm, cpu, again, peak) = (new double[Runs], new double[Runs], new double[Runs], new double[Runs]);
        for (var i = 0; i < Runs; i++)
        {
            (warm[i], cpu[i], again[i], peak[i]) = await RunAsync(bed, data, () => { }).ConfigureAwait(false);
        }

        rows.Add("gc.1m_chunks_s", "s", warm);
        rows.Add("gc.1m_chunks_cpu_s", "s", cpu);
        rows.Add("gc.again_unchanged_s", "s", again);
        rows.Add("gc.peak_mib", "MiB", peak);
        if (Environment.IsPrivilegedProcess && rows.Wants(["gc.1m_chunks_cold_s"]))
        {
            var (cold, _, _, _) = await RunAsync(bed, data, () => File.WriteAllText(DropCaches, "3")).ConfigureAwait(false);
            rows.Add("gc.1m_chunks_cold_s", "s", cold);
        }

        Bed.Remove(data);
    }

    private static async Task<(double Wall, double Cpu, double Again, double Peak)> RunAsync(Bed bed, string data, Action before)
    {
        WriteChunks(Path.Combine(data, "datastores", "main"), Live, Garbage);
        var appliance = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        await using (appliance.ConfigureAwait(false))
        {
            appliance.Drain();
            var client = await PbsClient.ConnectAsync(new PbsClientOptions("127.0.0.1", appliance.Port, AuthId.Parse("admin@pbs"))
            {
                Secret = appliance.Password, Fingerprint = appliance.Fingerprint,
            }).ConfigureAwait(false);
            await using (client.ConfigureAwait(false))
            {
                before();
                ProcFigures.ForgetPeak(appliance.Pid);
                var cpuBefore = appliance.CpuS;
                var wall = await CollectAsync(client, Garbage).ConfigureAwait(false);
                var (cpu, peak) = (appliance.CpuS - cpuBefore, ProcFigures.PeakMib(appliance.Pid));
                return (wall, cpu, await CollectAsync(client, 0).ConfigureAwait(false), peak);
            }
        }
    }

    /// <summary>Seconds from the request until the task is seen to have ended, looked at every few milliseconds.</summary>
    private static async Task<double> CollectAsync(PbsClient client, long removed)
    {
        var started = Stopwatch.GetTimestamp();
        var upid = (await client.PostAsync("admin/datastore/main/gc", new Dictionary<string, object>()).ConfigureAwait(false))
            .GetProperty("data").GetString()!;
        while (true)
        {
            var status = (await client.GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/status").ConfigureAwait(false)).GetProperty("data");
            if (status.GetProperty("status").GetString() != "stopped")
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5)).ConfigureAwait(false);
                continue;
            }

            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var gc = (await client.GetAsync("admin/datastore/main/gc").ConfigureAwait(false)).GetProperty("data");
            var (gone, left) = (gc.GetProperty("removed-chunks").GetInt64(), gc.GetProperty("disk-chunks").GetInt64());
            return status.GetProperty("exitstatus").GetString() == "OK" && gone == removed && left == Live
                ? seconds
                : throw new InvalidDataException($"removed {gone}, left {left}: {status} {gc}");
        }
    }

    private static void Make(string folder)
    {
        WriteChunks(folder, 0, Live);
        using var store = Datastore.Open(DiskVolume.OpenFolder(folder));
        for (var group = 0; group < Groups; group++)
        {
            var name = BackupGroup.Parse($"vm/{100 + group}");
            store.CreateGroup(BackupNamespace.Root, name, "backup@pbs");
            for (var i = 0; i < Snapshots; i++)
            {
                var snapshot = SnapshotName.Create(name, FirstTime + (i * 86_400L));
                var into = store.CreateSnapshot(BackupNamespace.Root, snapshot);
                var summary = ((group * Snapshots) + i) % 2 == 0 ? Fixed(into, group) : Dynamic(into, group);
                var manifest = new Manifest(snapshot);
                manifest.Add(new ManifestFile(summary.Name, CryptMode.None, summary.SizeBytes, summary.Csum));
                into.PublishManifest(manifest.ToBlob());
            }
        }

        store.Close();
    }

    private static IndexSummary Fixed(SnapshotFolder into, int group)
    {
        using var index = into.CreateFixedIndex("drive-scsi0.img.fidx", ChunksPerGroup * IndexReader.FixedChunkSize);
        for (var i = 0; i < ChunksPerGroup; i++)
        {
            // Only the digests matter to a collection; the slots are 4 MiB each, as an image's are.
            if (index.TrySet(i * IndexReader.FixedChunkSize, (uint)IndexReader.FixedChunkSize, DigestOf((group * ChunksPerGroup) + i)) is { } refusal)
            {
                throw new InvalidDataException(refusal);
            }
        }

        return index.Close();
    }

    private static IndexSummary Dynamic(SnapshotFolder into, int group)
    {
        using var index = into.CreateDynamicIndex("root.pxar.didx");
        for (var i = 0; i < ChunksPerGroup; i++)
        {
            index.Append(ChunkBytes, DigestOf((group * ChunksPerGroup) + i));
        }

        return index.Close();
    }

    /// <summary>Chunk files by number, straight into their places, and onto the disk.</summary>
    private static void WriteChunks(string folder, int first, int count)
    {
        using var volume = DiskVolume.OpenFolder(folder);
        Parallel.For(0, count / 1000, new ParallelOptions { MaxDegreeOfParallelism = 2 }, part =>
        {
            for (var i = first + (part * 1000); i < first + ((part + 1) * 1000); i++)
            {
                volume.WriteWhole(ChunkStore.PathOf(DigestOf(i)), DataBlob.Encode(Data(i), compress: false), sync: false);
            }
        });
        volume.SyncAll();
    }

    private static byte[] Data(int number)
    {
        var data = new byte[ChunkBytes];
        BinaryPrimitives.WriteInt32LittleEndian(data, number);
        return data;
    }

    private static Digest DigestOf(int number) => Digest.Of(Data(number));
}
