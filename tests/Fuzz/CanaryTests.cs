// The fuzzer on parsers with planted bugs: one that trusts a length, one that allocates what the input asks for, one that
// never ends, one that is wrong by value. If one of these passes, the green of the others means nothing.
using System.Buffers.Binary;
using Xunit;

namespace Holdfast.Tests.Fuzz;

public sealed class CanaryTests
{
    private static readonly byte[] Seed = [8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    [Fact]
    public void Parser_that_trusts_a_length_is_caught_and_its_line_replays_it()
    {
        var target = Canary("CanaryLength", bytes =>
        {
            if (bytes.Length < 4)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
            return length >= 0 && length < 1 << 16 && bytes.AsSpan(4, length).Length == length; // beyond the end: throws
        });
        var outcome = new FuzzRun(target, 1, Targets.Standstill).Run(0, 10_000);
        Assert.Contains("ArgumentOutOfRangeException", outcome.Failure, StringComparison.Ordinal);
        Assert.StartsWith("SEED=1 TARGET=CanaryLength INDEX=", outcome.Failure, StringComparison.Ordinal);
        var index = long.Parse(outcome.Failure!.Split("INDEX=")[1].Split(' ')[0]);
        Assert.Equal(outcome.Failure, new FuzzRun(target, 1, Targets.Standstill).Run(index, 1).Failure);
        Assert.DoesNotContain('\n', outcome.Failure);
    }

    [Fact]
    public void Parser_that_allocates_what_it_is_asked_for_is_caught()
    {
        var target = Canary("CanaryAllocation", bytes =>
        {
            var length = bytes.Length < 4 ? 0 : BinaryPrimitives.ReadInt32LittleEndian(bytes) & 0xFFFFFF;
            return GC.AllocateUninitializedArray<byte>(length).Length == 8;
        });
        Assert.Contains("allocates", new FuzzRun(target, 1, Targets.Standstill).Run(0, 10_000).Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Parser_that_never_ends_is_caught()
    {
        using var release = new ManualResetEventSlim();
        var target = Canary("CanaryHang", bytes =>
        {
            if (bytes.Length > 4 && bytes[0] != 8)
            {
                release.Wait();
            }

            return true;
        });
        var outcome = new FuzzRun(target, 1, TimeSpan.FromMilliseconds(300)).Run(0, 10_000);
        release.Set();
        Assert.Contains("hangs", outcome.Failure, StringComparison.Ordinal);
        Assert.Contains("input of", outcome.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Parser_that_contradicts_itself_is_caught()
    {
        var target = Canary("CanaryValue", bytes =>
        {
            FuzzTarget.Broken(bytes.Length == 11, "eleven");
            return true;
        });
        Assert.Contains("eleven", new FuzzRun(target, 1, Targets.Standstill).Run(0, 10_000).Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Documented_exception_is_no_finding_but_its_subtype_is()
    {
        var good = Canary("CanaryDocumented", _ => throw new IOException()) with { Refusals = [typeof(IOException)] };
        Assert.Null(new FuzzRun(good, 1, Targets.Standstill).Run(0, 100).Failure);
        var other = Canary("CanarySubtype", _ => throw new FileNotFoundException()) with { Refusals = [typeof(IOException)] };
        Assert.Contains("FileNotFoundException", new FuzzRun(other, 1, Targets.Standstill).Run(0, 100).Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Same_seed_same_inputs_other_seed_others()
    {
        var target = Canary("CanarySeed", _ => true);
        var mutator = new Mutator(1024);
        var first = Enumerable.Range(0, 200).Select(i => Convert.ToHexString(target.Input(mutator, 1, i))).ToList();
        Assert.Equal(first, Enumerable.Range(0, 200).Select(i => Convert.ToHexString(target.Input(new Mutator(1024), 1, i))));
        Assert.True(first.Distinct().Count() > 100);
        Assert.NotEqual(first, Enumerable.Range(0, 200).Select(i => Convert.ToHexString(target.Input(mutator, 2, i))));
    }

    private static FuzzTarget Canary(string name, Func<byte[], bool> run) =>
        new(name, [], [Seed], run) { MaxLength = 1024, AllocationBase = 4096, AllocationPerByte = 0 };
}
