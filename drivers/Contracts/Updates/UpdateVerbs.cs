// What holdfastd may ask of the agent about updates: which versions lie in the box's two slots, what a bundle is, and to install one beside the version that
// runs. A bundle lies in one known place; no path is ever passed.
using System.Text.Json.Serialization;
using Holdfast.Contracts.Agent;
using Holdfast.Contracts.Updates;

namespace Holdfast.Contracts.Updates
{
    /// <summary>Which versions are there, and what is being installed? Answered by <see cref="UpdateFacts"/>.</summary>
    public sealed record ReadUpdate : AgentRequest;

    /// <summary>Is the bundle signed by a key that this box trusts, and what is in it? Answered by <see cref="BundleFacts"/>, refused if it is not.</summary>
    public sealed record InspectUpdate : AgentRequest;

    /// <summary>Begins to write the bundle to the slot that does not run. Answered when it has begun; <see cref="UpdateFacts"/> tell how it goes on.</summary>
    /// <param name="Version">What is in it, for whoever reads the record.</param>
    /// <param name="ManifestHash">Of the bundle that was inspected, 64 hex digits: another is refused.</param>
    public sealed record InstallUpdate(string Version, string ManifestHash) : AgentAct;

    /// <summary>Has the version in the other slot started next, though it be older.</summary>
    /// <param name="Version">The one that is meant: if another lies there, it is refused.</param>
    public sealed record ChooseOtherVersion(string Version) : AgentAct;

    /// <summary>One of the two places for a version.</summary>
    /// <param name="Name"><c>A</c> or <c>B</c>.</param>
    /// <param name="Version">Null = empty.</param>
    /// <param name="State"><c>none</c>: nothing to start; <c>trial</c>: not yet healthy in a start, tries are left; <c>good</c>: it was; <c>bad</c>: it was not
    /// in all its tries, or another was chosen before it.</param>
    /// <param name="Runs">It is the one that runs.</param>
    /// <param name="IsNext">It is the one that would be started now.</param>
    public sealed record Slot(string Name, string? Version, string State, bool Runs, bool IsNext);

    /// <summary>How it is with updates.</summary>
    /// <param name="IsDevelopment">The version that runs takes updates signed with a throw-away key.</param>
    /// <param name="IsInstalling">A bundle is being written.</param>
    /// <param name="Percent">Of that.</param>
    /// <param name="Doing">For people; null = nothing.</param>
    /// <param name="LastError">How the last installation since the tool's start failed; null = it did not.</param>
    public sealed record UpdateFacts(
        IReadOnlyList<Slot> Slots, bool IsDevelopment, bool IsInstalling, int Percent, string? Doing, string? LastError) : AgentAnswer
    {
        /// <summary>Version that runs.</summary>
        public string Running => Slots.FirstOrDefault(slot => slot.Runs)?.Version ?? "";

        /// <summary>Where a version lies; null = nowhere.</summary>
        public Slot? Find(string? version) => version is null ? null : Slots.FirstOrDefault(slot => slot.Version == version);
    }

    /// <summary>What a bundle is; its signature was checked.</summary>
    /// <param name="Build">When it was built; null = it does not say.</param>
    /// <param name="ManifestHash">SHA-256 of its manifest, which holds the hash of all of it.</param>
    public sealed record BundleFacts(string Version, string Compatible, string? Build, string ManifestHash) : AgentAnswer;
}

namespace Holdfast.Contracts.Agent
{
    [JsonDerivedType(typeof(ReadUpdate), "read-update")]
    [JsonDerivedType(typeof(InspectUpdate), "inspect-update")]
    [JsonDerivedType(typeof(InstallUpdate), "install-update")]
    [JsonDerivedType(typeof(ChooseOtherVersion), "choose-other-version")]
    public abstract partial record AgentRequest;

    [JsonDerivedType(typeof(UpdateFacts), "update-facts")]
    [JsonDerivedType(typeof(BundleFacts), "bundle-facts")]
    public abstract partial record AgentAnswer;
}
