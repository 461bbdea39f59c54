// The real process killed at its n-th system call of a work (reliability: F1), by strace, during a fresh and an incremental backup, a prune, a snapshot's end,
// a garbage collection and a verification, then started again and asked the four oracles. Settings by environment: KILL_SECONDS (default 240, the points are
// sampled by SEED), FULL=1 (all points),
// REPLAY_KILL=script:call:n (one point).
using System.Diagnostics;
using System.Text.RegularExpressions;
using Holdfast.Tests.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Holdfast.Tests.Crash;

public sealed partial class KillTests(ITestOutputHelper output)
{
    /// <summary>Calls that change files, make them durable, or carry words to the ledger and to the client.</summary>
    private static readonly string[] Calls =
    [
        "openat", "write", "pwrite64", "pwritev", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "mkdir", "mkdirat",
        "unlink", "unlinkat", "rmdir", "utimensat", "fsync", "fdatasync", "syncfs", "sendto", "sendmsg",
    ];

    [Fact]
    public async Task W1_W2_W3_W4_W5_W6_A_kill_at_any_call_loses_nothing_that_was_answered()
    {
        // As few threads as can be: strace counts by thread, and the fewer there are, the more of all calls are somebody's n-th.
        await using var daemon = await Daemon.StartAsync(new Dictionary<string, string>
        {
            ["DOTNET_PROCESSOR_COUNT"] = "1", ["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "1", ["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "1",
        });
        var world = new KillWorld(daemon);
        var points = await PointsAsync(daemon, world);
        var (watch, killed, passed) = (Stopwatch.StartNew(), 0, 0);
        var limit = Environment.GetEnvironmentVariable("FULL") == "1" ? TimeSpan.MaxValue : TimeSpan.FromSeconds(Setting("KILL_SECONDS", 240));
        var random = new Random(Setting("SEED", 1));
        foreach (var (script, call, n) in points)
        {
            if (watch.Elapsed > limit)
            {
                break;
            }

            var line = $"REPLAY_KILL={script.Name}:{call}:{n} make crash";
            try
            {
                var wasKilled = await OneAsync(daemon, world, script, call, n, random);
                (killed, passed) = (killed + (wasKilled ? 1 : 0), passed + (wasKilled ? 0 : 1));
            }
            catch (Exception error)
            {
                Assert.Fail($"{line}   # {error}");
            }
        }

        var text = $"kills: {killed} of {points.Count} points, {passed} not reached, {world.Acknowledged.Count()} acknowledged snapshots, "
            + $"{killed / watch.Elapsed.TotalSeconds:F2} points/s, 0 losses";
        output.WriteLine(text);
        Console.WriteLine(text);
        Assert.True(killed > 0, "no call was hit");
    }

    /// <summary>Counts the calls of each script once; every call of every kind is a point (of very many, some), in an order made from the seed.</summary>
    private async Task<List<(KillScript Script, string Call, int N)>> PointsAsync(Daemon daemon, KillWorld world)
    {
        if (Environment.GetEnvironmentVariable("REPLAY_KILL") is { Length: > 0 } replay)
        {
            var parts = replay.Split(':');
            return [(KillScript.All.Single(one => one.Name == parts[0]), parts[1], int.Parse(parts[2]))];
        }

        List<(KillScript, string, int)> points = [];
        foreach (var script in KillScript.All)
        {
            await script.Prepare(world);
            await script.Act(world);
            await script.Prepare(world);
            var log = Path.GetTempFileName();
            try
            {
                using (var census = await AttachAsync(daemon.ProcessId, ["-o", log, "-e", "trace=" + string.Join(',', Calls)]))
                {
                    await script.Act(world);
                    await DetachAsync(census);
                }

                var counts = (await File.ReadAllLinesAsync(log)).Select(line => CallLine().Match(line)).Where(match => match.Success)
                    .CountBy(match => (Thread: match.Groups[1].Value, Call: match.Groups[2].Value))
                    .GroupBy(pair => pair.Key.Call, pair => pair.Value).Select(group => (Call: group.Key, Most: group.Max(), All: group.Sum())).ToList();
                output.WriteLine(script.Name + ": " + string.Join(", ", counts.Select(count => $"{count.Call} {count.Most} of {count.All}")));
                points.AddRange(counts.SelectMany(count => Spread(count.Most).Select(n => (script, count.Call, n))));
            }
            finally
            {
                File.Delete(log);
            }
        }

        var order = points.ToArray();
        new Random(Setting("SEED", 1)).Shuffle(order);
        return [.. order];
    }

    /// <summary>1 to <paramref name="most"/>, or so many of them, evenly. A collection opens 65536 folders only to read their names, one like the other: the
    /// first eighth of them will do, since strace makes each cost a millisecond and counts no further than 65535.</summary>
    private static IEnumerable<int> Spread(int most)
    {
        const int pointsMax = 100;
        most = Math.Min(most, 8192);
        return most <= pointsMax ? Enumerable.Range(1, most) : Enumerable.Range(1, pointsMax).Select(i => (int)((long)i * most / pointsMax));
    }

    /// <summary>One cycle; true if the process was killed.</summary>
    private static async Task<bool> OneAsync(Daemon daemon, KillWorld world, KillScript script, string call, int n, Random random)
    {
        await script.Prepare(world);
        Exception? error;
        using (var strace = await AttachAsync(daemon.ProcessId, ["-o", "/dev/null", "-e", "trace=" + call, "-e", $"inject={call}:signal=SIGKILL:when={n}"]))
        {
            error = await ActAsync(world, script);
            if (!daemon.HasExited && error is null)
            {
                await DetachAsync(strace);
                await Task.Delay(100);
            }

            for (var i = 0; i < 100 && error is not null && !daemon.HasExited; i++)
            {
                await Task.Delay(50);
            }
        }

        if (!daemon.HasExited)
        {
            return error is null ? false : throw new InvalidOperationException($"failed without a kill: {error.Message}", error);
        }

        if (random.Next(4) == 0)
        {
            await daemon.StartAndKillAsync(TimeSpan.FromMilliseconds(random.Next(200, 2000)));
        }

        await daemon.StartAgainAsync();
        await world.AskAsync(script);
        return true;
    }

    /// <summary>Null, or what the client saw: a kill shows itself in any way a network has.</summary>
    private static async Task<Exception?> ActAsync(KillWorld world, KillScript script)
    {
        try
        {
            await script.Act(world);
            return null;
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            return fault;
        }
    }

    private static async Task<Process> AttachAsync(int process, string[] arguments)
    {
        var strace = Process.Start(new ProcessStartInfo("strace", ["-f", "-p", process.ToString(), .. arguments]) { RedirectStandardError = true })
            ?? throw new InvalidOperationException("strace does not start");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var said = new List<string>();
        while (await strace.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Contains("attached", StringComparison.Ordinal))
            {
                _ = strace.StandardError.ReadToEndAsync(CancellationToken.None);
                return strace;
            }

            said.Add(line);
        }

        throw new InvalidOperationException($"strace can't attach: {string.Join(' ', said)}");
    }

    private static async Task DetachAsync(Process strace)
    {
        Signals.Send(strace.Id, Signals.Term);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await strace.WaitForExitAsync(limit.Token);
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : otherwise;

    [GeneratedRegex(@"^(\d+) +(\w+)\(")]
    private static partial Regex CallLine();
}
