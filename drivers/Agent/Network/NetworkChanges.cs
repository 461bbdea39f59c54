// Changes of the network, with a way back: what was before is kept aside until somebody who came in over the new network has said that it is good. Nobody says
// so in time, the agent dies, the box restarts: each ends with what was before. What is confirmed lies on the state partition, whole or not at all.
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Network;

/// <summary>Where the files lie.</summary>
/// <param name="Live">What networkd reads in this run of the box.</param>
/// <param name="Kept">What the next start puts in <paramref name="Live"/>.</param>
/// <param name="Aside">What is forgotten at a restart: what was before a change, the doors in use.</param>
/// <param name="KeptDoors">Doors for the next start.</param>
/// <param name="Rules">The ruleset that includes the doors in use, <c>nftables-allow.nft</c> in <paramref name="Aside"/>.</param>
public sealed record NetworkPlaces(string Live, string Kept, string Aside, string KeptDoors, string Rules)
{
    public static readonly NetworkPlaces Default = new(
        "/run/systemd/network", "/state/etc/network", "/run/holdfast-network", "/state/etc/nftables-allow.nft", "/etc/nftables.conf");

    internal string Doors => Path.Combine(Aside, "nftables-allow.nft");

    internal string Before => Path.Combine(Aside, "before");

    internal string Waiting => Path.Combine(Aside, "change.json");

    internal string Last => Path.Combine(Aside, "last.json");
}

/// <summary>The change that waits, as it lies on disk.</summary>
/// <param name="UntilMs">On the monotonic clock, which starts with the box, as the file does.</param>
internal sealed record WaitingChange(string Change, long UntilMs);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(WaitingChange))]
[JsonSerializable(typeof(ChangeOutcome))]
[JsonSerializable(typeof(NetworkPlan))]
internal sealed partial class NetworkJson : JsonSerializerContext;

/// <summary>Applies, confirms, takes back. One change at a time.</summary>
public sealed class NetworkChanges : IAsyncDisposable
{
    private const string PlanFile = "holdfast-plan.json";
    private const int FileBytesMax = 256 * 1024;
    private static readonly ProgramLimits Slow = new(TimeSpan.FromSeconds(30));

    private readonly IPrograms programs;
    private readonly NetworkReader reader;
    private readonly NetworkPlaces places;
    private readonly TimeProvider clock;
    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource stop = new();
    private readonly Task watching;

    /// <summary>Goes on with a change that waits since before this agent started.</summary>
    public NetworkChanges(IPrograms programs, NetworkPlaces places, TimeProvider? clock = null)
    {
        (this.programs, this.places, this.clock) = (programs, places, clock ?? TimeProvider.System);
        reader = new NetworkReader(programs);
        watching = WatchAsync();
    }

