// The agent's verbs on disks: list them, read what they say of themselves, have them test themselves, light their place. A disk is named by its id and must
// be there.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Disks;
using Holdfast.Contracts.Programs;

namespace Holdfast.Smart;

/// <summary>Lights at the places of disks that are reached without a program.</summary>
public interface ISlotLights
{
    /// <summary>Switches the lights at a disk's place; false: it has none that are reached in this way.</summary>
    /// <param name="device"><c>/dev/sda</c>.</param>
    /// <param name="light"><c>locate</c>, <c>failure</c>, <c>off</c>.</param>
    /// <exception cref="IOException">They are there and can't be switched.</exception>
    bool TryLight(string device, string light);
}

/// <summary>Verbs on disks.</summary>
/// <param name="slots">Asked before ledctl.</param>
public sealed class SmartVerbs(IPrograms programs, DiskListing listing, ISlotLights? slots = null)
{
    private static readonly ProgramLimits Limits = new(TimeSpan.FromSeconds(60));
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ListDisks>(async (_, cancel) => new DisksSeen(await listing.ListAsync(cancel).ConfigureAwait(false)), Within),
        AgentVerb.Of<ReadSmart>(async (asked, cancel) => new SmartSeen(await ReadAsync(asked.Disk, cancel).ConfigureAwait(false)), Within),
        AgentVerb.Of<TestDisk>(TestAsync, Within),
        AgentVerb.Of<LightDisk>(LightAsync, Within),
    ];

    private async Task<SmartReport> ReadAsync(string id, CancellationToken cancel)
    {
        var disk = await DiskAsync(id, cancel).ConfigureAwait(false);
        if (!programs.Has("smartctl"))
        {
            return SmartReport.Nothing(id, "smartmontools is not installed");
        }

        // A disk that sleeps is left to sleep: status 3 then, which is told from a disk that can't be opened.
        var result = await programs.RunAsync("smartctl", ["--json=c", "-x", "-n", "standby,3", disk.Path], Limits, null, cancel).ConfigureAwait(false);
        try
        {
            return SmartJson.Read(id, result.Output);
        }
        catch (InvalidDataException error)
        {
            return SmartReport.Nothing(id, error.Message);
        }
    }

    private async Task<AgentAnswer> TestAsync(TestDisk asked, CancellationToken cancel)
    {
        var disk = await DiskAsync(asked.Disk, cancel).ConfigureAwait(false);
        string[] arguments = asked.Test switch
        {
            "short" => ["-t", "short", disk.Path],
            "long" => ["-t", "long", disk.Path],
            "stop" => ["-X", disk.Path],
            _ => throw new VerbRefusedException("a self-test is short or long, or is stopped"),
        };
        var result = await programs.RunAsync("smartctl", arguments, Limits, null, cancel).ConfigureAwait(false);
        return (result.ExitStatus & 7) == 0 ? new AgentDone()
            : throw new VerbRefusedException("smartctl: " + (result.Output + result.Errors).Trim().Split('\n')[^1]);
    }

    private async Task<AgentAnswer> LightAsync(LightDisk asked, CancellationToken cancel)
    {
        var disk = await DiskAsync(asked.Disk, cancel).ConfigureAwait(false);
        if (asked.Light is not ("locate" or "failure" or "off"))
        {
            throw new VerbRefusedException("a light is locate, failure or off");
        }

        if (slots?.TryLight(disk.Path, asked.Light) == true)
        {
            return new AgentDone();
        }

        if (!programs.Has("ledctl"))
        {
            throw new VerbRefusedException("its place has no light that the kernel knows, and ledmon is not installed");
        }

        var pattern = asked.Light == "off" ? "normal" : asked.Light;
        var result = await programs.RunAsync("ledctl", [$"{pattern}={disk.Path}"], Limits, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 ? new AgentDone() : throw new VerbRefusedException("ledctl: " + (result.Errors + result.Output).Trim().Split('\n')[0]);
    }

    private async Task<Disk> DiskAsync(string id, CancellationToken cancel) =>
        (await listing.ListAsync(cancel).ConfigureAwait(false)).FirstOrDefault(disk => disk.Id == id) ?? throw new VerbRefusedException($"no disk '{id}'");
}
