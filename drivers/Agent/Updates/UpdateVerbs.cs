// Verbs of updates, over RAUC (its D-Bus service by busctl, `rauc info`) and the image's own holdfast-slots. The bundle lies where holdfastd puts it; that it
// is signed by a key of the running version's keyring is RAUC's to check, and it checks again when it installs.
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Programs;
using Holdfast.Contracts.Updates;

namespace Holdfast.Agent.Updates;

/// <summary>Where things lie.</summary>
/// <param name="Bundle">The bundle that is to be installed.</param>
/// <param name="Development">There in an image that trusts a throw-away key.</param>
public sealed record UpdatePlaces(string Bundle, string Development)
{
    public static readonly UpdatePlaces Default = new("/state/holdfast/update/bundle.raucb", "/usr/share/holdfast/development-image");
}

/// <summary>Verbs of updates.</summary>
public sealed class UpdateVerbs(IPrograms programs, UpdatePlaces places)
{
    private const string Service = "de.pengutronix.rauc";
    private const string Installer = "de.pengutronix.rauc.Installer";
    /// <summary>A machine that writes an update to its own disk is slow to start programs.</summary>
    private static readonly ProgramLimits Asking = new(TimeSpan.FromSeconds(45));

    private static readonly ProgramLimits Inspecting = new(TimeSpan.FromSeconds(60));

    public IReadOnlyList<AgentVerb> Verbs =>
    [
        AgentVerb.Of<ReadUpdate>((_, cancel) => ReadAsync(cancel), TimeSpan.FromSeconds(100)),
        AgentVerb.Of<InspectUpdate>((_, cancel) => InspectAsync(cancel), TimeSpan.FromSeconds(70)),
        AgentVerb.Of<InstallUpdate>(InstallAsync, TimeSpan.FromSeconds(90)),
        AgentVerb.Of<ChooseOtherVersion>(ChooseAsync, TimeSpan.FromSeconds(100)),
    ];

    private async Task<AgentAnswer> ReadAsync(CancellationToken cancel)
    {
        NeedsTools();
        var told = await SayAsync("busctl",
            ["--json=short", "get-property", Service, "/", Installer, "Operation", "LastError", "Progress"], Asking, cancel).ConfigureAwait(false);
        var (isInstalling, lastError, percent, doing) = UpdateReader.Progress(told);

        // Afterwards: what is no longer being installed then lies there.
        var slots = await SlotsAsync(cancel).ConfigureAwait(false);
        return new UpdateFacts(slots, File.Exists(places.Development), isInstalling, percent, doing, lastError);
    }

    private async Task<AgentAnswer> InspectAsync(CancellationToken cancel)
    {
        NeedsTools();
        return File.Exists(places.Bundle)
            ? UpdateReader.Bundle(await SayAsync("rauc", ["info", "--output-format=json", places.Bundle], Inspecting, cancel).ConfigureAwait(false))
            : throw new VerbRefusedException("no bundle is there");
    }

    private async Task<AgentAnswer> InstallAsync(InstallUpdate asked, CancellationToken cancel)
    {
        NeedsTools();
        if (asked.ManifestHash is null || !UpdateReader.HashPattern().IsMatch(asked.ManifestHash))
        {
            throw new VerbRefusedException("the hash of a manifest is 64 hex digits");
        }

        // RAUC of 1.13 takes no hash to insist on. Whatever lies there when it begins is signed, or it refuses.
        if (await InspectAsync(cancel).ConfigureAwait(false) is not BundleFacts { } bundle || bundle.ManifestHash != asked.ManifestHash)
        {
            throw new VerbRefusedException("the bundle is not the one that was looked at");
        }

        await SayAsync("busctl", ["call", Service, "/", Installer, "InstallBundle", "sa{sv}", places.Bundle, "0"], null, cancel).ConfigureAwait(false);
        return new AgentDone();
    }

    private async Task<AgentAnswer> ChooseAsync(ChooseOtherVersion asked, CancellationToken cancel)
    {
        var other = (await SlotsAsync(cancel).ConfigureAwait(false)).First(slot => !slot.Runs);
        if (other.Version is null || other.State == "none")
        {
            throw new VerbRefusedException("there is no other version on this box");
        }

        if (other.Version != asked.Version)
        {
            throw new VerbRefusedException($"the other version is {other.Version}, not {asked.Version}");
        }

        await SayAsync("rauc", ["status", "mark-active", "other"], null, cancel).ConfigureAwait(false);
        return new AgentDone();
    }

    private async Task<IReadOnlyList<Slot>> SlotsAsync(CancellationToken cancel)
    {
        NeedsTools();
        return UpdateReader.Slots(await SayAsync("holdfast-slots", [], Asking, cancel).ConfigureAwait(false));
    }

    private void NeedsTools()
    {
        if (!programs.Has("rauc") || !programs.Has("holdfast-slots"))
        {
            throw new VerbRefusedException("this system was not installed from the image: it is updated by its packages");
        }
    }

    private async Task<string> SayAsync(string program, IReadOnlyList<string> arguments, ProgramLimits? limits, CancellationToken cancel)
    {
        var result = await programs.RunAsync(program, arguments, limits, null, cancel).ConfigureAwait(false);
        return result.ExitStatus == 0 ? result.Output : throw new VerbRefusedException($"{program}: {UpdateReader.Reason(result.Errors)}");
    }
}
