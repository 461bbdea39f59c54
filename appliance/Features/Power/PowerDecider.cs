// What readings of the UPS mean, by time and by what was told before. Pure: the clock is an argument, what has to be remembered between readings but is no
// fact (since when, how often) is a value that goes in and comes out. A break shorter than ten seconds is none; mains that come and go make at most one
// ordered stop.
using Holdfast.Contracts.Power;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Power;

/// <summary>When the machine stops.</summary>
/// <param name="RuntimeBelowS">Stop when the battery lasts less long.</param>
/// <param name="OnBatteryMaxS">Stop after so long on battery, whatever it lasts; 0 = no such limit.</param>
public sealed record PowerPolicy(int RuntimeBelowS, int OnBatteryMaxS)
{
    public static readonly PowerPolicy Default = new(300, 0);
}

/// <summary>What is remembered between readings. Seconds of a clock that only goes forward.</summary>
/// <param name="BatterySinceS">First of an unbroken row of readings on battery; null = the last was not.</param>
/// <param name="MainsSinceS">The same on mains.</param>
/// <param name="AwaySinceS">The same without an answer.</param>
/// <param name="ChangesS">When mains and battery changed places lately.</param>
/// <param name="WasOnBattery">Of the last answer.</param>
public sealed record PowerMemory(long? BatterySinceS, long? MainsSinceS, long? AwaySinceS, IReadOnlyList<long> ChangesS, bool? WasOnBattery)
{
    public static readonly PowerMemory None = new(null, null, null, [], null);
}

/// <summary>What follows from a reading.</summary>
/// <param name="StopCause">Why the machine is to stop now; null = it is not.</param>
/// <param name="UndoesStop">A stop that is under way because of power is to be undone.</param>
public sealed record PowerVerdict(PowerMemory Memory, IReadOnlyList<NewEvent> Events, string? StopCause, bool UndoesStop);

/// <summary>The decider.</summary>
public static class PowerDecider
{
    /// <summary>A break or a return counts after so long.</summary>
    public const int SettleS = 10;

    /// <summary>So many changes within <see cref="FlappingWithinS"/> are flapping.</summary>
    public const int FlappingChanges = 6;

    public const int FlappingWithinS = 600;

    /// <summary>With flapping mains a return counts after so long.</summary>
    public const int FlappingSettleS = 60;

    /// <summary>On battery, a UPS that does not answer for so long is as good as an empty one.</summary>
    public const int AwayOnBatteryS = 15;

    /// <summary>On mains that is told after so long.</summary>
    public const int AwayToldS = 30;

    /// <summary>What a reading tells.</summary>
    /// <param name="reading">Null = no answer; then <paramref name="away"/> says why.</param>
    public static PowerVerdict Decide(
        PowerState known, PowerMemory memory, UpsReading? reading, UpsAwayException? away, PowerPolicy policy, long nowS, EventMetadata because) =>
        reading is null ? Away(known, memory, away, nowS, because) : new Reading(known, memory, reading, policy, nowS, because).Verdict();

    private static PowerVerdict Away(PowerState known, PowerMemory memory, UpsAwayException? away, long nowS, EventMetadata because)
    {
        var since = memory.AwaySinceS ?? nowS;
        var next = memory with { AwaySinceS = since, BatterySinceS = null, MainsSinceS = null };
        // Only what this process has seen counts: a box that comes up after a power cut, with a UPS that takes its time, is not to be switched off again.
        var onBattery = memory.WasOnBattery == true;
        List<NewEvent> events = [];
        if (known.IsReachable && nowS - since >= (onBattery ? AwayOnBatteryS : AwayToldS))
        {
            events.Add(Event.Of(new UpsUnreachable(away?.Code ?? "UNREACHABLE", away?.Message ?? "no answer"), because));
        }

        return new PowerVerdict(next, events, onBattery && nowS - since >= AwayOnBatteryS ? "ups-lost-on-battery" : null, false);
    }

    /// <summary>One answer of the UPS.</summary>
    private sealed class Reading(PowerState known, PowerMemory memory, UpsReading reading, PowerPolicy policy, long nowS, EventMetadata because)
    {
        private readonly List<NewEvent> events = [];
        private PowerMemory next = PowerMemory.None;

        public PowerVerdict Verdict()
        {
            var isFirst = memory.WasOnBattery is null;
            var onBattery = reading.IsOnBattery || (!reading.IsOnMains && memory.WasOnBattery == true);
            IReadOnlyList<long> changes = [.. memory.ChangesS.Where(at => nowS - at < FlappingWithinS), .. memory.WasOnBattery is { } was && was != onBattery
                ? [nowS] : (long[])[]];
            next = new PowerMemory(onBattery ? memory.BatterySinceS ?? nowS : null, onBattery ? null : memory.MainsSinceS ?? nowS, null, changes, onBattery);
            if (!known.IsReachable)
            {
                Add(new UpsReachable(reading.Name, reading.Maker, reading.Model, reading.Serial));
            }

            if (reading.NeedsBattery != known.NeedsBattery)
            {
                Add(reading.NeedsBattery, new BatteryWorn(reading.Name), new BatteryReplaced(reading.Name));
            }

            var isFlapping = changes.Count >= FlappingChanges;
            if (isFlapping && !known.IsFlapping && changes[^1] == nowS)
            {
                Add(new MainsFlapping(reading.Name, changes.Count, FlappingWithinS));
            }

            return onBattery ? OnBattery(isFirst) : OnMains(isFlapping);
        }

        private PowerVerdict OnBattery(bool isFirst)
        {
            var lasted = nowS - next.BatterySinceS!.Value;
            var isTold = known.IsOnBattery;
            if (!isTold && (isFirst || lasted >= SettleS || reading.IsLow))
            {
                Add(new MainsLost(reading.Name, reading.ChargePercent, reading.RuntimeS, isFirst));
                isTold = true;
            }

            if (reading.IsLow && !known.IsBatteryLow)
            {
                Add(new BatteryLow(reading.Name, reading.ChargePercent, reading.RuntimeS));
            }

            var cause = reading.IsLow ? "battery-low"
                : reading.IsForced ? "forced-by-ups"
                : isTold && reading.RuntimeS < policy.RuntimeBelowS ? "runtime-low"
                : isTold && policy.OnBatteryMaxS > 0 && lasted >= policy.OnBatteryMaxS ? "on-battery-too-long"
                : null;
            return new PowerVerdict(next, events, cause, false);
        }

        private PowerVerdict OnMains(bool isFlapping)
        {
            var lasted = nowS - next.MainsSinceS!.Value;
            if (known.IsOnBattery && lasted >= (isFlapping || known.IsFlapping ? FlappingSettleS : SettleS))
            {
                Add(new MainsBack(reading.Name, reading.ChargePercent));
                return new PowerVerdict(next, events, null, true);
            }

            return new PowerVerdict(next, events, null, !known.IsOnBattery);
        }

        private void Add<T>(T data) where T : class, IEventData<T> => events.Add(Event.Of(data, because));

        private void Add(bool first, BatteryWorn worn, BatteryReplaced replaced)
        {
            if (first)
            {
                Add(worn);
            }
            else
            {
                Add(replaced);
            }
        }
    }
}
