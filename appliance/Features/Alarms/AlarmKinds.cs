// The kinds of alarms: how grave each is, and what to do about it. The words for one alarm are its own; these hold for all of its kind.
namespace Holdfast.Features.Alarms;

/// <summary>How grave it is.</summary>
public enum AlarmSeverity
{
    /// <summary>Look at it in the next days.</summary>
    Warning,

    /// <summary>Data is lost or in danger: look at it now.</summary>
    Critical,
}

/// <summary>A kind.</summary>
/// <param name="Advice">What to do, for the person who reads it.</param>
public sealed record AlarmKind(string Name, AlarmSeverity Severity, string Advice);

/// <summary>All kinds.</summary>
public static class AlarmKinds
{
    private static readonly AlarmKind Unknown = new("", AlarmSeverity.Warning, "look at what it says");

    /// <summary>Every kind that can be raised.</summary>
    public static readonly IReadOnlyDictionary<string, AlarmKind> All = new AlarmKind[]
    {
        new("backup-time-in-future", AlarmSeverity.Warning,
            "set the clock of the machine that made the backup, and forget the snapshot if retention is not to keep it before all others"),
        new("snapshot-missing", AlarmSeverity.Critical, "find out who removed it from the disk past this appliance; restore it from a copy, or forget it"),
        new("snapshot-damaged", AlarmSeverity.Critical,
            "make a new backup of the same guest, which heals the chunks that its data still has; then verify again"),
        new("snapshot-unreadable", AlarmSeverity.Critical, "look at the disks and the pool below the datastore: the data may be whole once they can be read"),
        new("chunk-corrupt", AlarmSeverity.Critical, "make new backups of the guests that it hits: an upload of the same data heals it"),
        new("chunk-missing", AlarmSeverity.Critical, "make new backups of the guests that it hits: an upload of the same data heals it"),
        new("datastore-space-low", AlarmSeverity.Warning, "prune and collect garbage, or give the datastore more space"),
        new("ledger-space-low", AlarmSeverity.Critical, "free space in the appliance's own folder before the ledger can't be written any more"),
        new("update-fell-back", AlarmSeverity.Warning,
            "the box works as before; look at the journal of the failed start ('holdfast support-bundle') before the same version is installed again"),
        new("pool-degraded", AlarmSeverity.Critical,
            "replace the disk that is not well: 'holdfast pool status' names it, 'holdfast pool replace' guides through it"),
        new("pool-suspended", AlarmSeverity.Critical,
            "bring its disks back (power, cables, controller), then 'holdfast pool clear': what waits goes on, and nothing that was acknowledged is lost"),
        new("pool-gone", AlarmSeverity.Critical, "look at its disks and their cables, then 'holdfast pool import': its datastores are away"),
        new("pool-disk-errors", AlarmSeverity.Warning, "look at the disk ('holdfast disk smart') and its cable, scrub the pool, then clear the counters"),
        new("pool-data-damaged", AlarmSeverity.Critical,
            "what the files belong to can't be read any more: make new backups of the guests that are hit, then scrub twice"),
        new("pool-space-low", AlarmSeverity.Warning, "prune and collect garbage, or add disks: ZFS needs free space to write"),
        new("disk-failing", AlarmSeverity.Critical, "replace it: 'holdfast pool replace' if it belongs to a pool"),
        new("disk-worn", AlarmSeverity.Warning, "have a disk ready to replace it, and look again when the figure grows"),
        new("disk-gone", AlarmSeverity.Warning, "if nobody pulled it, look at its cable, its power and its place"),
        new("box-hot", AlarmSeverity.Warning, "look at the fans, the filters and the air around the box"),
        new("box-overheating", AlarmSeverity.Critical, "cool the box or switch it off ('holdfast power shutdown'): its makers call this critical"),
        new("memory-errors", AlarmSeverity.Warning, "seat the module anew; have one ready, and replace it if the count goes on growing"),
        new("memory-uncorrected", AlarmSeverity.Critical, "replace the module, then verify what was backed up meanwhile: what it held may have been written"),
        new("link-lost", AlarmSeverity.Warning, "look at the cable and at the other end of it"),
        new("link-flapping", AlarmSeverity.Warning, "the link comes and goes: change the cable, then the port at the other end"),
        new("clock-wrong", AlarmSeverity.Warning, "'holdfast time servers' shows whom the clock follows: backups are kept and forgotten by it"),
        new("nfs-server-lost", AlarmSeverity.Critical,
            "look at the server and the network to it: its datastores take nothing until it answers, and go on by themselves then ('holdfast nfs mount list')"),
        new("nfs-exports-down", AlarmSeverity.Critical,
            "'systemctl status nfs-server' says why it does not serve; it is tried again every few minutes, or 'holdfast nfs export remove'"),
        new("mains-lost", AlarmSeverity.Critical, "look at the fuse and the UPS's plug; when the battery runs low the box switches itself off in good order"),
        new("battery-low", AlarmSeverity.Critical, "nothing is to be done but to bring the mains back: the box is being switched off"),
        new("battery-worn", AlarmSeverity.Warning, "replace the UPS's battery: it may not last as long as it says"),
        new("mains-flapping", AlarmSeverity.Warning, "the mains come and go: look at the plug, the socket strip and the UPS's sensitivity"),
        new("ups-unreachable", AlarmSeverity.Warning, "look at the UPS's cable and at its server (upsd): until it answers, nobody sees a power cut coming"),
    }.ToDictionary(kind => kind.Name);

    /// <summary>The kind of a name.</summary>
    public static AlarmKind Of(string name) => All.GetValueOrDefault(name, Unknown);
}
