// The part of the alarms that speaks of hardware: pools, disks, power, the machine's sensors and NFS. Pure, a part of AlarmsFold.
using Holdfast.Features.Disks;
using Holdfast.Features.Events;
using Holdfast.Features.Nfs;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Sensors;
using Holdfast.Ledger;

namespace Holdfast.Features.Alarms;

/// <summary>Its cases.</summary>
internal static class HardwareAlarms
{
    public static bool Knows(string type) =>
        type is "PoolDiscovered/1" or "PoolDegraded/1" or "PoolHealthy/1" or "PoolGone/1" or "PoolDiskErrorsFound/1" or "PoolDiskErrorsCleared/1"
        or "PoolDiskChanged/1" or "PoolDataDamaged/1" or "PoolDataMended/1" or "PoolSpaceLow/1" or "PoolSpaceRegained/1" or "DiskFailing/1"
        or "DiskWorn/1" or "DiskWell/1"
        or "DiskGone/1" or "DiskSeen/1" or "MainsLost/1" or "MainsBack/1" or "MainsFlapping/1" or "BatteryLow/1" or "BatteryWorn/1" or "BatteryReplaced/1"
        or "UpsReachable/1" or "UpsUnreachable/1" or "UpsRemoved/1"
        or "TemperatureHigh/1" or "TemperatureNormal/1" or "MemoryErrorsFound/1" or "NetworkLinkFound/1" or "NetworkLinkLost/1" or "NetworkLinkFlapping/1"
        or "NetworkLinkRemoved/1" or "ClockSynchronised/1" or "ClockUnsynchronised/1"
        or "NfsServerLost/1" or "NfsServerBack/1" or "NfsMountRemoved/1" or "NfsExportsDown/1" or "NfsExportsUp/1" or "NfsExportRemoved/1";

