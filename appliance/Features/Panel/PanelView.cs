// What the front panel shows, as a pure function of what the ledger tells, at now or at any instant before; and for each light the facts it rests on. A green
// light is a statement like any other: it has reasons, and no alarm stands against it.
using Holdfast.Contracts.Panel;
using Holdfast.Features.Alarms;
using Holdfast.Features.Disks;
using Holdfast.Features.Pools;
using Holdfast.Features.Power;
using Holdfast.Features.Sensors;
using Holdfast.Features.Tasks;

namespace Holdfast.Features.Panel;

/// <summary>A fact that a light rests on.</summary>
/// <param name="Position">Of the event in the ledger; null = the absence of one.</param>
public sealed record PanelFact(long? Position, string Text);

/// <summary>A light and why it is as it is.</summary>
public sealed record ShownIndicator(Indicator Indicator, IReadOnlyList<PanelFact> Why);

/// <summary>What the view is made from: states of folds, all of one position.</summary>
public sealed record PanelInputs(AlarmsState Alarms, PowerState Power, PoolsState Pools, DisksState Disks, TasksState Tasks, SensorsState Sensors,
    long Position);

/// <summary>The view.</summary>
public static class PanelView
{
    private const int FactsMax = 20;

    /// <summary>All lights, in the order of a panel.</summary>
    public static IReadOnlyList<ShownIndicator> Of(PanelInputs now) =>
        [Power(now), Health(now), Activity(now), Attention(now), Network(now), .. now.Disks.Disks.Values.Take(Picture.IndicatorsMax - 8)
            .Select((disk, i) => Slot(now, disk, i + 1))];

    /// <summary>The picture for a panel: lights, lines, buzzer.</summary>
    public static Picture PictureOf(PanelInputs now, int page) => new([.. Of(now).Select(shown => shown.Indicator)], Lines(now, page), Sounds(now));

    /// <summary>Pages of the display; a short press shows the next.</summary>
    public static int Pages(PanelInputs now) => 2 + now.Alarms.Raised.Count;

    private static ShownIndicator Power(PanelInputs now) => now.Power switch
    {
        { StopCause: { } cause } => Show("power", "amber", "slow", $"stopping: {cause}",
            new PanelFact(null, $"an ordered stop is under way because of {cause}")),
        { IsOnBattery: true } => Show("power", "amber", "fast", "on battery",
            new PanelFact(null, $"UPS '{now.Power.Ups}' runs from its battery since {now.Power.OnBatterySinceS}")),
        { Ups: null } => Show("power", "green", "solid", "on, no UPS", new PanelFact(null, "the service runs; no UPS was ever seen")),
        { IsReachable: false } => Show("power", "amber", "solid", "on, UPS silent", new PanelFact(null, $"UPS '{now.Power.Ups}' does not answer")),
        _ => Show("power", "green", "solid", "on mains", new PanelFact(null, $"UPS '{now.Power.Ups}' reports mains")),
    };

    private static ShownIndicator Health(PanelInputs now)
    {
        var critical = now.Alarms.Raised.Values.Where(alarm => AlarmKinds.Of(alarm.Kind).Severity == AlarmSeverity.Critical).ToList();
        if (critical.Count > 0)
        {
            return Show("health", "red", "solid", $"{critical.Count} critical alarms", Facts(critical));
        }

        if (now.Alarms.Raised.Count > 0)
        {
            return Show("health", "amber", "solid", $"{now.Alarms.Raised.Count} alarms", Facts(now.Alarms.Raised.Values));
        }

        // An alarm that somebody put away is no cure: what it was about still stands.
        if (Standing(now).ToList() is { Count: > 0 } standing)
        {
            return Show("health", standing.Exists(one => one.IsCritical) ? "red" : "amber", "solid", standing[0].Fact.Text,
                [.. standing.Select(one => one.Fact)]);
        }

        var resilvering = now.Pools.Pools.Values.Where(pool => pool.Scanning == "RESILVER").ToList();
        if (resilvering.Count > 0)
        {
            return Show("health", "amber", "slow", "resilvering", [.. resilvering.Select(pool => new PanelFact(null, $"pool '{pool.Name}' is resilvering"))]);
        }

        var well = now.Disks.Disks.Values.Count(disk => disk.Verdict == "well");
        return Show("health", "green", "solid", "healthy",
            new PanelFact(now.Position, $"no alarm is raised as of event {now.Position}"),
            new PanelFact(null, $"{now.Pools.Pools.Count} pools are whole, {well} of {now.Disks.Disks.Count} disks say that they are well"));
    }

