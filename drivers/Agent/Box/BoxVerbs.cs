// Verbs of the box as a whole: its time zone, the servers its clock follows, its journal, and forgetting everything.
using System.Globalization;
using System.Text.RegularExpressions;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Network;
using Holdfast.Contracts.Programs;

namespace Holdfast.Agent.Box;

/// <summary>Where the files lie.</summary>
/// <param name="Etc">What this run of the box uses.</param>
/// <param name="Kept">What the next start puts there.</param>
/// <param name="Zones">Folder of the time zones.</param>
public sealed record BoxPlaces(string Etc, string Kept, string Zones)
{
    public static readonly BoxPlaces Default = new("/etc", "/state/etc", "/usr/share/zoneinfo");

    /// <summary>What chrony reads (chrony.conf(5), sourcedir); a reload is enough.</summary>
    internal string Sources => Path.Combine(Etc, "chrony/sources.d/holdfast.sources");

    internal string KeptSources => Path.Combine(Kept, "holdfast.sources");

    /// <summary>The next start sees it, forgets, and takes it away last.</summary>
    internal string Reset => Path.Combine(Kept, "factory-reset");
}

/// <summary>Verbs of the box.</summary>
public sealed partial class BoxVerbs(IPrograms programs, BoxPlaces places)
{
    private const string Pool = "pool 2.debian.pool.ntp.org iburst\n";
    private static readonly ProgramLimits Journal = new(TimeSpan.FromSeconds(30), 7 * 1024 * 1024);

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<SetTimeZone>(SetZoneAsync),
        AgentVerb.Of<SetTimeServers>(SetServersAsync),
        AgentVerb.Of<ReadTimeServers>((_, _) => Task.FromResult<AgentAnswer>(new TimeServers(Servers()))),
        AgentVerb.Of<ReadJournal>(ReadJournalAsync, TimeSpan.FromSeconds(40)),
        AgentVerb.Of<FactoryReset>(ResetAsync),
    ];

    private void RefuseElsewhere()
    {
        if (!Directory.Exists(places.Kept))
        {
            throw new InvalidDataException("this machine is set up by its own means: there is no state partition of Holdfast's image to keep it on");
        }
    }

    private Task<AgentAnswer> SetZoneAsync(SetTimeZone asked, CancellationToken cancel)
    {
        RefuseElsewhere();
        if (asked.Zone is not { Length: <= 64 } zone || !ZonePattern().IsMatch(zone) || !File.Exists(Path.Combine(places.Zones, zone)))
        {
            throw new InvalidDataException($"'{asked.Zone}' is no time zone that this system knows, such as Europe/Vienna or Etc/UTC");
        }

        DurableFile.Replace(Path.Combine(places.Kept, "localtime"), zone + "\n");
        var link = Path.Combine(places.Etc, "localtime");
        File.Delete(link + ".new");
        File.CreateSymbolicLink(link + ".new", Path.Combine(places.Zones, zone));
        File.Move(link + ".new", link, overwrite: true);
        DurableFile.Replace(Path.Combine(places.Etc, "timezone"), zone + "\n");
        return Task.FromResult<AgentAnswer>(new AgentDone());
    }

    private async Task<AgentAnswer> SetServersAsync(SetTimeServers asked, CancellationToken cancel)
    {
        RefuseElsewhere();
        if (asked.Servers is not { Count: <= SetTimeServers.ServersMax })
        {
            throw new InvalidDataException($"the clock follows at most {SetTimeServers.ServersMax} servers");
        }

        if (asked.Servers.FirstOrDefault(one => NetworkPlan.Ip(one) is null && !NetworkPlan.IsHostName(one)) is { } bad)
        {
            throw new InvalidDataException($"'{bad}' is no address and no name of a time server");
        }

        var text = asked.Servers.Count == 0 ? Pool : string.Concat(asked.Servers.Select(server => $"server {server} iburst\n"));
        DurableFile.Replace(places.KeptSources, text);
        DurableFile.Replace(places.Sources, text);
        var said = await programs.RunAsync("chronyc", ["reload", "sources"], cancel: cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 ? new AgentDone()
            : throw new InvalidDataException("chrony uses them from the next start on, not now: " + (said.Errors + said.Output).Trim().Split('\n')[0]);
    }

    private List<string> Servers() => !File.Exists(places.Sources) ? [] :
    [
        .. File.ReadLines(places.Sources).Take(SetTimeServers.ServersMax * 2).Select(line => line.Split(' '))
            .Where(words => words is ["server", _, ..]).Select(words => words[1]),
    ];

    private async Task<AgentAnswer> ReadJournalAsync(ReadJournal asked, CancellationToken cancel)
    {
        if (asked.Lines is < 1 or > ReadJournal.LinesMax)
        {
            throw new InvalidDataException($"1 to {ReadJournal.LinesMax} lines of the journal can be read");
        }

        string[] arguments = ["--no-pager", "--quiet", "--output=short-iso", "--lines=" + asked.Lines.ToString(CultureInfo.InvariantCulture)];
        var said = await programs.RunAsync("journalctl", arguments, Journal, null, cancel).ConfigureAwait(false);
        return said.ExitStatus == 0 ? new JournalLines(said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            : throw new InvalidDataException("journalctl: " + said.Errors.Trim().Split('\n')[0]);
    }

    private async Task<AgentAnswer> ResetAsync(FactoryReset asked, CancellationToken cancel)
    {
        DurableFile.Replace(places.Reset, "asked for\n");
        var said = await programs.RunAsync("systemctl", ["--no-block", "reboot"], cancel: cancel).ConfigureAwait(false);
        if (said.ExitStatus == 0)
        {
            return new AgentDone();
        }

        File.Delete(places.Reset);
        throw new InvalidDataException("the box can't be restarted, and forgets nothing: " + said.Errors.Trim().Split('\n')[0]);
    }

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ZonePattern();
}
