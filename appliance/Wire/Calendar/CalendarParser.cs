// Reads the text of a calendar event as PBS does, down to the place that its refusals name (pbs-protocol 5.2). Recursive descent without backtracking
// beyond what PBS has: a date may turn out to be none, a time may begin with the minute.
using System.Globalization;

namespace Holdfast.Wire;

/// <summary>One pass over one text. <see cref="Read"/> returns null and <see cref="Problem"/> for what is no event.</summary>
internal sealed class CalendarParser(string text)
{
    private const string DateOrTime = "Context(\"date or time specification\")";
    private const string NotAtEnd = "Nom(Eof)";

    private static readonly string[] Weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

    private string _text = text;
    private int _at;

    /// <summary>PBS's refusal, without the name of the parameter.</summary>
    public string Problem { get; private set; } = "";

    private string Rest => _text[_at..];

    public CalendarEvent? Read()
    {
        bool utc = _text.EndsWith("UTC", StringComparison.Ordinal);
        if (utc)
        {
            _text = _text[..^3].TrimEnd(' ');
        }

        if (CalendarEvent.Keyword(_text) is { } known)
        {
            return known with { IsUtc = utc };
        }

        CalendarField? weekdays = null;
        if (_text.Length > 0 && char.IsAsciiLetter(_text[0]))
        {
            if (!TryWeekdays(out weekdays))
            {
                return null;
            }

            SkipBlanks();
            if (_at == _text.Length)
            {
                return CalendarEvent.Daily with { Weekdays = weekdays!, IsUtc = utc };
            }
        }

        return ReadDateAndTime(weekdays, utc);
    }

    private CalendarEvent? ReadDateAndTime(CalendarField? weekdays, bool utc)
    {
        CalendarEvent found = CalendarEvent.Daily with { Weekdays = weekdays ?? CalendarEvent.EveryWeekday, IsUtc = utc };
        int start = _at;
        bool hasDate = TryDate(ref found);
        int afterDate = _at;
        if (hasDate)
        {
            SkipBlanks();
        }

        bool timeMayFollow = !hasDate || _at > afterDate;
        if (timeMayFollow && !TryTime(ref found))
        {
            _at = hasDate ? afterDate : start;
            if (!hasDate)
            {
                return Refuse(Rest, weekdays is null ? DateOrTime : NotAtEnd);
            }
        }

        return _at == _text.Length ? found : Refuse(Rest, NotAtEnd);
    }

    private CalendarEvent? Refuse(string rest, string reason)
    {
        Problem = $"unable to parse calendar event at '{rest}' - {reason}";
        return null;
    }

    /// <summary>`mon`, `mon..fri`, `sat,mon`: ranges wrap around the week.</summary>
    private bool TryWeekdays(out CalendarField? weekdays)
    {
        weekdays = null;
        var days = new HashSet<int>();
        for (bool first = true; ; first = false)
        {
            int before = _at;
            if (!first && !TryTake(","))
            {
                break;
            }

            if (!TryWeekday(out int day, out string word))
            {
                if (first)
                {
                    Refuse(word, "Context(\"weekday\")");
                    return false;
                }

                _at = before;
                break;
            }

            int afterDay = _at;
            int end = day;
            if (TryTake("..") && !TryWeekday(out end, out _))
            {
                (_at, end) = (afterDay, day);
            }

            for (int i = day; ; i = (i + 1) % 7)
            {
                days.Add(i);
                if (i == end)
                {
                    break;
                }
            }
        }

        weekdays = CalendarField.Of([.. days]);
        return true;
    }

    private bool TryWeekday(out int day, out string word)
    {
        int end = _at;
        while (end < _text.Length && char.IsAsciiLetter(_text[end]))
        {
            end++;
        }

        string found = _text[_at..end];
        word = found;
        day = Array.FindIndex(Weekdays, name =>
            found.Equals(name, StringComparison.OrdinalIgnoreCase) || found.Equals(name[..3], StringComparison.OrdinalIgnoreCase));
        _at = day >= 0 ? end : _at;
        return day >= 0;
    }

