// Schedules of garbage collection beside others (reliability: F25): every order of a few small scripts against every point of a collection, and long random
// ones with power cuts, aborts and failing disks. A failure is one line that replays.
using Holdfast.Storage;

namespace Holdfast.Tests.Crash;

internal static class CollectionSchedules
{
    /// <summary>Calls of a collection between which others may come. What is left out changes nothing that others see.</summary>
    private static readonly HashSet<string> Points = ["list", "open", "rename", "unlink"];

    /// <summary>Names, how the store is before, and what each actor does in its own order.</summary>
    public static readonly IReadOnlyList<(string Name, string[] Before, string[][] Actors)> Scripts =
    [
        ("a backup reuses garbage",
            ["b open:1", "b upload:0", "b close", "b finish", "orphan:5", "orphan:6"],
            [["open:2", "upload:5", "close", "finish"]]),
        ("a backup takes over from a base that is forgotten behind it",
            ["b open:1", "b upload:0", "b upload:1", "b close", "b finish", "orphan:5"],
            [["open:1", "previous", "upload:2", "close", "finish"], ["forget:1"]]),
        ("two backups want the same garbage, one gives up",
            ["b open:1", "b upload:0", "b close", "b finish", "orphan:5"],
            [["open:1", "upload:5", "abort"], ["open:2", "upload:5", "close", "finish"]]),
        ("a snapshot is forgotten while another reuses its chunk",
            ["b open:1", "b upload:5", "b close", "b finish", "b open:3", "b upload:0", "b close", "b finish"],
            [["forget:1"], ["open:2", "upload:5", "upload:6", "close", "finish"]]),
        ("a chain of backups, each on the one before, pruned to the last",
            ["b open:1", "b upload:0", "b upload:5", "b close", "b finish"],
            [["open:1", "previous", "upload:1", "close", "finish", "open:1", "previous", "close", "finish"], ["forget:1", "forget:1"]]),
    ];

    /// <summary>Runs every <paramref name="stride"/>th schedule of a script; how many ran, and the first loss.</summary>
    /// <param name="max">Most that run.</param>
    public static (long Ran, string? Failure) RunScript(int number, Planted planted, int stride, long max)
    {
        var (name, before, actors) = Scripts[number];
        var start = new CollectionWorld(planted);
        foreach (var step in before)
        {
            Prepare(start, step);
        }

        start.Settle();
        var points = 0;
        start.Copy().Collect(call =>
        {
            points += Points.Contains(call.Operation) ? 1 : 0;
            return 0;
        });
        var (seen, ran) = (0L, 0L);
        foreach (var schedule in Orders(actors, points + 1))
        {
            if (seen++ % stride != 0)
            {
                continue;
            }

            if (Run(start.Copy(), actors, schedule, known: seen % 2 == 0) is { } loss)
            {
                return (ran, $"{name}: {loss}; schedule {string.Join(' ', schedule.Select(step => $"{step.Point}:{step.Actor}"))}");
            }

            if (++ran == max)
            {
                break;
            }
        }

        return (ran, null);
    }

    /// <summary>Random steps until so many are done; the first loss.</summary>
    public static (long Steps, long Collections, string? Failure) RunRandom(int seed, long steps, Planted planted)
    {
        var random = new Random(seed);
        var world = new CollectionWorld(planted);
        long collections = 0;
        while (world.Steps < steps)
        {
            if (random.Next(12) > 0)
            {
                Act(world, random);
                continue;
            }

            collections++;
            using var abort = new CancellationTokenSource();
            var (fate, at, calls) = (random.Next(12), random.Next(60), 0);
            try
            {
                world.Collect(call =>
                {
                    calls++;
                    if (calls == at && fate == 0)
                    {
                        abort.Cancel();
                    }
                    else if (calls == at && fate == 1 && call.Operation is not "syncfs")
                    {
                        return 5;
                    }
                    else if (calls == at && fate == 2)
                    {
                        throw new SimulatedPowerCutException();
                    }

                    if (MayStep(call, "") && random.Next(6) == 0)
                    {
                        Act(world, random);
                    }

                    return 0;
                }, abort.Token, random.Next(3) == 0 ? 64 : 1 << 20);
            }
            catch (SimulatedPowerCutException)
            {
                world.Cut(random.Next());
            }

            if (world.Loss() is { } loss)
            {
                return (world.Steps, collections, $"seed {seed}, step {world.Steps}: {loss}");
            }
        }

        return (world.Steps, collections, null);
    }

