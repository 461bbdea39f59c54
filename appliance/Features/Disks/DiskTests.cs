// Has disks test themselves and follows each test to its end: one disk of a pool at a time, all pools side by side.
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Agent;
using Holdfast.Features.Agent;
using Holdfast.Features.Tasks;

namespace Holdfast.Features.Disks;

/// <summary>Self-tests of all disks.</summary>
/// <param name="poolOf">Pool that a disk belongs to and whether it is resilvering; null = none.</param>
public sealed class DiskTests(DiskWatch watch, AgentActs acts, Func<Disk, (string Pool, bool IsResilvering)?> poolOf, TimeProvider clock)
{
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    /// <summary>The largest disks take two days when they are busy.</summary>
    private static readonly TimeSpan OneMax = TimeSpan.FromDays(4);

    /// <summary>Tests every disk that says something of itself.</summary>
    /// <param name="test"><c>short</c> or <c>long</c>.</param>
    public async Task RunAsync(RunningTask task, string test)
    {
        if (watch.Problem is { } problem)
        {
            throw new TaskFailedException(problem);
        }

        var disks = watch.Last.Where(disk => watch.ReportOf(disk.Id) is { Report.Problem: null }).ToList();
        task.Say($"{test} self-test of {disks.Count} of {watch.Last.Count} disks");
        await Task.WhenAll(disks.GroupBy(disk => poolOf(disk)?.Pool ?? disk.Id).Select(pool => OneByOneAsync(task, [.. pool], test))).ConfigureAwait(false);
    }

    private async Task OneByOneAsync(RunningTask task, IReadOnlyList<Disk> disks, string test)
    {
        foreach (var disk in disks)
        {
            task.AbortToken.ThrowIfCancellationRequested();
            if (poolOf(disk) is { IsResilvering: true } pool)
            {
                task.Say($"{disk.Id}: left out, pool '{pool.Pool}' is resilvering");
                continue;
            }

            try
            {
                await OneAsync(task, disk, test).ConfigureAwait(false);
            }
            catch (Exception error) when (error is AgentAwayException or Agent.AgentRefusedException)
            {
                task.Warn($"{disk.Id}: {error.Message}");
            }
        }
    }

    private async Task OneAsync(RunningTask task, Disk disk, string test)
    {
        var before = (await watch.AskAsync(disk, task.AbortToken).ConfigureAwait(false)).SelfTests.FirstOrDefault();
        await acts.DoAsync<AgentDone>(new TestDisk(disk.Id, test), task.Metadata, Within, task.AbortToken).ConfigureAwait(false);
        var started = clock.GetTimestamp();
        while (clock.GetElapsedTime(started) < OneMax)
        {
            await Task.Delay(Between, clock, task.AbortToken).ConfigureAwait(false);
            var report = await watch.AskAsync(disk, task.AbortToken).ConfigureAwait(false);
            if (report.SelfTestRemainingPercent is not null)
            {
                continue;
            }

            if (report.SelfTests.Count == 0 || report.SelfTests[0] == before)
            {
                task.Warn($"{disk.Id}: it keeps no list of its tests, or the test did not begin");
            }
            else if (report.SelfTests[0].Passed == false)
            {
                task.Warn($"{disk.Id}: {report.SelfTests[0].Status}");
            }
            else
            {
                task.Say($"{disk.Id}: {report.SelfTests[0].Status}");
            }

            return;
        }

        task.Warn($"{disk.Id}: no end of the test after {OneMax.TotalDays:0} days");
    }
}