    private long NowMs => (long)clock.GetElapsedTime(0, clock.GetTimestamp()).TotalMilliseconds;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);
        stop.Dispose();
    }

    /// <exception cref="IOException">A tool failed.</exception>
    public async Task<NetworkFacts> ReadAsync(CancellationToken cancel)
    {
        var links = await reader.LinksAsync(cancel).ConfigureAwait(false);
        var routes = await reader.RoutesAsync(cancel).ConfigureAwait(false);
        var dns = await reader.DnsAsync(cancel).ConfigureAwait(false);
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var pending = Waiting() is { } waiting ? new PendingChange(waiting.Change, Math.Max(0, waiting.UntilMs - NowMs)) : null;
            return new NetworkFacts(links, routes, dns, ReadJson(Path.Combine(places.Live, PlanFile), NetworkJson.Default.NetworkPlan), pending,
                ReadJson(places.Last, NetworkJson.Default.ChangeOutcome));
        }
        finally
        {
            turn.Release();
        }
    }

    /// <exception cref="InvalidDataException">It can't be applied; nothing was changed, or it was changed back.</exception>
    public async Task<NetworkChanged> ApplyAsync(ApplyNetwork asked, string change, CancellationToken cancel)
    {
        if (!Directory.Exists(Path.GetDirectoryName(places.Kept)))
        {
            throw new InvalidDataException("this machine's network is set by its own means: there is no state partition of Holdfast's image to keep it on");
        }

        if (asked.Plan is null || asked.ConfirmWithinS is < ApplyNetwork.ConfirmWithinMinS or > ApplyNetwork.ConfirmWithinMaxS)
        {
            throw new InvalidDataException($"a change is confirmed within {ApplyNetwork.ConfirmWithinMinS} to {ApplyNetwork.ConfirmWithinMaxS} seconds");
        }

        if (asked.Plan.Problem() is { } problem)
        {
            throw new InvalidDataException(problem);
        }

        if (asked.Plan.Doors is not null && !File.Exists(places.Doors))
        {
            throw new InvalidDataException("who may use which door now is not known, so there would be no way back: restart the box first");
        }

        RefuseWithout(asked.Plan, await reader.LinksAsync(cancel).ConfigureAwait(false));
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (Waiting() is { } waiting)
            {
                throw new InvalidDataException($"change {waiting.Change} waits to be confirmed: confirm it or take it back first");
            }

            Keep();
            var waits = new WaitingChange(change, NowMs + (asked.ConfirmWithinS * 1000L));
            Write(places.Waiting, JsonSerializer.Serialize(waits, NetworkJson.Default.WaitingChange));
            try
            {
                await UseAsync(FilesOf(asked.Plan), asked.Plan.Doors is { } doors ? NetworkFiles.Doors(doors) : null).ConfigureAwait(false);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                await BackAsync(error.Message).ConfigureAwait(false);
                throw new InvalidDataException("it was taken back at once: " + error.Message);
            }

            return new NetworkChanged(change, asked.ConfirmWithinS);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <exception cref="InvalidDataException">No such change waits.</exception>
    public async Task ConfirmAsync(string change, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            RefuseOther(change);
            StayOnDisk();
            End(new ChangeOutcome(change, "confirmed", null));
        }
        finally
        {
            turn.Release();
        }
    }

    /// <exception cref="InvalidDataException">No such change waits.</exception>
    public async Task RevertAsync(string change, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            RefuseOther(change);
            await BackAsync("asked for").ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    private static void RefuseWithout(NetworkPlan plan, IReadOnlyList<LinkFacts> links)
    {
        foreach (var one in plan.Interfaces)
        {
            var found = links.FirstOrDefault(link => link.Name == one.Name);
            if (one.Type == "eth" && found is null)
            {
                var there = string.Join(", ", links.Where(link => link.Kind == "eth").Select(link => link.Name));
                throw new InvalidDataException($"interface {one.Name} does not exist; there are {there}");
            }

            if (one.Type != "eth" && found is not null && found.Kind != one.Type)
            {
                throw new InvalidDataException($"interface {one.Name} exists and is no {one.Type}");
            }
        }
    }

    private void RefuseOther(string change)
    {
        if (Waiting()?.Change != change)
        {
            throw new InvalidDataException("no such change waits to be confirmed: it was confirmed, or taken back");
        }
    }

    private static Dictionary<string, string> FilesOf(NetworkPlan plan) => new(NetworkFiles.Of(plan))
    {
        [PlanFile] = JsonSerializer.Serialize(plan, NetworkJson.Default.NetworkPlan),
    };

    /// <summary>Copies what is in use aside.</summary>
    private void Keep()
    {
        if (Directory.Exists(places.Before))
        {
            Directory.Delete(places.Before, recursive: true);
        }

        Directory.CreateDirectory(places.Before);
        foreach (var (name, text) in Ours(places.Live))
        {
            Write(Path.Combine(places.Before, name), text);
        }

        if (File.Exists(places.Doors))
        {
            File.Copy(places.Doors, Path.Combine(places.Before, Path.GetFileName(places.Doors)));
        }
    }

    /// <summary>Has networkd and nftables use these files instead of ours of before.</summary>
    private async Task UseAsync(Dictionary<string, string> files, string? doors)
    {
        Directory.CreateDirectory(places.Live);
        var before = Ours(places.Live);
        foreach (var name in before.Keys.Where(name => !files.ContainsKey(name)))
        {
            File.Delete(Path.Combine(places.Live, name));
        }

        foreach (var (name, text) in files)
        {
            Write(Path.Combine(places.Live, name), text);
        }

        // A device that exists is not made anew when its file changes, and one without a file stays: both go first.
        foreach (var (name, text) in before)
        {
            if (NetworkFiles.DeviceOf(name) is { } device && files.GetValueOrDefault(name) != text)
            {
                await programs.RunAsync("networkctl", ["delete", device], Slow).ConfigureAwait(false);
            }
        }

        await MustAsync("networkctl", ["reload"]).ConfigureAwait(false);
        if (doors is not null)
        {
            Write(places.Doors, doors);
            await MustAsync("nft", ["-f", places.Rules]).ConfigureAwait(false);
        }
    }

    private async Task BackAsync(string why)
    {
        var change = Waiting()!.Change;
        var doors = Path.Combine(places.Before, Path.GetFileName(places.Doors));
        try
        {
            await UseAsync(Ours(places.Before), File.Exists(doors) ? await File.ReadAllTextAsync(doors).ConfigureAwait(false) : null).ConfigureAwait(false);
        }
        catch (ProgramFailedException error)
        {
            // The files are those of before; the next start uses them, whatever the tool's trouble is.
            why += $"; going back: {error.Message}";
        }

        End(new ChangeOutcome(change, "reverted", why));
    }

    /// <summary>The files in use become those of the next start: a folder of all of them, made aside and put in place by its name.</summary>
    private void StayOnDisk()
    {
        var (fresh, old) = (places.Kept + ".new", places.Kept + ".old");
        foreach (var folder in (string[])[fresh, old])
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        Directory.CreateDirectory(fresh);
        foreach (var path in Directory.Exists(places.Kept) ? Directory.GetFiles(places.Kept) : [])
        {
            if (!IsOurs(Path.GetFileName(path)))
            {
                File.Copy(path, Path.Combine(fresh, Path.GetFileName(path)));
            }
        }

        foreach (var (name, text) in Ours(places.Live))
        {
            Write(Path.Combine(fresh, name), text);
        }

        if (Directory.Exists(places.Kept))
        {
            Directory.Move(places.Kept, old);
        }

        Directory.Move(fresh, places.Kept);
        DurableFile.SyncFolder(Path.GetDirectoryName(places.Kept)!);
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }

        if (File.Exists(places.Doors))
        {
            Write(places.KeptDoors, File.ReadAllText(places.Doors));
        }
    }

    private void End(ChangeOutcome outcome)
    {
        Write(places.Last, JsonSerializer.Serialize(outcome, NetworkJson.Default.ChangeOutcome));
        File.Delete(places.Waiting);
        Directory.Delete(places.Before, recursive: true);
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                await turn.WaitAsync(stop.Token).ConfigureAwait(false);
                try
                {
                    if (Waiting() is { } waiting && waiting.UntilMs <= NowMs)
                    {
                        await BackAsync("nobody confirmed it in time").ConfigureAwait(false);
                    }
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
                {
                    // Tried again in a second.
                    await Console.Error.WriteLineAsync("holdfast-agent: the network can't be taken back yet: " + error.Message).ConfigureAwait(false);
                }
                finally
                {
                    turn.Release();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The agent stops; the next one goes on.
        }
    }

    private WaitingChange? Waiting() => ReadJson(places.Waiting, NetworkJson.Default.WaitingChange);

    private async Task MustAsync(string program, IReadOnlyList<string> arguments)
    {
        var said = await programs.RunAsync(program, arguments, Slow).ConfigureAwait(false);
        if (said.ExitStatus != 0)
        {
            throw new ProgramFailedException($"{program}: {said.Errors.Trim().Split('\n')[0]}");
        }
    }

    private static bool IsOurs(string name) => NetworkFiles.IsOurs(name) || name == PlanFile;

    private static Dictionary<string, string> Ours(string folder) => !Directory.Exists(folder) ? [] : Directory.GetFiles(folder)
        .Where(path => IsOurs(Path.GetFileName(path))).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);

    private static T? ReadJson<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return File.Exists(path) && new FileInfo(path).Length <= FileBytesMax ? JsonSerializer.Deserialize(File.ReadAllBytes(path), type) : null;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is damaged: {error.Message}");
        }
    }

    private static void Write(string path, string text) => DurableFile.Replace(path, text);
}