    /// <summary>What is not as it should be, whether or not an alarm says so.</summary>
    private static IEnumerable<(bool IsCritical, PanelFact Fact)> Standing(PanelInputs now) =>
    [
        .. now.Pools.Pools.Values.Where(pool => pool.State != "ONLINE").Select(pool => (true, new PanelFact(null, $"pool '{pool.Name}' is {pool.State}"))),
        .. now.Pools.Pools.Values.Where(pool => pool.DamagedPlaces > 0)
            .Select(pool => (true, new PanelFact(null, $"pool '{pool.Name}' has {pool.DamagedPlaces} damaged places"))),
        .. now.Disks.Disks.Values.Where(disk => disk.Verdict == "failing").Select(disk => (true, new PanelFact(null, $"disk {disk.Id} is failing"))),
        .. now.Disks.Disks.Values.Where(disk => disk.Verdict == "worn").Select(disk => (false, new PanelFact(null, $"disk {disk.Id} is worn"))),
        .. now.Sensors.Hot.Select(hot => (hot.Value.IsCritical, new PanelFact(null, $"{hot.Value.Label} ({hot.Key}) is too hot"))),
        .. now.Power.IsOnBattery ? [(true, new PanelFact(null, "the machine runs from the battery"))] : Array.Empty<(bool, PanelFact)>(),
    ];

    private static ShownIndicator Activity(PanelInputs now)
    {
        var running = now.Tasks.Running.Keys.Order(StringComparer.Ordinal).ToList();
        var sessions = running.Count(task => task.Contains(":backup:", StringComparison.Ordinal) || task.Contains(":reader:", StringComparison.Ordinal));
        IReadOnlyList<PanelFact> why = [.. running.Take(FactsMax).Select(task => new PanelFact(null, "runs: " + task))];
        return running.Count == 0 ? Show("activity", "off", "off", "idle", new PanelFact(null, "nothing runs"))
            : sessions > 0 ? Show("activity", "green", "fast", $"{sessions} backups and restores", why)
                : Show("activity", "green", "solid", $"{running.Count} tasks", why);
    }

    private static ShownIndicator Attention(PanelInputs now) => now.Alarms.Raised.IsEmpty
        ? Show("attention", "off", "off", "nothing to do", new PanelFact(null, "no alarm waits for anybody"))
        : Show("attention", "amber", "slow", $"{now.Alarms.Raised.Count} alarms wait", Facts(now.Alarms.Raised.Values));

    private static ShownIndicator Network(PanelInputs now)
    {
        var (up, down) = (now.Sensors.Links.Count(link => link.Value.HasCarrier), now.Sensors.Links.Where(link => !link.Value.HasCarrier).ToList());
        var flapping = now.Sensors.Links.Where(link => link.Value.IsFlapping).ToList();
        return now.Sensors.Links.IsEmpty ? Show("network", "off", "off", "no link is known", new PanelFact(null, "no interface with a link was ever seen"))
            : flapping.Count > 0 ? Show("network", "amber", "fast", $"{flapping[0].Key} comes and goes",
                [.. flapping.Select(link => new PanelFact(null, $"the link of {link.Key} comes and goes"))])
            : down.Count > 0 ? Show("network", up == 0 ? "red" : "amber", "slow", $"{down[0].Key} has no link",
                [.. down.Select(link => new PanelFact(null, $"{link.Key} had a link and has none"))])
            : Show("network", "green", "solid", $"{up} links", [.. now.Sensors.Links.Take(FactsMax).Select(link => new PanelFact(null,
                $"{link.Key}: {(link.Value.SpeedMbps is { } speed ? $"{speed} Mbit/s" : "has a link")}"))]);
    }

