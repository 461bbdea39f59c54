// One field of a calendar event (an hour, a month, ...): a comma list of `a`, `a..b`, `a/n`, `a..b/n`, `*` or `*/n` (pbs-protocol 5.2).
namespace Holdfast.Wire;

/// <summary>One part of a field's list: every <paramref name="Step"/>th value from <paramref name="From"/> to <paramref name="To"/>.</summary>
/// <param name="To">Null: without end. The next value may then lie beyond the field, in the next hour (day, month, ...), as with PBS.</param>
internal readonly record struct CalendarPart(int From, int? To, int Step)
{
    public bool Contains(int value) => value >= From && (To is not { } to || value <= to) && (value - From) % Step == 0;

    /// <summary>The smallest value of the part that is larger; -1 if none.</summary>
    public int NextAfter(int value)
    {
        int next = value < From ? From : From + (((value - From + Step) / Step) * Step);
        return next > To ? -1 : next;
    }
}

/// <summary>The values of one field.</summary>
internal sealed class CalendarField(params CalendarPart[] parts)
{
    public static CalendarField Only(int value) => new(new CalendarPart(value, value, 1));

    public static CalendarField Of(params int[] values) => new([.. values.Select(value => new CalendarPart(value, value, 1))]);

    public static CalendarField All(int from, int to) => new(new CalendarPart(from, to, 1));

    /// <summary>Asked a thousand times by an event that never comes; so no closure here.</summary>
    public bool Contains(int value)
    {
        foreach (CalendarPart part in parts)
        {
            if (part.Contains(value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The smallest value that is larger; -1 if there is none. It may lie beyond the field's end.</summary>
    public int NextAfter(int value)
    {
        int least = -1;
        foreach (CalendarPart part in parts)
        {
            int next = part.NextAfter(value);
            least = next >= 0 && (least < 0 || next < least) ? next : least;
        }

        return least;
    }
}

/// <summary>What a field may hold.</summary>
/// <param name="First">Where `*` begins: 0, or 1 for months and days.</param>
/// <param name="Last">Largest value. Smaller ones than <paramref name="First"/> are taken and never match.</param>
internal readonly record struct CalendarBounds(int First, int Last)
{
    public static readonly CalendarBounds Year = new(0, 2199);
    public static readonly CalendarBounds Month = new(1, 12);
    public static readonly CalendarBounds Day = new(1, 31);
    public static readonly CalendarBounds Hour = new(0, 23);
    public static readonly CalendarBounds MinuteOrSecond = new(0, 59);
}
