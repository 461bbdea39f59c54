// The history of a box in use: 100 groups backed up in turn, each backup with its login, its archives and its end, and the
// snapshot that retention forgets once a group has more than 100. About a million events, 10,000 snapshots left.
using Holdfast.Features.Access;
using Holdfast.Features.Backup;
using Holdfast.Features.Events;
using Holdfast.Features.Snapshots;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Tests.Bench;

internal static class SampleHistory
{
    public const int Groups = 100;
    public const int Kept = 100;
    private const int BackupsPerGroup = 1684;
    private const int PerAppend = 20;
    private const int InFlight = 64;
    private const int EveryS = 4 * 3600;
    private const long FirstTime = 1_700_000_000;
    private const string Owner = "backup@pbs!hypervisor";

    /// <summary>Appends it all; returns the number of events.</summary>
    public static async Task<long> AppendAsync(ILedger ledger)
    {
        var count = 0L;
        var running = new Queue<Task<AppendOutcome>>();
        for (var from = 0; from < BackupsPerGroup; from += PerAppend)
        {
            for (var group = 0; group < Groups; group++)
            {
                foreach (var append in Part(group, from, Math.Min(from + PerAppend, BackupsPerGroup)))
                {
                    count += append.Events.Count;
                    running.Enqueue(ledger.AppendAsync(append));
                    while (running.Count > InFlight)
                    {
                        await running.Dequeue().ConfigureAwait(false);
                    }
                }
            }
        }

        await Task.WhenAll(running).ConfigureAwait(false);
        return count;
    }

    /// <summary>Folders with small manifests for the snapshots that the history leaves.</summary>
    public static void MakeFolders(string storeFolder)
    {
        using var store = Datastore.Open(DiskVolume.OpenFolder(storeFolder));
        for (var group = 0; group < Groups; group++)
        {
            var name = BackupGroup.Parse("vm/" + Id(group));
            store.CreateGroup(BackupNamespace.Root, name, Owner);
            for (var i = BackupsPerGroup - Kept; i < BackupsPerGroup; i++)
            {
                var snapshot = SnapshotName.Create(name, Time(group, i));
                store.CreateSnapshot(BackupNamespace.Root, snapshot).PublishManifest(new Manifest(snapshot).ToBlob());
            }
        }

        store.Close();
    }

    private static IEnumerable<Append> Part(int group, int from, int to)
    {
        var key = new GroupKey("main", "", "vm", Id(group));
        List<NewEvent> logins = [];
        List<NewEvent> events = [];
        for (var i = from; i < to; i++)
        {
            var who = new EventMetadata(Owner, $"192.0.2.{group}", Upid(group, i), Upid(group, i));
            logins.Add(Event.Of(new LoginSucceeded("backup@pbs"), who with { Cause = "POST access/ticket" }));
            events.AddRange(Backup(key, group, i, who));
            if (i >= Kept)
            {
                events.Add(Event.Of(new SnapshotForgotten(
                    key.Store, key.Ns, key.BackupType, key.BackupId, Time(group, i - Kept)), EventMetadata.System));
            }
        }

        if (Enumerable.Range(from, to - from).Where(i => i >= Kept).Select(i => Time(group, i - Kept)).ToList() is { Count: > 0 } gone)
        {
            events.Add(Event.Of(new SnapshotsRemoved(key.Store, key.Ns, key.BackupType, key.BackupId, gone), EventMetadata.System));
        }

        yield return new Append("auth:backup@pbs", ExpectedVersion.Any, logins);
        yield return new Append(key.Stream, ExpectedVersion.Any, events);
    }

    private static IEnumerable<NewEvent> Backup(GroupKey key, int group, int i, EventMetadata who)
    {
        var time = Time(group, i);
        var csum = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(time + group)));
        var started = new BackupStarted(
            key.Store, key.Ns, key.BackupType, key.BackupId, time, Owner, Upid(group, i), i > 0 ? Time(group, i - 1) : null, false);
        yield return Event.Of(started, who);
        const long imageBytes = 34_359_738_368;
        yield return Event.Of(new ArchiveFinished(
            time, "drive-scsi0.img.fidx", imageBytes, 8192, csum, 120, 503_316_480, 261_990_100, 8072, 33_856_421_888), who);
        yield return Event.Of(new ArchiveFinished(time, "qemu-server.conf.blob", 413, 0, csum, 0, 0, 0, 0, 0), who);
        var content = new SnapshotContent(
        [
            new SnapshotFile("qemu-server.conf.blob", "none", 413, csum),
            new SnapshotFile("drive-scsi0.img.fidx", "none", imageBytes, csum),
            new SnapshotFile("index.json.blob", "none", 521, null),
        ], null, $"guest {group}", null, null, false);
        yield return Event.Of(new BackupFinished(
            key.Store, key.Ns, key.BackupType, key.BackupId, time, content, 120, 503_316_480, 3, 41_207), who);
    }

    private static long Time(int group, int i) => FirstTime + ((long)i * EveryS) + group;

    private static string Id(int group) => $"{100 + group}";

    private static string Upid(int group, int i) =>
        $"UPID:backup:{4242:X8}:{0xABCDEF:X8}:{i:X8}:{Time(group, i):X8}:backup:main\\x3avm/{Id(group)}:{Owner}:";
}
