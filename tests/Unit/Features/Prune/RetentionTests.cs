// Retention against what a real PBS answered (golden/prune-vectors.json), against the policies of guides (golden/prune-policies.json, computed by another
// program), and against rules that hold for every group and policy.
using System.Text.Json;
using Holdfast.Features.Prune;
using Xunit;

namespace Holdfast.Tests.Unit.Features.Prune;

public sealed class RetentionTests
{
    private static readonly JsonElement Vectors = Golden("prune-vectors.json");
    private static readonly JsonElement Policies = Golden("prune-policies.json");

    [Fact]
    public void Every_answer_of_a_real_PBS_is_ours()
    {
        var sets = Vectors.GetProperty("sets").EnumerateArray().ToDictionary(
            set => set.GetProperty("set").GetString()!, set => set.GetProperty("snapshots").EnumerateArray().Select(Candidate).ToList());
        var compared = 0;
        foreach (var vector in Vectors.GetProperty("vectors").EnumerateArray())
        {
            var verdicts = Retention.Decide(sets[vector.GetProperty("set").GetString()!], Policy(vector), Zone(vector));
            var what = $"{vector.GetProperty("set")} {vector.GetProperty("keep")} {vector.GetProperty("tz")}";
            Assert.True(Times(vector, "kept").SequenceEqual(verdicts.Where(one => one.Keep).Select(one => one.BackupTime)), what);
            Assert.True(Times(vector, "removed").SequenceEqual(verdicts.Where(one => !one.Keep).Select(one => one.BackupTime)), what);
            Assert.True(Times(vector, "protected").SequenceEqual(verdicts.Where(one => one.IsProtected).Select(one => one.BackupTime)), what);
            Assert.All(verdicts, one => Assert.NotEqual("", one.Reason));
            compared++;
        }

        Assert.Equal(112, compared);
    }

    [Fact]
    public void Policies_of_common_guides_keep_what_another_program_says()
    {
        var (first, every) = (Policies.GetProperty("first").GetInt64(), Policies.GetProperty("every").GetInt64());
        var history = Enumerable.Range(0, Policies.GetProperty("count").GetInt32())
            .Select(i => new PruneCandidate(first + (i * every), first + (i * every), true, false)).ToList();
        foreach (var policy in Policies.GetProperty("policies").EnumerateArray())
        {
            var kept = Retention.Decide(history, Policy(policy), Zone(policy)).Where(one => one.Keep).Select(one => (one.BackupTime - first) / every);
            Assert.True(Times(policy, "kept").SequenceEqual(kept), $"{policy.GetProperty("name")} {policy.GetProperty("tz")}");
        }
    }

    [Fact]
    public void Whatever_the_group_and_the_policy_what_must_stay_stays()
    {
        var random = new Random(7);
        string[] zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe"];
        for (var round = 0; round < 3000; round++)
        {
            var group = RandomGroup(random);
            var policy = RandomPolicy(random);
            var zone = TimeZoneInfo.FindSystemTimeZoneById(zones[round % zones.Length]);
            var verdicts = Retention.Decide(group, policy, zone);
            Assert.Equal(group.Select(one => one.BackupTime).Order(), verdicts.Select(one => one.BackupTime));
            var kept = verdicts.Where(one => one.Keep).Select(one => one.BackupTime).ToHashSet();
            Assert.True(group.Where(one => one.IsProtected).All(one => kept.Contains(one.BackupTime)), "a protected one goes");
            var finished = group.Where(one => one.IsFinished).ToList();
            Assert.True(finished.Count == 0 || kept.Contains(finished.MaxBy(one => one.CountedTime).BackupTime), "the newest finished one goes");
            Assert.True(policy.KeepLast is not { } last
                || finished.OrderByDescending(one => one.CountedTime).Where(one => !one.IsProtected).Take((int)last)
                    .All(one => kept.Contains(one.BackupTime)), "one of the last goes");
            Assert.True(!policy.KeepsEverything || kept.Count == group.Count);

            // A second run finds nothing more to do.
            var again = Retention.Decide(group.Where(one => kept.Contains(one.BackupTime)), policy, zone);
            Assert.True(again.All(one => one.Keep), $"round {round}: a second run removes more");
        }
    }