    private bool TryDate(ref CalendarEvent found)
    {
        int start = _at;
        if (TryField(CalendarBounds.Year, out CalendarField? year) && TryTake("-") && TryField(CalendarBounds.Month, out CalendarField? month)
            && TryTake("-") && TryField(CalendarBounds.Day, out CalendarField? day))
        {
            found = found with { Years = year!, Months = month!, Days = day! };
            return true;
        }

        _at = start;
        if (TryField(CalendarBounds.Month, out month) && TryTake("-") && TryField(CalendarBounds.Day, out day))
        {
            found = found with { Months = month!, Days = day! };
            return true;
        }

        _at = start;
        return false;
    }

    /// <summary>`H:M[:S]`; a text whose first part can be no hour is `M[:S]`, a bare number the minute of every hour.</summary>
    private bool TryTime(ref CalendarEvent found)
    {
        int start = _at;
        CalendarField? second = CalendarField.Only(0);
        if (TryField(CalendarBounds.Hour, out CalendarField? hour) && TryTake(":") && TryField(CalendarBounds.MinuteOrSecond, out CalendarField? minute))
        {
            if (TryTake(":") && !TryField(CalendarBounds.MinuteOrSecond, out second))
            {
                return false;
            }

            found = found with { Hours = hour!, Minutes = minute!, Seconds = second! };
            return true;
        }

        _at = start;
        if (!TryField(CalendarBounds.MinuteOrSecond, out minute) || (TryTake(":") && !TryField(CalendarBounds.MinuteOrSecond, out second)))
        {
            _at = start;
            return false;
        }

        found = found with { Hours = CalendarField.All(0, 23), Minutes = minute!, Seconds = second! };
        return true;
    }

    private bool TryField(CalendarBounds bounds, out CalendarField? field)
    {
        field = null;
        var parts = new List<CalendarPart>();
        do
        {
            if (!TryPart(bounds, out CalendarPart part))
            {
                return false;
            }

            parts.Add(part);
        }
        while (TryTake(","));

        field = new CalendarField([.. parts]);
        return true;
    }

    private bool TryPart(CalendarBounds bounds, out CalendarPart part)
    {
        part = default;
        int from = bounds.First;
        int? to = null;
        bool star = TryTake("*");
        if (!star)
        {
            if (!TryNumber(bounds.Last, out from))
            {
                return false;
            }

            if (TryTake(".."))
            {
                if (!TryNumber(bounds.Last, out int end) || end < from)
                {
                    return false;
                }

                to = end;
            }
        }

        int beforeSlash = _at;
        if (!TryTake("/"))
        {
            part = new CalendarPart(from, star ? bounds.Last : to ?? from, 1);
            return true;
        }

        if (!TryNumber(bounds.Last, out int step))
        {
            return false;
        }

        if (step == 0)
        {
            // `*/0`: PBS takes the star and stumbles over the slash; `a/0` is just a.
            _at = star ? beforeSlash : _at;
            part = new CalendarPart(from, star ? bounds.Last : from, 1);
            return true;
        }

        part = new CalendarPart(from, to, step);
        return true;
    }

    private bool TryNumber(int last, out int number)
    {
        int end = _at;
        while (end < _text.Length && char.IsAsciiDigit(_text[end]))
        {
            end++;
        }

        bool ok = int.TryParse(_text.AsSpan(_at, end - _at), NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= last;
        _at = ok ? end : _at;
        return ok;
    }

    private bool TryTake(string what)
    {
        if (string.CompareOrdinal(_text, _at, what, 0, what.Length) != 0)
        {
            return false;
        }

        _at += what.Length;
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && _text[_at] == ' ')
        {
            _at++;
        }
    }
}
