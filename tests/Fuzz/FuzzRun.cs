// Runs a target over its inputs on a thread of its own while the caller watches: an undocumented exception, a broken
// invariant, too much allocation or a standstill ends the run with one line that replays it.
using System.Diagnostics;

namespace Holdfast.Tests.Fuzz;

/// <summary>What a run came to.</summary>
public sealed record FuzzOutcome(string Target, long Inputs, long Accepted, long Refused, double Seconds, long MostAllocated, string? Failure);

/// <summary>One run.</summary>
public sealed class FuzzRun(FuzzTarget target, long seed, TimeSpan standstill)
{
    private const int HexBytes = 2048;
    private readonly Lock gate = new();
    private readonly FuzzProgress progress = new(target.Name, seed);
    private long current = -1;
    private byte[] input = [];
    private long accepted;
    private long refused;
    private long most;
    private string? failure;

    /// <summary>Runs the inputs from..from+count-1.</summary>
    public FuzzOutcome Run(long from, long count)
    {
        var clock = Stopwatch.StartNew();
        using var done = new ManualResetEventSlim();
        var thread = new Thread(() => Work(from, count, done), 1 << 20) { IsBackground = true, Name = target.Name };
        thread.Start();
        var (seen, since) = (-1L, clock.Elapsed);
        while (!done.Wait(TimeSpan.FromMilliseconds(Math.Min(200, standstill.TotalMilliseconds / 4))))
        {
            var now = Interlocked.Read(ref current);
            if (now != seen)
            {
                (seen, since) = (now, clock.Elapsed);
            }
            else if (clock.Elapsed - since > standstill)
            {
                lock (gate)
                {
                    failure ??= Describe(now, $"hangs: no end after {standstill.TotalSeconds} s");
                }

                break;
            }
        }

        lock (gate)
        {
            return new FuzzOutcome(target.Name, accepted + refused, accepted, refused, clock.Elapsed.TotalSeconds, most, failure);
        }
    }

    private void Work(long from, long count, ManualResetEventSlim done)
    {
        try
        {
            var mutator = new Mutator(target.MaxLength);
            for (var index = from; index < from + count && failure is null; index++)
            {
                var bytes = target.Input(mutator, seed, index);
                lock (gate)
                {
                    input = bytes;
                }

                Interlocked.Exchange(ref current, index);
                progress.At(index);
                One(index, bytes);
            }
        }
        catch (Exception error)
        {
            Fail(current, "the fuzzer itself failed: " + error);
        }

        try
        {
            done.Set();
        }
        catch (ObjectDisposedException)
        {
            // Given up as hanging, and came to an end after all.
        }
    }

    private void One(long index, byte[] bytes)
    {
        var limit = target.AllocationLimit(bytes.Length);
        var allocated = Measure(index, bytes);
        if (allocated > limit && failure is null)
        {
            // The first pass through a path pays for statics and pools; the second shows what the input costs.
            var counts = (accepted, refused);
            allocated = Measure(index, target.Input(new Mutator(target.MaxLength), seed, index));
            (accepted, refused) = counts;
            if (allocated > limit)
            {
                Fail(index, $"allocates {allocated} bytes, declared are {limit}");
            }
        }

        most = Math.Max(most, allocated);
    }

    private long Measure(long index, byte[] bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            if (target.Run(bytes))
            {
                accepted++;
            }
            else
            {
                refused++;
            }
        }
        catch (Exception error) when (target.Refusals.Contains(error.GetType()))
        {
            refused++;
        }
        catch (Exception error)
        {
            Fail(index, $"{error.GetType().Name}: {error.Message} {error.StackTrace?.ReplaceLineEndings(" ")}");
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private void Fail(long index, string what)
    {
        lock (gate)
        {
            failure ??= Describe(index, what);
        }
    }

    private string Describe(long index, string what)
    {
        var hex = Convert.ToHexStringLower(input.AsSpan(0, Math.Min(input.Length, HexBytes)));
        return $"SEED={seed} TARGET={target.Name} INDEX={index} (tests/run.sh --suite Fuzz with these replays it) "
            + $"{what} -- input of {input.Length} bytes: {hex}{(input.Length > HexBytes ? "..." : "")}";
    }
}
