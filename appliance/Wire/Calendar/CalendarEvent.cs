// When something is to happen again: PBS's calendar events (pbs-protocol 5.2), and the spelling of its guides (`daily 02:00`, `weekly sat 08:00`) beside
// them. The next time is computed in the given time zone; hours that a zone skips or repeats are treated as PBS treats them.
namespace Holdfast.Wire;

/// <summary>A parsed calendar event. Immutable.</summary>
public sealed record CalendarEvent
{
    /// <summary>Longest text that is looked at; PBS's longest useful ones have some 60 characters.</summary>
    public const int MaxLength = 256;

    private const int StepsMax = 1000;
    private const int LastYear = 2199;

    internal static readonly CalendarField EveryWeekday = CalendarField.All(0, 6);

    internal static readonly CalendarEvent Daily = new();

    private CalendarEvent()
    {
    }

    internal CalendarField Weekdays { get; init; } = EveryWeekday;
    internal CalendarField Years { get; init; } = CalendarField.All(1970, 2199);
    internal CalendarField Months { get; init; } = CalendarField.All(1, 12);
    internal CalendarField Days { get; init; } = CalendarField.All(1, 31);
    internal CalendarField Hours { get; init; } = CalendarField.Only(0);
    internal CalendarField Minutes { get; init; } = CalendarField.Only(0);
    internal CalendarField Seconds { get; init; } = CalendarField.Only(0);

    /// <summary>Is it meant in UTC, whatever the server's zone is?</summary>
    public bool IsUtc { get; internal init; }

    /// <summary>The event behind a text; null with PBS's refusal.</summary>
    public static CalendarEvent? Parse(string text, out string problem)
    {
        if (text.Length > MaxLength)
        {
            problem = $"value may only be {MaxLength} characters long";
            return null;
        }

        var parser = new CalendarParser(text);
        CalendarEvent? found = parser.Read() ?? Alias(text);
        problem = found is null ? parser.Problem : "";
        return found;
    }

    /// <summary>
    /// First matching second after <paramref name="lastS"/> (both epoch seconds); null if there is none before the year 2200. A local time that the zone
    /// skips is no match. One that it repeats is the first of the two, unless <paramref name="lastS"/> lies in the repeated hour: then the second.
    /// </summary>
    public long? Next(long lastS, TimeZoneInfo zone)
    {
        TimeZoneInfo place = IsUtc ? TimeZoneInfo.Utc : zone;
        DateTime last = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(lastS), place).DateTime;
        bool inRepeatedHour = place.IsAmbiguousTime(last);
        DateTime from = last.AddSeconds(1);
        while (NextLocal(from) is { } local)
        {
            if (place.IsInvalidTime(local))
            {
                from = local.AddSeconds(1);
                continue;
            }

            TimeSpan offset = place.IsAmbiguousTime(local)
                ? inRepeatedHour ? place.GetAmbiguousTimeOffsets(local).Min() : place.GetAmbiguousTimeOffsets(local).Max()
                : place.GetUtcOffset(local);
            long nextS = new DateTimeOffset(local, offset).ToUnixTimeSeconds();
            if (nextS > lastS)
            {
                return nextS;
            }

            from = local.AddSeconds(1);
        }

        return null;
    }

    internal static CalendarEvent? Keyword(string word) => word switch
    {
        "minutely" => Daily with { Hours = CalendarField.All(0, 23), Minutes = CalendarField.All(0, 59) },
        "hourly" => Daily with { Hours = CalendarField.All(0, 23) },
        "daily" => Daily,
        "weekly" => Daily with { Weekdays = CalendarField.Only(1) },
        "monthly" => Daily with { Days = CalendarField.Only(1) },
        "quarterly" => Daily with { Months = CalendarField.Of(1, 4, 7, 10), Days = CalendarField.Only(1) },
        "semiannually" or "semi-annually" => Daily with { Months = CalendarField.Of(1, 7), Days = CalendarField.Only(1) },
        "yearly" or "annually" => Daily with { Months = CalendarField.Only(1), Days = CalendarField.Only(1) },
        _ => null,
    };

    /// <summary>How guides write it: `daily 02:00` is `02:00`, `weekly sat 08:00` is `sat 08:00`, `weekly 08:00` is Monday's.</summary>
    private static CalendarEvent? Alias(string text)
    {
        foreach (string word in (string[])["daily ", "weekly "])
        {
            if (text.StartsWith(word, StringComparison.Ordinal) && new CalendarParser(text[word.Length..].TrimStart(' ')).Read() is { } rest)
            {
                return word == "weekly " && ReferenceEquals(rest.Weekdays, EveryWeekday) ? rest with { Weekdays = CalendarField.Only(1) } : rest;
            }
        }

        return null;
    }

    /// <summary>First matching local time that is not before <paramref name="from"/>; zones are not its concern. Null if there is none within PBS's number
    /// of steps.</summary>
    private DateTime? NextLocal(DateTime from)
    {
        DateTime at = from;
        for (int step = 0; step < StepsMax && at.Year <= LastYear; step++)
        {
            if (Later(at) is not { } later)
            {
                return at;
            }

            at = later;
        }

        return null;
    }

    /// <summary>Null if everything matches; else the next instant at which the first field that does not might. Finer fields begin anew.</summary>
    private DateTime? Later(DateTime at)
    {
        if (!Years.Contains(at.Year))
        {
            int year = Years.NextAfter(at.Year);
            return new DateTime(year is < 1 or > LastYear ? LastYear + 1 : year, 1, 1);
        }

        var thisYear = new DateTime(at.Year, 1, 1);
        if (!Months.Contains(at.Month))
        {
            int month = Months.NextAfter(at.Month);
            return month < 0 ? thisYear.AddYears(1) : thisYear.AddMonths(month - 1);
        }

        DateTime thisMonth = thisYear.AddMonths(at.Month - 1);
        if (!Days.Contains(at.Day))
        {
            int day = Days.NextAfter(at.Day);
            return day < 0 ? thisMonth.AddMonths(1) : thisMonth.AddDays(day - 1);
        }

        if (!Weekdays.Contains((int)at.DayOfWeek))
        {
            return at.Date.AddDays(1);
        }

        if (!Hours.Contains(at.Hour))
        {
            int hour = Hours.NextAfter(at.Hour);
            return hour < 0 ? at.Date.AddDays(1) : at.Date.AddHours(hour);
        }

        DateTime thisHour = at.Date.AddHours(at.Hour);
        if (!Minutes.Contains(at.Minute))
        {
            int minute = Minutes.NextAfter(at.Minute);
            return minute < 0 ? thisHour.AddHours(1) : thisHour.AddMinutes(minute);
        }

        DateTime thisMinute = thisHour.AddMinutes(at.Minute);
        if (!Seconds.Contains(at.Second))
        {
            int second = Seconds.NextAfter(at.Second);
            return second < 0 ? thisMinute.AddMinutes(1) : thisMinute.AddSeconds(second);
        }

        return null;
    }
}
