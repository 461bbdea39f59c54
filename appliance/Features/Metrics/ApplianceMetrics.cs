// What a scraper gets: node, ledger, datastores, groups, tasks; everything from folds and the last measurement, only what the caller may audit, and never
// more series than a bound, so that a monitoring system is not flooded by a box with many groups.
using Holdfast.Features.Access;
using Holdfast.Features.Alarms;
using Holdfast.Features.Datastores;
using Holdfast.Features.GarbageCollection;
using Holdfast.Features.Node;
using Holdfast.Features.Snapshots;
using Holdfast.Features.Tasks;
using Holdfast.Ledger;
using Holdfast.Storage;

namespace Holdfast.Features.Metrics;

/// <summary>States that the figures come from.</summary>
public sealed record MetricFacts(
    Func<DatastoresState> Datastores, Func<SnapshotsState> Snapshots, Func<TasksState> Tasks, Func<GarbageCollectionState> Collections,
    Func<AlarmsState> Alarms);

/// <summary>Writes the figures.</summary>
public sealed class ApplianceMetrics(
    Permissions permissions, MetricFacts facts, DatastoreRegistry stores, Sampler sampler, ILedger ledger, TimeProvider clock)
{
    /// <summary>Groups with series of their own, those with the newest backups first; how many were left out is a figure, too.</summary>
    public const int GroupsMax = 2000;

    private const int WorkerTypesMax = 40;
    private const long DayS = 86_400;

    /// <summary>All that the caller may see.</summary>
    public Exposition Collect(Caller caller)
    {
        var text = new Exposition();
        text.Gauge("holdfast_up", "The appliance answers.", 1);
        if (May(caller, "/system/status", Privileges.SysAudit))
        {
            AddNode(text);
        }

        AddTasks(text, caller);
        foreach (var store in facts.Datastores().Stores.Values)
        {
            if (May(caller, "/datastore/" + store.Name, Privileges.DatastoreAudit))
            {
                AddStore(text, store);
            }
        }

        AddGroups(text, caller);
        return text;
    }

    private void AddNode(Exposition text)
    {
        text.Gauge("holdfast_ledger_head_position", "Position of the last event in the ledger.", ledger.Head.Position);
        text.Gauge("holdfast_ledger_available", "1 while events can be made durable.", ledger.IsAvailable ? 1 : 0);
        text.Gauge("holdfast_alarms", "Alarms that nobody and nothing has cleared.", facts.Alarms().Raised.Count);
        foreach (var measured in sampler.Recent().LastOrDefault() ?? [])
        {
            if (measured.Id == "host")
            {
                text.Gauge("holdfast_node_" + measured.Metric, "Node: " + measured.Metric + ".", measured.Value);
            }
        }
    }

    private void AddStore(Exposition text, DatastoreFacts store)
    {
        (string, string) label = ("datastore", store.Name);
        var open = stores.Find(store.Name, out _);
        text.Gauge("holdfast_datastore_up", "1 if the datastore can be read.", open is { Failure: null } ? 1 : 0, label);
        text.Gauge("holdfast_datastore_maintenance", "1 in a maintenance mode.", store.Maintenance is null ? 0 : 1, label);
        if (open is not null && SpaceOf(open) is { } space)
        {
            text.Gauge("holdfast_datastore_size_bytes", "Size of its file system.", space.TotalBytes, label);
            text.Gauge("holdfast_datastore_used_bytes", "Used in its file system.", space.UsedBytes, label);
            text.Gauge("holdfast_datastore_available_bytes", "Free in its file system.", space.AvailableBytes, label);
        }

        AddSnapshots(text, store.Name, label);
        var collected = facts.Collections().Of(store.Name);
        if (collected.LastEndTimeS is { } endedS)
        {
            text.Gauge("holdfast_gc_last_end_timestamp_seconds", "When the last garbage collection ended.", endedS, label);
            text.Gauge("holdfast_gc_last_ok", "1 if it ended well.", collected.LastState == "OK" ? 1 : 0, label);
        }

        if (collected.Status is { } status)
        {
            text.Gauge("holdfast_gc_disk_bytes", "Bytes of all chunks at the last garbage collection.", status.DiskBytes, label);
            text.Gauge("holdfast_gc_disk_chunks", "Chunks, likewise.", status.DiskChunks, label);
            text.Gauge("holdfast_gc_index_data_bytes", "Bytes that all indexes stand for, likewise.", status.IndexDataBytes, label);
            text.Gauge("holdfast_gc_pending_bytes", "Garbage that was too young to go, likewise.", status.PendingBytes, label);
            text.Gauge("holdfast_gc_removed_bytes", "Garbage that the last garbage collection removed.", status.RemovedBytes, label);
            if (status.DiskBytes > 0)
            {
                text.Gauge("holdfast_datastore_dedup_factor", "Bytes that indexes stand for, for each byte of chunks.",
                    status.IndexDataBytes / (double)status.DiskBytes, label);
            }
        }
    }

    private void AddSnapshots(Exposition text, string store, (string, string) label)
    {
        var (groups, snapshots, bytes) = (0, 0, 0L);
        var states = new SortedDictionary<string, int>(StringComparer.Ordinal) { ["failed"] = 0, ["none"] = 0, ["ok"] = 0 };
        foreach (var group in facts.Snapshots().InStore(store).Where(group => group.Newest is not null))
        {
            groups++;
            foreach (var snapshot in group.Snapshots.Values.Where(snapshot => !snapshot.Missing))
            {
                snapshots++;
                bytes += SizeOf(snapshot);
                states[snapshot.Content.VerifyState is "ok" or "failed" ? snapshot.Content.VerifyState : "none"]++;
            }
        }

        text.Gauge("holdfast_datastore_groups", "Groups with a finished backup.", groups, label);
        text.Gauge("holdfast_datastore_snapshots", "Finished snapshots.", snapshots, label);
        text.Gauge("holdfast_datastore_snapshot_bytes", "Bytes of all snapshots together, before deduplication.", bytes, label);
        foreach (var (state, count) in states)
        {
            text.Gauge("holdfast_datastore_snapshots_verified", "Snapshots by what their last verification said.", count, label, ("state", state));
        }
    }

    private void AddGroups(Exposition text, Caller caller)
    {
        var nowS = clock.GetUtcNow().ToUnixTimeSeconds();
        var seen = facts.Datastores().Stores.Values.SelectMany(store => facts.Snapshots().InStore(store.Name))
            .Where(group => group.Newest is not null && May(caller, group.Key.AclPath, Privileges.DatastoreAudit))
            .OrderByDescending(group => group.Newest!.BackupTime).ThenBy(group => group.Key.Stream, StringComparer.Ordinal).ToList();
        text.Gauge("holdfast_groups_left_out", "Groups without series of their own: more than the bound.", Math.Max(0, seen.Count - GroupsMax));
        foreach (var group in seen.Take(GroupsMax))
        {
            (string, string)[] labels =
            [
                ("backup_id", group.Key.BackupId), ("backup_type", group.Key.BackupType), ("datastore", group.Key.Store), ("ns", group.Key.Ns),
            ];
            var newest = group.Newest!;
            text.Gauge("holdfast_group_snapshots", "Finished snapshots of the group.", group.Snapshots.Values.Count(snapshot => !snapshot.Missing), labels);
            text.Gauge("holdfast_group_last_backup_timestamp_seconds", "Time of the newest backup.", newest.BackupTime, labels);
            text.Gauge("holdfast_group_last_backup_bytes", "Size of the newest backup, before deduplication.", SizeOf(newest), labels);
            text.Gauge("holdfast_group_last_verify_failed", "1 if the newest backup failed its verification.",
                newest.Content.VerifyState == "failed" ? 1 : 0, labels);
            var good = group.Snapshots.Values.Reverse().FirstOrDefault(snapshot => !snapshot.Missing && snapshot.Content.VerifyState != "failed");
            if (good is not null)
            {
                text.Gauge("holdfast_group_last_good_backup_age_seconds", "Age of the newest backup that did not fail its verification.",
                    Math.Max(0, nowS - good.BackupTime), labels);
            }
        }
    }

    /// <summary>Of the last day, by kind and outcome.</summary>
    private void AddTasks(Exposition text, Caller caller)
    {
        var sinceS = clock.GetUtcNow().ToUnixTimeSeconds() - DayS;
        var tasks = facts.Tasks();
        var counted = new SortedDictionary<(string Kind, string Outcome), int>();
        foreach (var task in tasks.Running.Values.Concat(tasks.Ended).Where(task => task.Status is null || task.EndTimeS >= sinceS))
        {
            if (task.Parts is { } upid && TaskList.MaySee(permissions, caller, task, upid))
            {
                var key = (upid.WorkerType, task.Outcome ?? "running");
                if (!counted.ContainsKey(key) && counted.Count >= WorkerTypesMax * 5)
                {
                    key = ("other", key.Item2);
                }

                counted[key] = counted.GetValueOrDefault(key) + 1;
            }
        }

        foreach (var ((kind, outcome), count) in counted)
        {
            text.Gauge("holdfast_tasks", "Tasks that run, or ended in the last 24 hours, by kind and outcome.", count,
                ("outcome", outcome), ("worker_type", kind));
        }
    }

    private bool May(Caller caller, string path, Privileges privilege) => (permissions.On(path, caller) & privilege) != 0;

    private static long SizeOf(Snapshot snapshot) => snapshot.Content.Files.Sum(file => file.Size ?? 0);

    private static VolumeSpace? SpaceOf(OpenDatastore store)
    {
        try
        {
            return store.Space();
        }
        catch (StorageException)
        {
            return null;
        }
    }
}
