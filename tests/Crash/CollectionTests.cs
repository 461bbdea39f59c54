// Garbage collection beside everybody else (reliability: F25, R4), at full length: all schedules of the scripts, a million random steps, planted bugs.
// Settings by environment: STEPS, SEED, SCHEDULES (most per script).
using System.Diagnostics;
using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Crash;

public sealed class CollectionTests(ITestOutputHelper output)
{
    public static TheoryData<int> Scripts => [.. Enumerable.Range(0, CollectionSchedules.Scripts.Count)];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void R4_No_schedule_of_a_script_deletes_a_live_chunk(int script)
    {
        var watch = Stopwatch.StartNew();
        var (ran, failure) = CollectionSchedules.RunScript(script, Planted.Nothing, 1, Setting("SCHEDULES", 60_000));
        Say($"collection, {CollectionSchedules.Scripts[script].Name}: {ran} schedules in {watch.Elapsed.TotalSeconds:F0} s");
        Assert.True(failure is null, failure);
    }

    [Fact]
    public void R4_A_million_random_steps_delete_no_live_chunk()
    {
        var watch = Stopwatch.StartNew();
        var (steps, collections, failure) = CollectionSchedules.RunRandom((int)Setting("SEED", 1), Setting("STEPS", 1_000_000), Planted.Nothing);
        Say($"collection, random: {steps} steps, {collections} collections in {watch.Elapsed.TotalSeconds:F0} s");
        Assert.True(failure is null, failure);
    }

    private static long Setting(string name, long otherwise) =>
        long.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    private void Say(string text)
    {
        output.WriteLine(text);
        Console.WriteLine(text);
    }
}
