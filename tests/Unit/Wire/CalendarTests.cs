// Calendar events against what the real server computed: every accepted text at eight instants in three zones, every refusal with its words.
using System.Text.Json;
using Holdfast.Wire;
using Xunit;

namespace Holdfast.Tests.Unit.Wire;

public sealed class CalendarTests
{
    private static readonly JsonElement Vectors = JsonDocument.Parse(File.ReadAllBytes(StorageTestKit.GoldenFile("calendar-vectors.json"))).RootElement;

    [Fact]
    public void Every_accepted_event_gives_the_next_run_that_the_real_server_gave()
    {
        var zones = Vectors.GetProperty("time_zones").EnumerateArray().Select(zone => TimeZoneInfo.FindSystemTimeZoneById(zone.GetString()!)).ToList();
        var wrong = new List<string>();
        var checks = 0;
        foreach (var vector in Vectors.GetProperty("accepted").EnumerateArray())
        {
            var text = vector.GetProperty("event").GetString()!;
            var calendar = CalendarEvent.Parse(text, out var problem);
            if (calendar is null)
            {
                wrong.Add($"{text}: refused: {problem}");
                continue;
            }

            foreach (var last in Vectors.GetProperty("last").EnumerateObject())
            {
                var lastS = last.Value.GetProperty("epoch").GetInt64();
                var expected = vector.GetProperty("next").GetProperty(last.Name).EnumerateArray().ToList();
                for (var i = 0; i < zones.Count; i++, checks++)
                {
                    var next = calendar.Next(lastS, zones[i]);
                    long? right = expected[i].ValueKind == JsonValueKind.Null ? null : expected[i].GetInt64();
                    if (next != right)
                    {
                        wrong.Add($"{text} after {last.Name} in {zones[i].Id}: {next}, not {right}");
                    }
                }
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(118 * 8 * 3, checks);
    }

    [Fact]
    public void Every_refusal_has_the_real_servers_words()
    {
        const string before = "parameter verification failed - 'schedule': ";
        var rejected = Vectors.GetProperty("rejected").EnumerateArray().ToList();
        Assert.Equal(39, rejected.Count);
        var wrong = rejected.Select(vector =>
        {
            var text = vector.GetProperty("event").GetString()!;
            var accepted = CalendarEvent.Parse(text, out var problem) is not null;
            var expected = vector.GetProperty("error").GetString()![before.Length..];
            return accepted ? text + ": accepted" : problem == expected ? null : $"{text}: {problem}, not {expected}";
        }).Where(line => line is not null);
        Assert.Empty(wrong);
    }

    [Fact]
    public void What_was_listed_right_after_creation_comes_out_the_same()
    {
        var now = Vectors.GetProperty("created_from").GetInt64();
        var until = Vectors.GetProperty("created_to").GetInt64();
        foreach (var vector in Vectors.GetProperty("now").EnumerateArray())
        {
            var calendar = CalendarEvent.Parse(vector.GetProperty("event").GetString()!, out _)!;
            long? expected = vector.GetProperty("next").ValueKind == JsonValueKind.Null ? null : vector.GetProperty("next").GetInt64();
            Assert.Contains(expected, Enumerable.Range(0, (int)(until - now) + 1).Select(i => calendar.Next(now + i, TimeZoneInfo.Utc)));
        }
    }

    [Theory]
    [InlineData("daily 02:00", "02:00")]
    [InlineData("weekly sat 08:00", "sat 08:00")]
    [InlineData("weekly 08:00", "mon 08:00")]
    [InlineData("daily  20:00 UTC", "20:00 UTC")]
    public void The_spelling_of_guides_is_understood(string guide, string pbs)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        for (long at = 1_798_761_600; at < 1_798_761_600 + 14 * 86_400; at += 7_321)
        {
            Assert.Equal(CalendarEvent.Parse(pbs, out _)!.Next(at, zone), CalendarEvent.Parse(guide, out _)!.Next(at, zone));
        }
    }

    [Theory]
    [InlineData("daily nightly")]
    [InlineData("weekly foo")]
    public void An_alias_with_nonsense_behind_it_is_refused(string text)
    {
        Assert.Null(CalendarEvent.Parse(text, out var problem));
        Assert.StartsWith("unable to parse calendar event at '", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_without_end_is_refused_at_once()
    {
        Assert.Null(CalendarEvent.Parse(new string('*', 100_000), out var problem));
        Assert.Contains("256", problem, StringComparison.Ordinal);
    }
}
