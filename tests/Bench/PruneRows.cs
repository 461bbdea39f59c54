// Prune of 10,000 snapshots, of which 9,000 go: from the request until the task has ended, on a store as the peer's was made (100 groups of 100 snapshots, each
// a manifest and a fixed index of four chunks). Each run has a namespace of its own; a small one before them warms the server up.
using System.Diagnostics;
using System.Text.Json;
using Holdfast.Features.Backup;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;
using Holdfast.Wire;

namespace Holdfast.Tests.Bench;

internal static class PruneRows
{
    private const int Runs = 3;
    private const int Groups = 100;
    private const int Snapshots = 100;
    private const int Kept = 10;
    private const int InFlight = 64;
    private const long FirstTime = 1_700_000_000;
    private const long EveryS = 6 * 3600;
    private const string Owner = "backup@pbs!hypervisor";
    private const string IndexName = "drive-scsi0.img.fidx";

    public static readonly RowGroup Group = new(
        ["prune.10k_snapshots_s", "prune.10k_snapshots_cpu_s", "prune.10k_snapshots_postgres_cpu_s", "prune.10k_dry_run_s"], MeasureAsync);

    private static async Task MeasureAsync(Bed bed, Rows rows)
    {
        var data = bed.NewFolder("prune");
        var first = await RunningAppliance.StartAsync(bed, data).ConfigureAwait(false);
        first.Drain();
        await first.DisposeAsync().ConfigureAwait(false); // made user, certificate, datastore and ledger
        await MakeAsync(data).ConfigureAwait(false);
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
                await MeasureAsync(rows, appliance, client).ConfigureAwait(false);
            }
        }

        Bed.Remove(data);
    }

    private static async Task MeasureAsync(Rows rows, RunningAppliance appliance, PbsClient client)
    {
        await PruneAsync(client, "warm", dryRun: false).ConfigureAwait(false);
        var (wall, cpu, postgres, dry) = (new double[Runs], new double[Runs], new double[Runs], new double[Runs]);
        for (var i = 0; i < Runs; i++)
        {
            var ns = $"run{i}";
            dry[i] = await PruneAsync(client, ns, dryRun: true).ConfigureAwait(false);
            var (cpuBefore, postgresBefore) = (appliance.CpuS, appliance.PostgresCpuS);
            wall[i] = await PruneAsync(client, ns, dryRun: false).ConfigureAwait(false);
            (cpu[i], postgres[i]) = (appliance.CpuS - cpuBefore, appliance.PostgresCpuS - postgresBefore);
            var left = (await client.GetAsync("admin/datastore/main/snapshots", "ns=" + ns).ConfigureAwait(false))
                .GetProperty("data").GetArrayLength();
            if (left != Groups * Kept)
            {
                throw new InvalidDataException($"{left} snapshots are left instead of {Groups * Kept}");
            }
        }

        rows.Add("prune.10k_snapshots_s", "s", wall);
        rows.Add("prune.10k_snapshots_cpu_s", "s", cpu);
        rows.Add("prune.10k_snapshots_postgres_cpu_s", "s", postgres);
        rows.Add("prune.10k_dry_run_s", "s", dry);
    }

    /// <summary>Seconds from the request until the task is seen to have ended, looked at every few milliseconds.</summary>
    private static async Task<double> PruneAsync(PbsClient client, string ns, bool dryRun)
    {
        var started = Stopwatch.GetTimestamp();
        var parameters = new Dictionary<string, object> { ["ns"] = ns, ["max-depth"] = 0, ["keep-last"] = Kept, ["dry-run"] = dryRun };
        var upid = (await client.PostAsync("admin/datastore/main/prune-datastore", parameters).ConfigureAwait(false)).GetProperty("data").GetString()!;
        while (true)
        {
            var status = (await client.GetAsync($"nodes/localhost/tasks/{Uri.EscapeDataString(upid)}/status").ConfigureAwait(false))
                .GetProperty("data");
            if (status.GetProperty("status").GetString() != "stopped")
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5)).ConfigureAwait(false);
                continue;
            }

            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            return status.GetProperty("exitstatus").GetString() == "OK" ? seconds : throw new InvalidDataException("the prune failed: " + status);
        }
    }

    private static async Task MakeAsync(string data)
    {
        var store = Path.Combine(data, "datastores", "main");
        var own = await OwnLedger.OpenAsync(data).ConfigureAwait(false);
        await using (own.ConfigureAwait(false))
        {
            await MakeNamespaceAsync(own.Ledger, store, "warm", 20).ConfigureAwait(false);
            for (var i = 0; i < Runs; i++)
            {
                await MakeNamespaceAsync(own.Ledger, store, $"run{i}", Groups).ConfigureAwait(false);
            }
        }

        // What was written is on the disk before anything is measured.
        using var volume = DiskVolume.OpenFolder(store);
        volume.SyncAll();
    }

    private static async Task MakeNamespaceAsync(ILedger ledger, string store, string ns, int groups)
    {
        await ledger.AppendAsync(new Append("datastore:main", ExpectedVersion.Any,
            [Event.Of(new NamespaceCreated("main", ns, Discovered: false), EventMetadata.System)])).ConfigureAwait(false);
        var running = new Queue<Task<AppendOutcome>>();
        for (var group = 0; group < groups; group++)
        {
            var key = new GroupKey("main", ns, "vm", $"{100 + group}");
            var index = FixedIndex(group);
            var folder = Directory.CreateDirectory(Path.Combine(store, "ns", ns, "vm", key.BackupId)).FullName;
            await File.WriteAllTextAsync(Path.Combine(folder, "owner"), Owner + "\n").ConfigureAwait(false);
            var events = new List<NewEvent>();
            for (var i = 0; i < Snapshots; i++)
            {
                var time = FirstTime + (i * EveryS) + group;
                events.AddRange(Make(key, time, folder, index));
            }

            running.Enqueue(ledger.AppendAsync(new Append(key.Stream, ExpectedVersion.Any, events)));
            while (running.Count > InFlight)
            {
                await running.Dequeue().ConfigureAwait(false);
            }
        }

        await Task.WhenAll(running).ConfigureAwait(false);
    }

    private static IEnumerable<NewEvent> Make(GroupKey key, long time, string folder, (byte[] Bytes, Digest Csum, long SizeBytes) index)
    {
        var manifest = new Manifest(key.At(time));
        manifest.Add(new ManifestFile(IndexName, CryptMode.None, index.SizeBytes, index.Csum));
        var blob = manifest.ToBlob();
        var place = Directory.CreateDirectory(Path.Combine(folder, SnapshotName.FormatTime(time))).FullName;
        File.WriteAllBytes(Path.Combine(place, IndexName), index.Bytes);
        File.WriteAllBytes(Path.Combine(place, SafeId.ManifestName), blob);
        yield return Event.Of(new BackupStarted(
            key.Store, key.Ns, key.BackupType, key.BackupId, time, Owner, $"UPID:bench:{time:X8}:", null, false), EventMetadata.System);
        yield return Event.Of(new BackupFinished(
            key.Store, key.Ns, key.BackupType, key.BackupId, time, SnapshotContents.Of(manifest, blob.Length, isProtected: false), 4,
            index.SizeBytes, 0, 1000), EventMetadata.System);
    }

    /// <summary>An index of four chunks, made by the product's own writer.</summary>
    private static (byte[] Bytes, Digest Csum, long SizeBytes) FixedIndex(int group)
    {
        const long sizeBytes = 4L * IndexReader.FixedChunkSize;
        var volume = new SimulatedVolume();
        volume.MakeFolder("x");
        using var index = FixedIndexWriter.Create(volume, "x", IndexName, sizeBytes, new IndexOrigin(new Guid(group, 0, 0, new byte[8]), FirstTime));
        for (var i = 0; i < 4; i++)
        {
            index.TrySet(i * (long)IndexReader.FixedChunkSize, IndexReader.FixedChunkSize, Digest.Of(BitConverter.GetBytes((group * 4) + i)));
        }

        var summary = index.Close();
        using var file = volume.Open("x/" + summary.Name, FileUse.Read);
        var bytes = new byte[file.SizeBytes];
        file.ReadExactly(bytes, 0);
        return (bytes, summary.Csum, summary.SizeBytes);
    }
}