    private static ShownIndicator Slot(PanelInputs now, KnownDisk disk, int number)
    {
        var name = $"disk{number}";
        var inPool = now.Pools.Pools.Values.SelectMany(pool => pool.Disks.Values.Select(part => (Pool: pool, Part: part)))
            .FirstOrDefault(one => PoolWatch.IsOn(one.Part.Name, disk.Id));
        if (inPool.Part is { State: "FAULTED" or "UNAVAIL" or "REMOVED" })
        {
            return Show(name, "amber", "solid", $"{disk.Id} failed", new PanelFact(null, $"pool '{inPool.Pool.Name}' says {inPool.Part.State}"));
        }

        if (disk.Verdict == "failing")
        {
            return Show(name, "amber", "predicted", $"{disk.Id} is failing", new PanelFact(null, "SMART: " + string.Join(", ", disk.Rules)));
        }

        if (disk.Verdict == "unknown")
        {
            return Show(name, "off", "off", $"{disk.Id} says nothing", new PanelFact(null, "it never made a SMART report that could be read"));
        }

        return inPool.Pool is { Scanning: "RESILVER" } ? Show(name, "amber", "rebuild", $"{disk.Id} resilvers",
            new PanelFact(null, $"pool '{inPool.Pool.Name}' is resilvering"))
            : Show(name, "green", "solid", disk.Verdict == "worn" ? $"{disk.Id} is worn" : $"{disk.Id} is well",
                new PanelFact(null, disk.Rules.IsEmpty ? "nothing speaks against it" : string.Join(", ", disk.Rules)));
    }

    private static List<string> Lines(PanelInputs now, int page)
    {
        var at = now.Alarms.Raised.Count == 0 ? page % 2 : page % (2 + now.Alarms.Raised.Count);
        if (at >= 2)
        {
            var alarm = now.Alarms.Raised.Values.ElementAt(at - 2);
            return [Ascii($"{at - 1}/{now.Alarms.Raised.Count} {alarm.Kind}"), .. Cut(alarm.Text)];
        }

        return at == 0
            ? ["Holdfast", Ascii(Health(now).Indicator.Text), Ascii(Power(now).Indicator.Text), Ascii(Activity(now).Indicator.Text)]
            : [Ascii($"{now.Pools.Pools.Count} pools {now.Disks.Disks.Count} disks"), .. now.Pools.Pools.Values.Take(3)
                .Select(pool => Ascii($"{pool.Name} {pool.State}"))];
    }

    /// <summary>Data in danger is to be heard.</summary>
    private static bool Sounds(PanelInputs now) => now.Alarms.Raised.Values
        .Any(alarm => alarm.Kind is "pool-degraded" or "pool-suspended" or "pool-data-damaged" or "mains-lost" or "battery-low");

    private static IEnumerable<string> Cut(string text) => Ascii(text, 60).Chunk(20).Select(part => new string(part));

    private static string Ascii(string text, int charsMax = 20)
    {
        var plain = new string([.. text.Select(c => c is >= ' ' and <= '~' ? c : '?')]);
        return plain.Length > charsMax ? plain[..charsMax] : plain;
    }

    private static PanelFact[] Facts(IEnumerable<Alarm> alarms) =>
        [.. alarms.Take(FactsMax).Select(alarm => new PanelFact(alarm.Id, $"{alarm.Kind}: {alarm.Text}"))];

    private static ShownIndicator Show(string name, string color, string pattern, string text, params IReadOnlyList<PanelFact> why) =>
        new(new Indicator(name, color, pattern, text), why);
}
