// Looks at the disks through the agent: which there are every minute, what they say of themselves every half hour and when asked. Records what changed.
using System.Collections.Concurrent;
using Holdfast.Contracts.Disks;
using Holdfast.Features.Agent;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Disks;

/// <summary>The watch.</summary>
public sealed class DiskWatch(IAgent agent, Func<DisksState> told, Recorder recorder)
{
    /// <summary>How often disks are listed.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(60);

    /// <summary>How often each is asked for its report.</summary>
    public static readonly TimeSpan ReportsEvery = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);
    private readonly ConcurrentDictionary<string, (SmartReport Report, long AtS)> reports = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim turn = new(1);
    private volatile IReadOnlyList<Disk> last = [];
    private volatile string? problem = "the disks have not been looked at yet";

    /// <summary>Disks as they were listed last.</summary>
    public IReadOnlyList<Disk> Last => last;

    /// <summary>Why nothing is known of disks; null = it is.</summary>
    public string? Problem => !agent.IsThere && last.Count == 0 ? NoAgent.UnseenText : problem;

    /// <summary>The last report of a disk and when it was made; null = none yet.</summary>
    public (SmartReport Report, long AtS)? ReportOf(string disk) => reports.TryGetValue(disk, out var report) ? report : null;

    /// <summary>Lists the disks, and asks those whose report is old.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            last = (await agent.AskForAsync<DisksSeen>(new ListDisks(), Within, cancel).ConfigureAwait(false)).Disks;
            problem = null;
            await TellAsync(DiskDecider.Listed(told(), last, EventMetadata.System), cancel).ConfigureAwait(false);
            foreach (var gone in reports.Keys.Where(id => last.All(disk => disk.Id != id)).ToList())
            {
                reports.TryRemove(gone, out _);
            }

            var nowS = recorder.Clock.GetUtcNow().ToUnixTimeSeconds();
            foreach (var disk in last.Where(disk => !reports.TryGetValue(disk.Id, out var old) || nowS - old.AtS >= (long)ReportsEvery.TotalSeconds))
            {
                await AskAsync(disk, cancel).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException)
        {
            problem = error.Message;
        }
        catch (LedgerUnavailableException)
        {
            // What could not be told is found again by the next look.
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>A new report of a disk.</summary>
    /// <exception cref="AgentAwayException">Nobody to ask.</exception>
    public async Task<SmartReport> AskAsync(Disk disk, CancellationToken cancel)
    {
        var report = (await agent.AskForAsync<SmartSeen>(new ReadSmart(disk.Id), Within, cancel).ConfigureAwait(false)).Report;
        reports[disk.Id] = (report, recorder.Clock.GetUtcNow().ToUnixTimeSeconds());
        if (told().Disks.TryGetValue(disk.Id, out var known))
        {
            await TellAsync(DiskDecider.Reported(known, report, disk.IsRotational, EventMetadata.System), cancel).ConfigureAwait(false);
        }

        return report;
    }

    private async Task TellAsync(IReadOnlyList<NewEvent> events, CancellationToken cancel)
    {
        if (events.Count > 0)
        {
            await recorder.DecideAsync("disks", ExpectedVersion.Any, events, default, cancel).ConfigureAwait(false);
        }
    }
}
