// The real process killed at its n-th system call of the write path (reliability: F1), by strace, during a fresh and an incremental backup, then started
// again and asked the four oracles. Settings by environment: KILL_SECONDS (default 240, the points are sampled by SEED), FULL=1 (all points),
// REPLAY_KILL=script:call:n (one point).
using System.Diagnostics;
using System.Text.RegularExpressions;
using Holdfast.Storage;
using Holdfast.Tests.Wire;
using Holdfast.Wire;
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

    private static readonly string[] Scripts = ["fresh", "incremental"];

    private readonly List<(SessionTarget Target, Image Image)> acknowledged = [];
    private int runs;

    [Fact]
    public async Task W1_W2_W3_W4_W6_A_kill_at_any_call_loses_nothing_that_was_answered()
    {
        // As few threads as can be: strace counts by thread, and the fewer there are, the more of all calls are somebody's n-th.
        await using var daemon = await Daemon.StartAsync(new Dictionary<string, string>
        {
            ["DOTNET_PROCESSOR_COUNT"] = "1", ["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "1", ["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = "1",
        });
        var points = await PointsAsync(daemon);
        var (watch, killed, passed) = (Stopwatch.StartNew(), 0, 0);
        var limit = Environment.GetEnvironmentVariable("FULL") == "1" ? TimeSpan.MaxValue : TimeSpan.FromSeconds(Setting("KILL_SECONDS", 240));
        var random = new Random(Setting("SEED", 1));
        foreach (var (script, call, n) in points)
        {
            if (watch.Elapsed > limit)
            {
                break;
            }

            var line = $"REPLAY_KILL={script}:{call}:{n} make crash";
            try
            {
                var wasKilled = await OneAsync(daemon, script, call, n, random);
                (killed, passed) = (killed + (wasKilled ? 1 : 0), passed + (wasKilled ? 0 : 1));
            }
            catch (Exception error)
            {
                Assert.Fail($"{line}   # {error}");
            }
        }

        var text = $"kills: {killed} of {points.Count} points, {passed} not reached, {acknowledged.Count} acknowledged snapshots, "
            + $"{killed / watch.Elapsed.TotalSeconds:F2} points/s, 0 losses";
        output.WriteLine(text);
        Console.WriteLine(text);
        Assert.True(killed > 0, "no call was hit");
    }

    /// <summary>Counts the calls of each script once; every call of every kind is a point, in an order made from the seed.</summary>
    private async Task<List<(string Script, string Call, int N)>> PointsAsync(Daemon daemon)
    {
        if (Environment.GetEnvironmentVariable("REPLAY_KILL") is { Length: > 0 } replay)
        {
            var parts = replay.Split(':');
            return [(parts[0], parts[1], int.Parse(parts[2]))];
        }

        List<(string, string, int)> points = [];
        foreach (var script in Scripts)
        {
            await RunScriptAsync(daemon, script);
            var log = Path.GetTempFileName();
            try
            {
                using (var census = await AttachAsync(daemon.ProcessId, ["-o", log, "-e", "trace=" + string.Join(',', Calls)]))
                {
                    await RunScriptAsync(daemon, script);
                    await DetachAsync(census);
                }

                var counts = (await File.ReadAllLinesAsync(log)).Select(line => CallLine().Match(line)).Where(match => match.Success)
                    .CountBy(match => (Thread: match.Groups[1].Value, Call: match.Groups[2].Value))
                    .GroupBy(pair => pair.Key.Call, pair => pair.Value).Select(group => (Call: group.Key, Most: group.Max(), All: group.Sum())).ToList();
                output.WriteLine(script + ": " + string.Join(", ", counts.Select(count => $"{count.Call} {count.Most} of {count.All}")));
                points.AddRange(counts.SelectMany(count => Enumerable.Range(1, count.Most).Select(n => (script, count.Call, n))));
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

    /// <summary>One cycle; true if the process was killed.</summary>
    private async Task<bool> OneAsync(Daemon daemon, string script, string call, int n, Random random)
    {
        Attempt attempt;
        using (var strace = await AttachAsync(daemon.ProcessId, ["-o", "/dev/null", "-e", "trace=" + call, "-e", $"inject={call}:signal=SIGKILL:when={n}"]))
        {
            attempt = await RunScriptAsync(daemon, script);
            if (!daemon.HasExited && attempt.Finished)
            {
                await DetachAsync(strace);
                await Task.Delay(100);
            }

            for (var i = 0; i < 100 && !attempt.Finished && !daemon.HasExited; i++)
            {
                await Task.Delay(50);
            }
        }

        if (!daemon.HasExited)
        {
            return attempt.Finished ? false : throw new InvalidOperationException($"failed without a kill: {attempt.Error}", attempt.Error);
        }

        if (random.Next(4) == 0)
        {
            await daemon.StartAndKillAsync(TimeSpan.FromMilliseconds(random.Next(200, 2000)));
        }

        await daemon.StartAgainAsync();
        await AskAsync(daemon, attempt);
        return true;
    }

    /// <summary>The oracles: what was answered restores, what was never finished is not listed, chunks are sound, ledger and folds agree.</summary>
    private async Task AskAsync(Daemon daemon, Attempt attempt)
    {
        var listed = (await Backups.ListedAsync(daemon.Client, attempt.Target)).Contains(attempt.Target.BackupTimeS);
        Assert.True(listed || !attempt.Finished, "it was acknowledged and is not there");
        Assert.True(!listed || attempt.FinishAsked, "it is listed, though nobody finished it");
        if (listed)
        {
            await Backups.AssertRestoresAsync(daemon.Client, attempt.Target, attempt.Image);
            acknowledged.Add((attempt.Target, attempt.Image));
        }
        else
        {
            Assert.False(Directory.Exists(Backups.Folder(daemon, attempt.Target)), "its folder is left");
        }

        foreach (var (target, image) in acknowledged.TakeLast(3))
        {
            await Backups.AssertRestoresAsync(daemon.Client, target, image);
        }

        foreach (var path in attempt.Image.Pieces.Select(piece => Backups.ChunkPath(daemon, piece.Digest)).Where(File.Exists))
        {
            var raw = await File.ReadAllBytesAsync(path);
            Assert.Null(DataBlob.Check(raw, out _));
            Assert.Equal(Path.GetFileName(path), Digest.Of(DataBlob.DecodeToArray(raw, Image.ChunkBytes, null, path)).ToString());
        }

        var told = await LedgerView.ReadAsync(daemon, Backups.Stream(attempt.Target));
        var mine = told.Where(one => one.Number("backup-time") == attempt.Target.BackupTimeS).ToList();
        var ends = mine.Count(one => one.Type is "BackupFinished" or "BackupAborted" or "SnapshotDiscovered");
        var starts = mine.Count(one => one.Type == "BackupStarted");
        Assert.Equal(starts, ends);
        await LedgerView.AssertFoldsEqualTheirRebuildAsync(daemon);
    }

    private sealed record Attempt(SessionTarget Target, Image Image, bool FinishAsked, bool Finished, Exception? Error);

    /// <summary>A small backup; whatever happens to it is part of the result.</summary>
    private async Task<Attempt> RunScriptAsync(Daemon daemon, string script)
    {
        var run = ++runs;
        var last = script == "fresh" ? default : acknowledged.LastOrDefault(pair => pair.Target.BackupId == "steady");
        var target = new SessionTarget("main", "vm", script == "fresh" ? $"fresh{run}" : "steady", 1_700_000_000 + run);
        var image = Image.Make(500, last.Image is null ? [run * 10, run * 10 + 1, run * 10 + 2] : [1, run * 10, 3]);
        var (asked, done) = (false, false);
        Exception? error = null;
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await using var writer = await daemon.Client.StartBackupAsync(target, limit.Token);
            if (last.Image is not null)
            {
                await writer.PreviousAsync(Backups.ManifestName, limit.Token);
                await writer.PreviousAsync(Backups.ImageName, limit.Token);
            }

            await Backups.UploadAsync(writer, target, image).WaitAsync(limit.Token);
            asked = true;
            await writer.FinishAsync(limit.Token);
            done = true;
            acknowledged.Add((target, image));
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // The kill shows itself in any way a network has; the caller looks at the process.
            error = fault;
        }

        return new Attempt(target, image, asked, done, error);
    }

    private static async Task<Process> AttachAsync(int process, string[] arguments)
    {
        var strace = Process.Start(new ProcessStartInfo("strace", ["-f", "-p", process.ToString(), .. arguments]) { RedirectStandardError = true })
            ?? throw new InvalidOperationException("strace does not start");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await strace.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Contains("attached", StringComparison.Ordinal))
            {
                _ = strace.StandardError.ReadToEndAsync(CancellationToken.None);
                return strace;
            }
        }

        throw new InvalidOperationException("strace can't attach");
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
