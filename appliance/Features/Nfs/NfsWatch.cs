// Looks at NFS every ten seconds: has exported and mounted what the ledger says (a restart of the box forgets both), tells what changed and lasted, and holds
// datastores back whose server is silent, so that nobody waits for it. Nothing here touches a mount: the agent's child process does, with a limit.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Nfs;
using Holdfast.Features.Agent;
using Holdfast.Features.Datastores;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Nfs;

/// <summary>The watch.</summary>
/// <param name="open">Opens a datastore that is configured and not open; says why it can't, null = it is open.</param>
public sealed class NfsWatch(
    AgentActs acts, Func<NfsState> told, DatastoreRegistry stores, Func<DatastoresState> datastores, IDatastoreFolders folders,
    Func<DatastoreFacts, Task<string?>> open, Recorder recorder)
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    /// <summary>So long what did not work is left alone before it is tried again: doubled each time.</summary>
    public const int AgainS = 60;

    public const int AgainMaxS = 600;

    /// <summary>Exports that went away while the service ran may have been taken away by somebody: they get this long.</summary>
    public const int ExportsAgainS = 300;

    private const string ExportsKey = "/exports";
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim turn = new(1);
    private readonly Dictionary<string, (int WaitS, long DueS)> tries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task<string?>> opening = new(StringComparer.Ordinal);
    private NfsMemory memory = NfsMemory.Nothing;
    private volatile NfsSeen? last;

    /// <summary>The last look; null = there was none, or the last one failed.</summary>
    public NfsSeen? Last => last;

    private long NowS => (long)recorder.Clock.GetElapsedTime(0, recorder.Clock.GetTimestamp()).TotalSeconds;

    /// <summary>Datastores on a mount.</summary>
    public IReadOnlyList<string> StoresOn(NfsMount mount) =>
        [.. OnMounts(told()).Where(one => one.Mount?.Name == mount.Name).Select(one => one.Facts.Name)];

    /// <summary>One look, and what comes of it.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        if (!acts.Agent.IsThere)
        {
            last = null;
            return;
        }

        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var known = told();
            if (known.Exports.IsEmpty && known.Mounts.IsEmpty && !OnMounts(known).Any())
            {
                last = null;
                memory = NfsMemory.Nothing;
                return;
            }

            var seen = last = await acts.Agent.AskForAsync<NfsSeen>(new ReadNfs([.. known.Mounts.Keys]), Within, cancel).ConfigureAwait(false);
            (var events, memory) = NfsDecider.Seen(known, memory, seen, NowS, EventMetadata.System);
            if (events.Count > 0)
            {
                await recorder.DecideAsync("nfs", ExpectedVersion.Any, events, default, cancel).ConfigureAwait(false);
            }

            await HoldBackAsync(known, seen).ConfigureAwait(false);

            // Last, since a server that is away makes it wait; the next look sees what came of it.
            await PutRightAsync(known, seen, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is AgentAwayException or AgentRefusedException)
        {
            last = null;
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

    /// <summary>Has the agent change something and records what it came to, with no look in between.</summary>
    /// <exception cref="AgentRefusedException">It refused; nothing is recorded.</exception>
    public async Task ChangeAsync(AgentAct act, NewEvent done, EventMetadata because, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            // Whoever asked may hang up: what was begun is recorded to its end.
            await acts.DoAsync<AgentDone>(act, because, Within, CancellationToken.None).ConfigureAwait(false);
            await recorder.DecideAsync("nfs", ExpectedVersion.Any, [done], default, CancellationToken.None).ConfigureAwait(false);
            tries.Clear();
        }
        finally
        {
            turn.Release();
        }

        await LookAsync(cancel).ConfigureAwait(false);
    }

    private async Task PutRightAsync(NfsState known, NfsSeen seen, CancellationToken cancel)
    {
        if (!NfsDecider.Differs(known, seen))
        {
            // If they go away later, it may be somebody's wish for the moment.
            tries[ExportsKey] = (ExportsAgainS, NowS + ExportsAgainS);
        }
        else if (IsDue(ExportsKey))
        {
            await TryAsync(new SetNfsExports([.. known.Exports.Values]), cancel).ConfigureAwait(false);
        }

        foreach (var mount in known.Mounts.Values.Select(one => one.Mount))
        {
            if (seen.Mounts.FirstOrDefault(one => one.Name == mount.Name) is not { State: "absent" })
            {
                tries.Remove(mount.Name);
            }
            else if (IsDue(mount.Name))
            {
                await TryAsync(new MountNfs(mount), cancel).ConfigureAwait(false);
            }
        }
    }

    private bool IsDue(string what)
    {
        var (waitS, dueS) = tries.GetValueOrDefault(what, (AgainS / 2, long.MinValue));
        if (NowS < dueS)
        {
            return false;
        }

        var next = Math.Min(waitS * 2, AgainMaxS);
        tries[what] = (next, NowS + next);
        return true;
    }

    /// <summary>That it did not work is an event of its own, and the look after it says what is not there.</summary>
    private async Task TryAsync(AgentAct act, CancellationToken cancel)
    {
        try
        {
            await acts.DoAsync<AgentDone>(act, EventMetadata.System, Within, cancel).ConfigureAwait(false);
        }
        catch (AgentRefusedException)
        {
            return;
        }
    }

    private IEnumerable<(DatastoreFacts Facts, NfsMount? Mount)> OnMounts(NfsState known) =>
        datastores().Stores.Values.Select(facts => (Facts: facts, Path: folders.Absolute(facts.Path).TrimEnd('/')))
            .Where(one => NfsMount.IsBelow(one.Path)).Select(one => (one.Facts, known.MountOf(one.Path)));

    private async Task HoldBackAsync(NfsState known, NfsSeen seen)
    {
        foreach (var (facts, mount) in OnMounts(known).ToList())
        {
            var look = mount is null ? null : seen.Mounts.FirstOrDefault(one => one.Name == mount.Name);
            if (look is not { State: "well" })
            {
                stores.SetAway(facts.Name, mount is null ? "nothing is mounted where it lies ('holdfast nfs mount list')"
                    : $"NFS server {mount.Server}, on which it lies, is away: {look?.Why ?? "it was not looked at"}");

                // What is open on a mount that is gone would not find the one that comes in its place.
                if (look is null or { State: "absent" } && stores.Remove(facts.Name) is { } gone)
                {
                    _ = Task.Run(gone.Bytes.Dispose);
                }
            }
            else if (facts.Maintenance is { Type: "delete" })
            {
                stores.SetAway(facts.Name, null);
            }
            else
            {
                stores.SetAway(facts.Name, await OpenAsync(facts).ConfigureAwait(false));
            }
        }
    }

    /// <summary>Opens what is not open. Its server may fall silent meanwhile: nobody waits long for that, and the next look asks again.</summary>
    private async Task<string?> OpenAsync(DatastoreFacts facts)
    {
        if (!opening.TryGetValue(facts.Name, out var running))
        {
            if (stores.FindAnyway(facts.Name) is not null)
            {
                return null;
            }

            opening[facts.Name] = running = Task.Run(() => open(facts));
        }

        try
        {
            var problem = await running.WaitAsync(OpenWithin).ConfigureAwait(false);
            opening.Remove(facts.Name);
            return problem;
        }
        catch (TimeoutException)
        {
            return "it is being opened";
        }
        catch (LedgerUnavailableException)
        {
            opening.Remove(facts.Name);
            return LedgerAway.Text;
        }
    }
}
