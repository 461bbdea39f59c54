// Every target, INPUTS inputs each, two at a time (one xunit collection a layer). The figures of a run are written to
// fuzz.json in the folder that HOLDFAST_OUT names.
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Holdfast.Tests.Fuzz;

public abstract class ParserTests
{
    private const int ReplayedAnyway = 200;
    private static readonly Lock Gate = new();
    private static readonly List<FuzzOutcome> Outcomes = [];

    /// <summary>One row for each target between two names, both included.</summary>
    public static TheoryData<SystemUnderTest> Between(SystemUnderTest first, SystemUnderTest last) =>
        [.. Enum.GetValues<SystemUnderTest>().Where(t => t >= first && t <= last)];

    protected static void Fuzz(SystemUnderTest system)
    {
        if (Targets.Only is { } only && only != system.ToString())
        {
            return; // TARGET names another one
        }

        var target = Targets.All[system.ToString()];
        var count = Targets.Index is null ? Math.Max(Targets.Inputs, ReplayedAnyway) : 1;
        var outcome = new FuzzRun(target, Targets.Seed, Targets.Standstill).Run(Targets.Index ?? 0, count);
        Keep(outcome);
        Assert.True(outcome.Failure is null, outcome.Failure);
        Assert.Equal(count, outcome.Inputs);
        if (count >= 1000)
        {
            Assert.True(outcome.Accepted > 0 && outcome.Refused > 0,
                $"{system}: {outcome.Accepted} taken and {outcome.Refused} refused - the inputs test nothing");
        }
    }

    private static void Keep(FuzzOutcome outcome)
    {
        if (Environment.GetEnvironmentVariable("HOLDFAST_OUT") is not { Length: > 0 } folder)
        {
            return;
        }

        lock (Gate)
        {
            Outcomes.Add(outcome);
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "fuzz.json"), JsonSerializer.Serialize(Outcomes.Select(o => new
            {
                o.Target, o.Inputs, o.Accepted, o.Refused, o.MostAllocated, o.Failure,
                Seconds = o.Seconds.ToString("F1", CultureInfo.InvariantCulture),
                PerSecond = (long)(o.Inputs / Math.Max(o.Seconds, 0.001)),
            })));
        }
    }
}

public sealed class StorageParserTests : ParserTests
{
    public static TheoryData<SystemUnderTest> Systems => Between(SystemUnderTest.BlobCheck, SystemUnderTest.PosixAcl);

    [Theory]
    [MemberData(nameof(Systems))]
    public void Survives(SystemUnderTest system) => Fuzz(system);
}

public sealed class WireParserTests : ParserTests
{
    public static TheoryData<SystemUnderTest> Systems => Between(SystemUnderTest.Ticket, SystemUnderTest.Repository);

    [Theory]
    [MemberData(nameof(Systems))]
    public void Survives(SystemUnderTest system) => Fuzz(system);
}

public sealed class LedgerParserTests : ParserTests
{
    public static TheoryData<SystemUnderTest> Systems => Between(SystemUnderTest.EventRecord, SystemUnderTest.HeadWitness);

    [Theory]
    [MemberData(nameof(Systems))]
    public void Survives(SystemUnderTest system) => Fuzz(system);
}

public sealed class FeatureParserTests : ParserTests
{
    public static TheoryData<SystemUnderTest> Systems => Between(SystemUnderTest.Settings, SystemUnderTest.FoldState);

    [Theory]
    [MemberData(nameof(Systems))]
    public void Survives(SystemUnderTest system) => Fuzz(system);
}
