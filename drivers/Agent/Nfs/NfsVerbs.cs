// The agent's verbs on NFS: how it is, what is exported, what is mounted. A mount whose server is silent hangs whoever touches it, so only a child process
// does, and it is given up after some seconds.
using System.Globalization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Nfs;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Nfs;

/// <summary>Where the files lie.</summary>
/// <param name="Exports">What exportfs(8) reads.</param>
/// <param name="Doors">What the ruleset includes; its folder is there on the image only.</param>
/// <param name="Rules">The ruleset.</param>
/// <param name="Units">Units of this run of the machine.</param>
/// <param name="Kernel">Folder with <c>mountinfo</c> and <c>mountstats</c>.</param>
/// <param name="Etab">What is exported.</param>
public sealed record NfsPlaces(string Exports, string Doors, string Rules, string Units, string Kernel, string Etab)
{
    public static readonly NfsPlaces Default = new("/etc/exports.d/holdfast.exports", "/run/holdfast-network/nfs-exports.nft", "/etc/nftables.conf",
        "/run/systemd/system", "/proc/self", "/var/lib/nfs/etab");
}

/// <summary>Verbs on NFS.</summary>
/// <param name="host">Runs what unmounts, in the host's mount namespace.</param>
/// <param name="user">The service's account: what is squashed belongs to it.</param>
public sealed class NfsVerbs(IPrograms programs, IPrograms host, NfsPlaces places, string user)
{
    /// <summary>So long a server has for an answer.</summary>
    public static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    private const string Server = "nfs-server.service";
    private const int FileBytesMax = 4 * 1024 * 1024;
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);
    private static readonly ProgramLimits Slow = new(TimeSpan.FromSeconds(80));

    private readonly SemaphoreSlim turn = new(1);

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ReadNfs>(ReadAsync, TimeSpan.FromSeconds(45)),
        AgentVerb.Of<SetNfsExports>((asked, cancel) => InTurnAsync(() => ExportAsync(asked, cancel), cancel), Long),
        AgentVerb.Of<MountNfs>((asked, cancel) => InTurnAsync(() => MountAsync(asked.Mount, cancel), cancel), Long),
        AgentVerb.Of<UnmountNfs>((asked, cancel) => InTurnAsync(() => UnmountAsync(asked, cancel), cancel), Long),
    ];

    private async Task<AgentAnswer> InTurnAsync(Func<Task> act, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await act().ConfigureAwait(false);
            return new AgentDone();
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<AgentAnswer> ReadAsync(ReadNfs asked, CancellationToken cancel)
    {
        if (asked.Mounts is not { Count: <= NfsMount.Most } names || names.Any(name => !NfsMount.IsName(name)))
        {
            throw new VerbRefusedException($"at most {NfsMount.Most} names of mounts are taken");
        }

        var canServe = programs.Has("exportfs");
        var serves = canServe
            && (await programs.RunAsync("systemctl", ["is-active", "--quiet", Server], null, null, cancel).ConfigureAwait(false)).ExitStatus == 0;
        var mounts = Mounted();
        var traffic = NfsText.Traffic(Read(Path.Combine(places.Kernel, "mountstats")));
        var seen = await Task.WhenAll(names.Distinct(StringComparer.Ordinal).Select(name => LookAsync(name, mounts, traffic, cancel))).ConfigureAwait(false);
        return new NfsSeen(canServe, serves, programs.Has("mount.nfs4") || programs.Has("mount.nfs"), canServe ? NfsText.Exports(Read(places.Etab)) : [], seen);
    }

    private async Task<MountSeen> LookAsync(
        string name, IReadOnlyList<MountLine> mounts, IReadOnlyDictionary<string, MountTraffic> traffic, CancellationToken cancel)
    {
        var where = $"{NfsMount.Root}/{name}";
        if (mounts.LastOrDefault(one => one.Where == where) is not { } mount)
        {
            return new MountSeen(name, "absent", "it is not mounted", null, 0, 0, null);
        }

        var moved = traffic.GetValueOrDefault(where);
        try
        {
            // statfs(2) is never answered from a cache.
            var said = await programs.RunAsync("stat", ["-f", "-c", "%S %b %a", where], new(AnswerWithin, 4096), null, cancel).ConfigureAwait(false);
            return said.ExitStatus == 0 && NfsText.Space(said.Output) is { } space
                ? new MountSeen(name, "well", null, mount.What, space.SizeBytes, space.AvailableBytes, moved)
                : new MountSeen(name, "failed", Reason(said), mount.What, 0, 0, moved);
        }
        catch (ProgramFailedException)
        {
            return new MountSeen(name, "silent", $"the server did not answer within {AnswerWithin.TotalSeconds:0} s", mount.What, 0, 0, moved);
        }
    }

    private async Task ExportAsync(SetNfsExports asked, CancellationToken cancel)
    {
        var exports = asked.Exports;
        if (exports is not { Count: <= NfsExport.Most } || exports.Select(one => one.Name).Distinct(StringComparer.Ordinal).Count() != exports.Count)
        {
            throw new VerbRefusedException($"at most {NfsExport.Most} datasets are exported, each once");
        }

        if (exports.Select(one => one.Problem()).FirstOrDefault(problem => problem is not null) is { } wrong)
        {
            throw new VerbRefusedException(wrong);
        }

        if (exports.Count == 0 && !File.Exists(places.Exports) && !File.Exists(places.Doors))
        {
            return;
        }

        if (!programs.Has("exportfs"))
        {
            throw new VerbRefusedException("nothing can be exported here: the server (package nfs-kernel-server) is not installed");
        }

        var mounts = Mounted();
        var hindered = exports.Select(one => (one.Name, Why: Hindrance(one, mounts, one.Name == asked.Added))).Where(one => one.Why is not null)
            .ToDictionary(one => one.Name, one => one.Why!, StringComparer.Ordinal);
        if (asked.Added is { } added && hindered.TryGetValue(added, out var why))
        {
            throw new VerbRefusedException(why);
        }

        exports = [.. exports.Where(one => !hindered.ContainsKey(one.Name))];
        DurableFile.Replace(places.Exports, NfsFiles.Exports(exports, await NumberAsync("-u", cancel).ConfigureAwait(false),
            await NumberAsync("-g", cancel).ConfigureAwait(false)));
        if (Directory.Exists(Path.GetDirectoryName(places.Doors)))
        {
            DurableFile.Replace(places.Doors, NfsFiles.Doors(exports));
            await MustAsync(programs, "nft", ["-f", places.Rules], cancel).ConfigureAwait(false);
        }

        if (exports.Count > 0)
        {
            // The start exports by itself; on a server that runs, exportfs does, and takes back what is no longer in the file.
            await MustAsync(programs, "systemctl", ["start", Server], cancel).ConfigureAwait(false);
            await MustAsync(host, "exportfs", ["-ra"], cancel).ConfigureAwait(false);
            return;
        }

        await MustAsync(host, "exportfs", ["-ra"], cancel).ConfigureAwait(false);
        if (NfsText.Exports(Read(places.Etab)).Count == 0)
        {
            await MustAsync(programs, "systemctl", ["stop", Server], cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Why it can't be exported now; null = it can.</summary>
    /// <param name="isNew">One that is no longer new may have got a datastore since, through NFS: of another box, which is to find it again.</param>
    private static string? Hindrance(NfsExport one, IReadOnlyList<MountLine> mounts, bool isNew) =>
        // The root's file system would be given away where a dataset is not mounted.
        mounts.LastOrDefault(mount => mount.Where == one.Folder) is not { Type: "zfs" } ? $"no dataset is mounted at {one.Folder}: nothing else is exported"
        : isNew && Directory.Exists(one.Folder) && FolderUse.Kept(one.Folder) is { } kept ? $"{kept}: it is not given to others"
        : null;

    private async Task MountAsync(NfsMount mount, CancellationToken cancel)
    {
        if ((mount is null ? "no mount is named" : mount.Problem()) is { } problem)
        {
            throw new VerbRefusedException(problem);
        }

        if (!programs.Has("mount.nfs4") && !programs.Has("mount.nfs"))
        {
            throw new VerbRefusedException("nothing can be mounted here: the client (package nfs-common) is not installed");
        }

        if (Mounted().LastOrDefault(one => one.Where == mount!.Where) is { } there)
        {
            if (there.What != mount!.What)
            {
                throw new VerbRefusedException($"{there.What} is mounted at {mount.Where}: unmount that first");
            }

            return;
        }

        var unit = NfsFiles.UnitName(mount!.Name);
        DurableFile.Replace(Path.Combine(places.Units, unit), NfsFiles.Unit(mount));
        await MustAsync(programs, "systemctl", ["daemon-reload"], cancel).ConfigureAwait(false);
        var started = await programs.RunAsync("systemctl", ["start", unit], Slow, null, cancel).ConfigureAwait(false);
        if (started.ExitStatus != 0)
        {
            throw new VerbRefusedException($"{mount.What} could not be mounted: {await WhyAsync(unit, started, cancel).ConfigureAwait(false)}");
        }
    }

    private async Task UnmountAsync(UnmountNfs asked, CancellationToken cancel)
    {
        if (!NfsMount.IsName(asked.Name))
        {
            throw new VerbRefusedException("that is no name of a mount");
        }

        var (unit, where) = (NfsFiles.UnitName(asked.Name), $"{NfsMount.Root}/{asked.Name}");
        if (asked.IsLazy)
        {
            if (Mounted().Any(one => one.Where == where))
            {
                await MustAsync(host, "umount", ["--force", "--lazy", where], cancel).ConfigureAwait(false);
            }

            // A mount that is still being tried ends with its unit.
            await programs.RunAsync("systemctl", ["stop", unit], Slow, null, cancel).ConfigureAwait(false);
        }
        else if (Mounted().Any(one => one.Where == where))
        {
            await MustAsync(programs, "systemctl", ["stop", unit], cancel).ConfigureAwait(false);
            if (Mounted().Any(one => one.Where == where))
            {
                throw new VerbRefusedException($"{where} is in use, or its server does not answer: it can be unmounted lazily");
            }
        }

        if (File.Exists(Path.Combine(places.Units, unit)))
        {
            File.Delete(Path.Combine(places.Units, unit));
            await MustAsync(programs, "systemctl", ["daemon-reload"], cancel).ConfigureAwait(false);
        }
    }

    private IReadOnlyList<MountLine> Mounted() => NfsText.Mounts(Read(Path.Combine(places.Kernel, "mountinfo")));

    private async Task<uint> NumberAsync(string which, CancellationToken cancel)
    {
        var said = await programs.RunAsync("id", [which, user], null, null, cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 && uint.TryParse(said.Output.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number
            : throw new VerbRefusedException($"there is no account '{user}' to give files to");
    }

    /// <summary>What mount.nfs(8) said: systemctl only says that it failed.</summary>
    private async Task<string> WhyAsync(string unit, ProgramResult started, CancellationToken cancel)
    {
        if (programs.Has("journalctl"))
        {
            var said = await programs.RunAsync("journalctl", ["--unit", unit, "--lines", "20", "--output", "cat", "--boot", "--no-pager"], null, null, cancel)
                .ConfigureAwait(false);
            if (said.Output.Split('\n').LastOrDefault(line => line.StartsWith("mount.nfs", StringComparison.Ordinal)) is { } line)
            {
                return line[..Math.Min(line.Length, 300)];
            }
        }

        return Reason(started);
    }

    private static string Read(string path)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var file = new StreamReader(path);
        var text = new char[FileBytesMax];
        return new string(text, 0, file.ReadBlock(text, 0, text.Length));
    }

    private static async Task MustAsync(IPrograms by, string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var said = await by.RunAsync(program, arguments, Slow, null, cancel).ConfigureAwait(false);
        if (said.ExitStatus != 0)
        {
            throw new VerbRefusedException($"{program} {arguments[0]}: {Reason(said)}");
        }
    }

    private static string Reason(ProgramResult said)
    {
        var lines = (said.Errors + "\n" + said.Output).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var text = string.Join("; ", lines.Take(3));
        return text.Length == 0 ? $"exit status {said.ExitStatus}" : text[..Math.Min(text.Length, 300)];
    }
}
