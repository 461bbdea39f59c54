// A part of what `make crash` tries at full length: schedules of garbage collection beside backups and prunes, random steps, and the planted bugs that both
// must catch.
using Holdfast.Tests.Crash;
using Xunit;

namespace Holdfast.Tests.Unit.GarbageCollection;

public sealed class CollectionScheduleTests
{
    public static TheoryData<int> Scripts => [.. Enumerable.Range(0, CollectionSchedules.Scripts.Count)];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void R4_No_schedule_of_a_script_deletes_a_live_chunk(int script)
    {
        var (ran, failure) = CollectionSchedules.RunScript(script, Planted.Nothing, 23, 1_500);
        Assert.True(failure is null, failure);
        Assert.True(ran > 100, $"only {ran} schedules");
    }

    [Fact]
    public void R4_Random_steps_delete_no_live_chunk()
    {
        var (_, collections, failure) = CollectionSchedules.RunRandom(7, 60_000, Planted.Nothing);
        Assert.True(failure is null, failure);
        Assert.True(collections > 200, $"only {collections} collections");
    }

    [Theory]
    [InlineData(Planted.NoHolders)]
    [InlineData(Planted.OverlooksIndexes)]
    public void Canary_a_planted_bug_is_caught(Planted bug)
    {
        var failures = Enumerable.Range(0, CollectionSchedules.Scripts.Count)
            .Select(script => CollectionSchedules.RunScript(script, bug, 11, 600).Failure).ToList();
        Assert.Contains(failures, failure => failure is not null);
        Assert.NotNull(CollectionSchedules.RunRandom(1, 60_000, bug).Failure);
    }

    [Theory]
    [InlineData(Planted.EarlyRelease)]
    [InlineData(Planted.BasesNotKept)]
    public void R4_The_second_look_makes_up_for_a_session_whose_end_forgets(Planted bug)
    {
        for (var script = 0; script < CollectionSchedules.Scripts.Count; script++)
        {
            var (_, failure) = CollectionSchedules.RunScript(script, bug, 101, 200);
            Assert.True(failure is null, failure);
        }
    }
}
