// Five tries a second for each pair of source and account, nobody in the way of anybody else, and bounded memory: on a time that the test makes.
using Holdfast.Features.Access;
using Xunit;

namespace Holdfast.Tests.Unit.Features.Access;

public sealed class LoginBackoffTests
{
    private static readonly TimeSpan Start = TimeSpan.FromHours(1);

    [Fact]
    public void No_second_sees_more_than_five_tries_of_a_pair()
    {
        var backoff = new LoginBackoff();
        var random = new Random(7);
        var looked = new List<TimeSpan>();
        for (var now = Start; now < Start + TimeSpan.FromSeconds(60); now += TimeSpan.FromMilliseconds(random.Next(0, 60)))
        {
            if (backoff.Enter("192.0.2.1", "u@pbs", exists: true, now) is { } at)
            {
                Assert.InRange(at - now, TimeSpan.Zero, LoginBackoff.WaitMax);
                looked.Add(at);
            }
        }

        looked.Sort();
        for (var i = 5; i < looked.Count; i++)
        {
            Assert.True(looked[i] - looked[i - 5] >= TimeSpan.FromSeconds(1), $"six tries within {looked[i] - looked[i - 5]}");
        }

        Assert.InRange(looked.Count, 250, 5 * 64);
    }

    [Fact]
    public void Others_do_not_wait_for_it_and_right_tries_count_for_nothing()
    {
        var backoff = new LoginBackoff();
        for (var i = 0; i < 1000; i++)
        {
            backoff.Enter("192.0.2.1", "u@pbs", true, Start);
        }

        Assert.Null(backoff.Enter("192.0.2.1", "u@pbs", true, Start));
        Assert.Equal(Start, backoff.Enter("192.0.2.2", "u@pbs", true, Start));
        Assert.Equal(Start, backoff.Enter("192.0.2.1", "v@pbs", true, Start));
        for (var i = 0; i < 1000; i++)
        {
            Assert.Equal(Start, backoff.Enter("192.0.2.3", "u@pbs", true, Start));
            backoff.Succeeded("192.0.2.3", "u@pbs", Start);
        }
    }

    [Fact]
    public void Refusals_are_told_after_three_seconds_five_a_second_and_none_is_held_for_ever()
    {
        var backoff = new LoginBackoff();
        backoff.Enter("192.0.2.1", "u@pbs", true, Start);
        var told = Enumerable.Range(0, 300).Select(_ => backoff.RefusalAt("192.0.2.1", "u@pbs", Start) - Start).ToList();
        Assert.Equal(TimeSpan.FromSeconds(3), told[0]);
        Assert.Equal(TimeSpan.FromSeconds(4), told[5]);
        Assert.Equal(TimeSpan.FromSeconds(20), told[^1]);
        Assert.Equal(TimeSpan.FromSeconds(3), backoff.RefusalAt("192.0.2.2", "nobody@pbs", Start) - Start);
    }

    [Fact]
    public void A_flood_of_names_and_sources_takes_bounded_memory_and_shuts_nobody_out()
    {
        var backoff = new LoginBackoff();
        for (var i = 0; i < 100_000; i++)
        {
            backoff.Enter($"2001:db8::{i % 500:x}", $"name{i}@pbs", exists: false, Start);
        }

        Assert.InRange(backoff.Count, 1, LoginBackoff.PairsMax);
        Assert.Equal(Start, backoff.Enter("2001:db8::1", "real@pbs", exists: true, Start));
        Assert.Equal(Start, backoff.Enter("198.51.100.1", "real@pbs", exists: true, Start));
        // A minute later nothing of it is left.
        var later = Start + TimeSpan.FromMinutes(1);
        for (var i = 0; i < 1000; i++)
        {
            Assert.NotNull(backoff.Enter($"198.51.100.{i % 250}", $"again{i}@pbs", exists: false, later));
        }

        Assert.InRange(backoff.Count, 1, 2000);
    }

    [Fact]
    public void One_source_with_many_names_keeps_few_of_them()
    {
        var backoff = new LoginBackoff();
        var seen = Enumerable.Range(0, 10_000).Count(i => backoff.Enter("192.0.2.1", $"name{i}@pbs", exists: false, Start) is not null);
        Assert.Equal(LoginBackoff.NamesPerSourceMax, seen);
        // Known or not, the refusal comes at the same age.
        Assert.Equal(backoff.RefusalAt("192.0.2.1", "name0@pbs", Start), backoff.RefusalAt("192.0.2.1", "name9999@pbs", Start));
    }
}