    [Fact]
    public void Each_verdict_says_why()
    {
        var day = new DateTimeOffset(2026, 5, 4, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        PruneCandidate[] group =
        [
            new(day - (40 * 86400), day - (40 * 86400), true, true), new(day - (9 * 86400), day - (9 * 86400), false, false),
            new(day + 3600, day + 3600, true, false), new(day + 7200, day + 7200, true, false),
            new(day + 86400, day + 86400, true, false), new(day + 90000, day + 90000, true, false), new(day + 93600, day + 93600, false, false),
        ];
        string[] reasons =
        [
            "protected", "not finished, and there is a newer one", "keep-daily: 2026/05/04 has a newer one", "keep-daily 1 of 1",
            "keep-daily: 2026/05/05 is kept already", "keep-last 1 of 1", "not finished, and the newest",
        ];
        Assert.Equal(reasons, Retention.Decide(group, new RetentionPolicy(KeepLast: 1, KeepDaily: 1), TimeZoneInfo.Utc).Select(one => one.Reason));
        Assert.Equal("beyond keep-last 1", Retention.Decide(group, new RetentionPolicy(KeepLast: 1), TimeZoneInfo.Utc)[2].Reason);
        Assert.Equal("keep-weekly: 2026 week 19 has a newer one", Retention.Decide(group, new RetentionPolicy(KeepWeekly: 1), TimeZoneInfo.Utc)[2].Reason);
        Assert.All(Retention.Decide(group[1..], new RetentionPolicy(), TimeZoneInfo.Utc), one => Assert.Equal("no retention option is set", one.Reason));
    }

    [Fact]
    public void The_first_and_the_last_second_that_a_name_can_hold_have_a_period_in_every_zone()
    {
        const long last = 253_402_300_799;
        PruneCandidate[] group = [new(1, 1, true, false), new(last, last, true, false)];
        foreach (var zone in (string[])["Pacific/Auckland", "America/New_York", "UTC"])
        {
            var policy = new RetentionPolicy(1, 1, 1, 1, 1, 1);
            Assert.Equal(2, Retention.Decide(group, policy, TimeZoneInfo.FindSystemTimeZoneById(zone)).Count);
        }
    }

    [Fact]
    public void A_number_below_one_is_refused_with_PBS_words()
    {
        Assert.Null(new RetentionPolicy(KeepLast: 1).Validate());
        Assert.Equal("'keep-daily': value must have a minimum value of 1 (got 0)", new RetentionPolicy(KeepDaily: 0).Validate());
        Assert.Equal("--keep-last 3 --keep-daily 7 --keep-yearly 2", new RetentionPolicy(3, null, 7, null, null, 2).ToString());
    }

    private static List<PruneCandidate> RandomGroup(Random random)
    {
        var start = random.NextInt64(86400, 2_500_000_000);
        var spread = (int[])[60, 3600, 20_000, 86_400, 864_000];
        var times = new SortedSet<long>();
        for (var i = random.Next(1, 40); i > 0; i--)
        {
            times.Add(start + (random.Next(1, 60) * (long)spread[random.Next(spread.Length)]));
        }

        return [.. times.Select(time => new PruneCandidate(time, time, random.Next(8) > 0, random.Next(8) == 0))];
    }

    private static RetentionPolicy RandomPolicy(Random random)
    {
        long? Number() => random.Next(2) == 0 ? null : random.Next(1, 9);
        return new(Number(), Number(), Number(), Number(), Number(), Number());
    }

    private static PruneCandidate Candidate(JsonElement snapshot)
    {
        var time = snapshot.GetProperty("time").GetInt64();
        bool Has(string name) => snapshot.TryGetProperty(name, out var flag) && flag.GetBoolean();
        return new(time, time, !Has("unfinished"), Has("protected"));
    }

    private static RetentionPolicy Policy(JsonElement vector)
    {
        long? Number(string name) => vector.GetProperty("keep").TryGetProperty(name, out var number) ? number.GetInt64() : null;
        return new(Number("keep-last"), Number("keep-hourly"), Number("keep-daily"), Number("keep-weekly"), Number("keep-monthly"), Number("keep-yearly"));
    }

    private static TimeZoneInfo Zone(JsonElement vector) => TimeZoneInfo.FindSystemTimeZoneById(vector.GetProperty("tz").GetString()!);

    private static IEnumerable<long> Times(JsonElement vector, string name) => vector.GetProperty(name).EnumerateArray().Select(time => time.GetInt64());

    private static JsonElement Golden(string name) => JsonDocument.Parse(File.ReadAllBytes(StorageTestKit.GoldenFile(name))).RootElement;
}