    private static void Act(CollectionWorld world, Random random)
    {
        var actor = "abc"[random.Next(3)].ToString();
        if (!world.IsRunning(actor))
        {
            world.Do(actor, random.Next(3) == 0 ? $"forget:{random.Next(2)}" : $"open:{random.Next(2)}");
            return;
        }

        world.Do(actor, random.Next(9) switch
        {
            0 => "previous",
            1 or 2 or 3 => $"upload:{random.Next(CollectionWorld.ChunkKinds)}",
            4 or 5 => "close",
            6 => random.Next(3) == 0 ? "abort" : "close",
            _ => "finish",
        });
    }

    private static string? Run(CollectionWorld world, string[][] actors, List<(int Point, int Actor)> schedule, bool known)
    {
        if (known)
        {
            world.Collect(); // The collection under test then knows what was there, and looks at what is new only.
        }

        var (next, point) = (0, 0);
        var done = new int[actors.Length];
        void Step()
        {
            var actor = schedule[next++].Actor;
            world.Do(actor.ToString(System.Globalization.CultureInfo.InvariantCulture), actors[actor][done[actor]++]);
        }

        while (next < schedule.Count && schedule[next].Point == 0)
        {
            Step();
        }

        world.Collect(call =>
        {
            if (Points.Contains(call.Operation))
            {
                point++;
            }

            while (next < schedule.Count && schedule[next].Point <= point
                && MayStep(call, actors[schedule[next].Actor][done[schedule[next].Actor]]))
            {
                Step();
            }

            return 0;
        });
        while (next < schedule.Count)
        {
            Step();
        }

        return world.Loss() ?? Quiet(world);
    }

    /// <summary>When all is over: another collection loses nothing, and one that looks at everything leaves nothing.</summary>
    private static string? Quiet(CollectionWorld world)
    {
        world.Collect();
        if (world.Loss() is { } loss)
        {
            return loss;
        }

        world.Settle();
        var again = world.Copy();
        again.Collect();
        return again.Loss() ?? again.Leak();
    }

    /// <summary>A call under a chunk's lock is no place for a step that wants the same lock, and no other step waits for it either. A sync in progress is
    /// waited for, by which a thread would wait for itself.</summary>
    private static bool MayStep(VolumeCall call, string step) =>
        call.Operation is not ("syncfs" or "write") && !(step.StartsWith("upload", StringComparison.Ordinal) || step.Length == 0 ? UnderLock(call) : false);

    private static bool UnderLock(VolumeCall call) =>
        call.Operation is "rename" || (call.Operation is "unlink" or "stat" && call.Path.StartsWith(".chunks/", StringComparison.Ordinal))
        || (call.Operation is "stat" or "unlink" && call.Path.StartsWith(".holdfast-trash/", StringComparison.Ordinal) && call.Operation is "stat");

    private static void Prepare(CollectionWorld world, string step)
    {
        if (step.StartsWith("orphan:", StringComparison.Ordinal))
        {
            world.Orphan(int.Parse(step[7..], System.Globalization.CultureInfo.InvariantCulture));
            return;
        }

        var parts = step.Split(' ');
        world.Do(parts[0], parts[1]);
    }

    /// <summary>Every way to merge the actors' steps and to place them at points that do not go back.</summary>
    private static IEnumerable<List<(int Point, int Actor)>> Orders(string[][] actors, int points)
    {
        var left = actors.Select(steps => steps.Length).ToArray();
        return Extend([], left, 0, points);
    }

    private static IEnumerable<List<(int Point, int Actor)>> Extend(List<(int Point, int Actor)> soFar, int[] left, int from, int points)
    {
        if (left.All(count => count == 0))
        {
            yield return [.. soFar];
            yield break;
        }

        for (var actor = 0; actor < left.Length; actor++)
        {
            if (left[actor] == 0)
            {
                continue;
            }

            left[actor]--;
            for (var point = from; point <= points; point++)
            {
                soFar.Add((point, actor));
                foreach (var order in Extend(soFar, left, point, points))
                {
                    yield return order;
                }

                soFar.RemoveAt(soFar.Count - 1);
            }

            left[actor]++;
        }
    }
}