    public static AlarmsState Apply(AlarmsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "PoolDegraded/1":
                var degraded = Event.Read<PoolDegraded>(recorded);
                if (degraded.State == Contracts.Pools.Pool.Suspended)
                {
                    return AlarmsFold.Raise(state, recorded, "pool-suspended", Pool(degraded.Pool),
                        $"pool '{degraded.Pool}' has stopped: too many of its disks do not answer, and whoever writes to it waits");
                }

                return AlarmsFold.Raise(AlarmsFold.Clear(state, Pool(degraded.Pool), "pool-suspended"), recorded, "pool-degraded", Pool(degraded.Pool),
                    $"pool '{degraded.Pool}' is {degraded.State}{(degraded.Disks.Count > 0 ? ": " + string.Join(", ", degraded.Disks) : "")}");
            case "PoolHealthy/1":
                var healthy = Pool(Event.Read<PoolHealthy>(recorded).Pool);
                return AlarmsFold.Clear(AlarmsFold.Clear(state, healthy, "pool-suspended"), healthy, "pool-degraded");
            case "PoolGone/1":
                var left = Event.Read<PoolGone>(recorded);
                var gone = Pool(left.Pool);
                var others = new AlarmsState(state.Raised.RemoveRange(state.Raised.Values
                    .Where(alarm => alarm.Subject == gone || alarm.Subject.StartsWith(gone + ":", StringComparison.Ordinal)).Select(alarm => alarm.Id)));
                return left.IsLetGo ? others : AlarmsFold.Raise(others, recorded, "pool-gone", gone,
                    $"pool '{left.Pool}' is no longer there, and nobody exported it here");
            case "PoolDiscovered/1":
                return AlarmsFold.Clear(state, Pool(Event.Read<PoolDiscovered>(recorded).Pool), "pool-gone");
            case "PoolDiskErrorsFound/1":
                var errors = Event.Read<PoolDiskErrorsFound>(recorded);
                return AlarmsFold.Raise(state, recorded, "pool-disk-errors", PoolDisk(errors.Pool, errors.Disk),
                    $"{errors.Reads} reads, {errors.Writes} writes and {errors.Checksums} checksums failed on a disk of pool '{errors.Pool}'");
            case "PoolDiskErrorsCleared/1":
                var cleared = Event.Read<PoolDiskErrorsCleared>(recorded);
                return AlarmsFold.Clear(state, PoolDisk(cleared.Pool, cleared.Disk), "pool-disk-errors");
            case "PoolDiskChanged/1" when Event.Read<PoolDiskChanged>(recorded) is { State: PoolsFold.Absent } part:
                return AlarmsFold.Clear(state, PoolDisk(part.Pool, part.Disk), "pool-disk-errors");
            case "PoolDataDamaged/1":
                var damaged = Event.Read<PoolDataDamaged>(recorded);
                return AlarmsFold.Raise(state, recorded, "pool-data-damaged", Pool(damaged.Pool),
                    $"pool '{damaged.Pool}' can't read {damaged.Places} places of its data; {damaged.Chunks} of the files named are chunks");
            case "PoolDataMended/1":
                return AlarmsFold.Clear(state, Pool(Event.Read<PoolDataMended>(recorded).Pool), "pool-data-damaged");
            case "PoolSpaceLow/1":
                var low = Event.Read<PoolSpaceLow>(recorded);
                return AlarmsFold.Raise(state, recorded, "pool-space-low", Pool(low.Pool),
                    string.Create(System.Globalization.CultureInfo.InvariantCulture,
                        $"{low.UsedPercent:0.#} % of pool '{low.Pool}' are used: {low.Threshold} % are reached"));
            case "PoolSpaceRegained/1":
                var regained = Event.Read<PoolSpaceRegained>(recorded);
                return regained.Threshold == 0 ? AlarmsFold.Clear(state, Pool(regained.Pool), "pool-space-low") : state;
            case "DiskFailing/1":
                var failing = Event.Read<DiskFailing>(recorded);
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Disk(failing.Disk), "disk-worn"), recorded, "disk-failing", Disk(failing.Disk),
                    Reasons(failing.Disk, failing.Serial, failing.Reasons));
            case "DiskWorn/1":
                var worn = Event.Read<DiskWorn>(recorded);
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Disk(worn.Disk), "disk-failing"), recorded, "disk-worn", Disk(worn.Disk),
                    Reasons(worn.Disk, worn.Serial, worn.Reasons));
            case "DiskWell/1":
                return AlarmsFold.Clear(state, Disk(Event.Read<DiskWell>(recorded).Disk), null);
            case "DiskGone/1":
                var away = Event.Read<DiskGone>(recorded);
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Disk(away.Disk), null), recorded, "disk-gone", Disk(away.Disk),
                    $"disk {away.Disk} ({away.Model ?? "model not known"}, serial {away.Serial ?? "not known"}) is no longer there");
            case "DiskSeen/1":
                return AlarmsFold.Clear(state, Disk(Event.Read<DiskSeen>(recorded).Disk), "disk-gone");
            default:
                return Power(state, recorded);
        }
    }

    private static AlarmsState Power(AlarmsState state, RecordedEvent recorded)
    {
        const string ups = "ups";
        switch (recorded.Type)
        {
            case "MainsLost/1":
                var lost = Event.Read<MainsLost>(recorded);
                return AlarmsFold.Raise(state, recorded, "mains-lost", ups,
                    $"the machine runs from the battery of UPS '{lost.Ups}' (charged to {Text(lost.ChargePercent)} %, {Text(lost.RuntimeS)} s left)");
            case "MainsBack/1":
                return AlarmsFold.Clear(AlarmsFold.Clear(AlarmsFold.Clear(state, ups, "mains-lost"), ups, "battery-low"), ups, "mains-flapping");
            case "MainsFlapping/1":
                var flapping = Event.Read<MainsFlapping>(recorded);
                return AlarmsFold.Raise(state, recorded, "mains-flapping", ups,
                    $"mains and battery changed places {flapping.Changes} times within {flapping.WithinS} s");
            case "BatteryLow/1":
                return AlarmsFold.Raise(state, recorded, "battery-low", ups, $"the battery of UPS '{Event.Read<BatteryLow>(recorded).Ups}' is nearly empty");
            case "BatteryWorn/1":
                return AlarmsFold.Raise(state, recorded, "battery-worn", ups, $"UPS '{Event.Read<BatteryWorn>(recorded).Ups}' asks for a new battery");
            case "BatteryReplaced/1":
                return AlarmsFold.Clear(state, ups, "battery-worn");
            case "UpsUnreachable/1":
                return AlarmsFold.Raise(state, recorded, "ups-unreachable", ups, Event.Read<UpsUnreachable>(recorded).Why);
            case "UpsRemoved/1":
                return AlarmsFold.Clear(state, ups, null);
            case "UpsReachable/1":
                return AlarmsFold.Clear(state, ups, "ups-unreachable");
            default:
                return Sensors(state, recorded);
        }
    }

    private static AlarmsState Sensors(AlarmsState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "TemperatureHigh/1":
                var hot = Event.Read<TemperatureHigh>(recorded);
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Sensor(hot.Sensor), null), recorded, hot.IsCritical ? "box-overheating" : "box-hot",
                    Sensor(hot.Sensor), FormattableString.Invariant(
                        $"{hot.Label} ({hot.Sensor}) has {hot.Celsius:0.#} °C; its maker's limit is {hot.LimitC:0.#} °C"));
            case "TemperatureNormal/1":
                return AlarmsFold.Clear(state, Sensor(Event.Read<TemperatureNormal>(recorded).Sensor), null);
            case "MemoryErrorsFound/1":
                var memory = Event.Read<MemoryErrorsFound>(recorded);
                return AlarmsFold.Raise(state, recorded, memory.Uncorrected > 0 ? "memory-uncorrected" : "memory-errors", "memory:" + memory.Module,
                    $"memory module {memory.Label} ({memory.Module}): {memory.Corrected} corrected, {memory.Uncorrected} uncorrected errors since the start");
            case "NetworkLinkLost/1":
                var lost = Event.Read<NetworkLinkLost>(recorded).Interface;
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Link(lost), null), recorded, "link-lost", Link(lost), $"interface {lost} has no link");
            case "NetworkLinkFlapping/1":
                var flapping = Event.Read<NetworkLinkFlapping>(recorded);
                return AlarmsFold.Raise(AlarmsFold.Clear(state, Link(flapping.Interface), null), recorded, "link-flapping", Link(flapping.Interface),
                    $"the link of {flapping.Interface} changed {flapping.Changes} times within {flapping.WithinS} s");
            case "NetworkLinkFound/1":
                return AlarmsFold.Clear(state, Link(Event.Read<NetworkLinkFound>(recorded).Interface), null);
            case "NetworkLinkRemoved/1":
                return AlarmsFold.Clear(state, Link(Event.Read<NetworkLinkRemoved>(recorded).Interface), null);
            case "ClockUnsynchronised/1":
                return AlarmsFold.Raise(state, recorded, "clock-wrong", "clock",
                    $"the clock is not to be relied on: {Event.Read<ClockUnsynchronised>(recorded).Why}");
            case "ClockSynchronised/1":
                return AlarmsFold.Clear(state, "clock", "clock-wrong");
            default:
                return Nfs(state, recorded);
        }
    }

    private static AlarmsState Nfs(AlarmsState state, RecordedEvent recorded)
    {
        const string exports = "nfs-exports";
        switch (recorded.Type)
        {
            case "NfsServerLost/1":
                var lost = Event.Read<NfsServerLost>(recorded);
                return AlarmsFold.Raise(state, recorded, "nfs-server-lost", Mount(lost.Mount),
                    $"mount '{lost.Mount}' of server {lost.Server} is of no use: {lost.Why}");
            case "NfsServerBack/1":
                return AlarmsFold.Clear(state, Mount(Event.Read<NfsServerBack>(recorded).Mount), null);
            case "NfsMountRemoved/1":
                return AlarmsFold.Clear(state, Mount(Event.Read<NfsMountRemoved>(recorded).Mount), null);
            case "NfsExportsDown/1":
                return AlarmsFold.Raise(state, recorded, "nfs-exports-down", exports,
                    $"other machines can't reach what is exported to them: {Event.Read<NfsExportsDown>(recorded).Why}");
            case "NfsExportsUp/1" or "NfsExportRemoved/1":
                return AlarmsFold.Clear(state, exports, null);
            default:
                return state;
        }
    }

    private static string Mount(string name) => "nfs-mount:" + name;

    private static string Sensor(string id) => "sensor:" + id;

    private static string Link(string name) => "link:" + name;

    private static string Text(int? number) => number?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?";

    private static string Reasons(string disk, string? serial, IReadOnlyList<string> reasons) =>
        $"disk {disk} (serial {serial ?? "not known"}): {string.Join("; ", reasons)}";

    private static string Pool(string name) => "pool:" + name;

    private static string PoolDisk(string pool, string disk) => $"pool:{pool}:{disk}";

    private static string Disk(string id) => "disk:" + id;
}
