// Which snapshots of one group stay: PBS's algorithm to the letter (pbs-protocol.md 5.1), each verdict with its reason. Pure: the time zone is handed in.
using System.Globalization;

namespace Holdfast.Features.Prune;

/// <summary>One snapshot as retention sees it.</summary>
/// <param name="BackupTime">Its name, epoch seconds.</param>
/// <param name="CountedTime">The time by which it counts: its backup time, or when the server received it.</param>
/// <param name="IsFinished">It has a manifest.</param>
public readonly record struct PruneCandidate(long BackupTime, long CountedTime, bool IsFinished, bool IsProtected);

/// <summary>What becomes of a snapshot.</summary>
public enum PruneMark
{
    Remove,
    Keep,

    /// <summary>Not finished, but newer than everything that is: its backup may be running.</summary>
    KeepPartial,

    Protected,
}

/// <summary>The verdict on one snapshot. <paramref name="Reason"/> is for people: <c>keep-daily 3 of 7</c>, <c>protected</c>.</summary>
public sealed record PruneVerdict(long BackupTime, PruneMark Mark, bool IsProtected, string Reason)
{
    public bool Keep => Mark != PruneMark.Remove;
}

/// <summary>The rules of retention.</summary>
public static class Retention
{
    private static readonly Rule[] Rules =
    [
        // One second holds one snapshot of a group: the name is the period.
        new("keep-last", policy => policy.KeepLast, static (snapshot, _) => snapshot.BackupTime, "yyyy/MM/dd HH:mm:ss"),
        new("keep-hourly", policy => policy.KeepHourly, static (_, local) => local.Ticks / TimeSpan.TicksPerHour, "yyyy/MM/dd HH'h'"),
        new("keep-daily", policy => policy.KeepDaily, static (_, local) => local.Ticks / TimeSpan.TicksPerDay, "yyyy/MM/dd"),
        new("keep-weekly", policy => policy.KeepWeekly, static (_, local) => (ISOWeek.GetYear(local) * 100) + ISOWeek.GetWeekOfYear(local), ""),
        new("keep-monthly", policy => policy.KeepMonthly, static (_, local) => (local.Year * 12) + local.Month, "yyyy/MM"),
        new("keep-yearly", policy => policy.KeepYearly, static (_, local) => local.Year, "yyyy"),
    ];

    /// <summary>Verdicts on all snapshots of a group, oldest first.</summary>
    /// <param name="zone">The server's: hours, days, weeks, months and years are its own.</param>
    public static IReadOnlyList<PruneVerdict> Decide(IEnumerable<PruneCandidate> group, RetentionPolicy policy, TimeZoneInfo zone)
    {
        var marks = group.OrderByDescending(candidate => candidate.CountedTime).ThenByDescending(candidate => candidate.BackupTime)
            .Select(candidate => new Marked(candidate, zone)).ToList();
        if (policy.KeepsEverything)
        {
            marks.ForEach(mark => mark.Set(mark.Candidate.IsProtected ? PruneMark.Protected : PruneMark.Keep, "no retention option is set"));
        }
        else
        {
            MarkUnfinished(marks);
            foreach (var rule in Rules)
            {
                if (rule.Limit(policy) is { } limit and > 0)
                {
                    Apply(marks, rule, limit);
                }
            }
        }

        return [.. marks.Select(mark => mark.Verdict).OrderBy(verdict => verdict.BackupTime)];
    }

    /// <summary>An unfinished snapshot is of use only while it is the newest: a backup may be writing it.</summary>
    private static void MarkUnfinished(List<Marked> marks)
    {
        for (var i = 0; i < marks.Count; i++)
        {
            if (!marks[i].Candidate.IsFinished)
            {
                marks[i].Set(i == 0 ? PruneMark.KeepPartial : PruneMark.Remove,
                    i == 0 ? "not finished, and the newest" : "not finished, and there is a newer one");
            }
        }
    }

    /// <summary>One pass, newest to oldest. A removal marked here is final: later rules don't revive it.</summary>
    private static void Apply(List<Marked> marks, Rule rule, long limit)
    {
        var before = new HashSet<long>();
        foreach (var mark in marks.Where(mark => mark.Mark == PruneMark.Keep))
        {
            before.Add(rule.PeriodOf(mark));
        }

        var taken = new HashSet<long>();
        var isFull = false;
        foreach (var mark in marks.Where(mark => mark.Mark is null && !mark.Candidate.IsProtected))
        {
            var period = isFull ? 0 : rule.PeriodOf(mark);
            if (!isFull && before.Contains(period))
            {
                mark.Note($"{rule.Name}: {rule.TextOf(mark)} is kept already");
            }
            else if (!isFull && taken.Contains(period))
            {
                mark.Set(PruneMark.Remove, $"{rule.Name}: {rule.TextOf(mark)} has a newer one");
            }
            else if (isFull || taken.Count >= limit)
            {
                isFull = true;
                mark.Note($"beyond {rule.Name} {limit}");
            }
            else
            {
                taken.Add(period);
                mark.Set(PruneMark.Keep, $"{rule.Name} {taken.Count} of {limit}");
            }
        }
    }

    private sealed record Rule(
        string Name, Func<RetentionPolicy, long?> Limit, Func<PruneCandidate, DateTime, long> Period, string Format)
    {
        public long PeriodOf(Marked mark) => Period(mark.Candidate, mark.Local);

        public string TextOf(Marked mark) => Format.Length == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(mark.Local)} week {ISOWeek.GetWeekOfYear(mark.Local)}")
            : mark.Local.ToString(Format, CultureInfo.InvariantCulture);
    }

    /// <summary>A snapshot on its way to a verdict.</summary>
    private sealed class Marked(PruneCandidate candidate, TimeZoneInfo zone)
    {
        private DateTime? local;
        private string reason = "no rule keeps it";

        public PruneCandidate Candidate => candidate;

        public PruneMark? Mark { get; private set; }

        /// <summary>The server's wall clock at the counted time.</summary>
        public DateTime Local =>
            local ??= TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(candidate.CountedTime), zone).DateTime;

        /// <summary>Protection always wins in the end, whatever the rules thought.</summary>
        public PruneVerdict Verdict => candidate.IsProtected
            ? new(candidate.BackupTime, PruneMark.Protected, true, "protected")
            : new(candidate.BackupTime, Mark ?? PruneMark.Remove, false, reason);

        public void Set(PruneMark mark, string why) => (Mark, reason) = (mark, why);

        /// <summary>Why a rule passed over it: told if no other rule takes it.</summary>
        public void Note(string why) => reason = why;
    }
}
