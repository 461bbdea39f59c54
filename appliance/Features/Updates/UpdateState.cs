// Versions as the ledger tells them, and what a look at the slots adds to that. Pure.
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Contracts.Updates;
using Holdfast.Features.Events;
using Holdfast.Ledger;

namespace Holdfast.Features.Updates;

/// <summary>What is known; versions throughout, null = none.</summary>
/// <param name="Running">The one that ran last.</param>
/// <param name="Confirmed">The one that came up healthy last.</param>
/// <param name="Uploaded">Lies ready as a bundle, with its hash.</param>
/// <param name="Installing">Is being written.</param>
/// <param name="Pending">Is written, and waits for a start.</param>
/// <param name="OnTrial">Was started, and has not been healthy yet.</param>
/// <param name="FellBackFrom">Was not healthy in any of its tries.</param>
public sealed record UpdateState(
    string? Running, string? Confirmed, string? Uploaded, string? UploadedHash, string? Installing, string? Pending, string? OnTrial, string? FellBackFrom)
{
    public static readonly UpdateState Unknown = new(null, null, null, null, null, null, null, null);
}

/// <summary>The fold.</summary>
public sealed class UpdateFold : IFold<UpdateState>
{
    public string Name => "updates";

    public int Version => 1;

    public UpdateState Initial => UpdateState.Unknown;

    public bool Knows(string type) => type is "UpdateUploaded/1" or "UpdateRefused/1" or "UpdateInstallStarted/1" or "UpdateInstalled/1"
        or "UpdateInstallFailed/1" or "VersionStarted/1" or "VersionConfirmed/1" or "VersionFellBack/1" or "OtherVersionChosen/1";

    public UpdateState Apply(UpdateState state, RecordedEvent recorded)
    {
        switch (recorded.Type)
        {
            case "UpdateUploaded/1":
                var uploaded = Event.Read<UpdateUploaded>(recorded);
                return state with { Uploaded = uploaded.Version, UploadedHash = uploaded.ManifestHash, FellBackFrom = null };
            case "UpdateRefused/1":
                return state with { Uploaded = null, UploadedHash = null };
            case "UpdateInstallStarted/1":
                return state with { Installing = Event.Read<UpdateInstallStarted>(recorded).Version, Pending = null };
            case "UpdateInstalled/1":
                return state with { Installing = null, Uploaded = null, UploadedHash = null, Pending = Event.Read<UpdateInstalled>(recorded).Version };
            case "UpdateInstallFailed/1":
                return state with { Installing = null };
            case "VersionStarted/1":
                var started = Event.Read<VersionStarted>(recorded).Version;
                return state with { Running = started, Pending = state.Pending == started ? null : state.Pending,
                    OnTrial = state.Pending == started ? started : state.OnTrial };
            case "VersionConfirmed/1":
                var confirmed = Event.Read<VersionConfirmed>(recorded).Version;
                return state with { Confirmed = confirmed, OnTrial = state.OnTrial == confirmed ? null : state.OnTrial };
            case "VersionFellBack/1":
                return state with { Pending = null, OnTrial = null, FellBackFrom = Event.Read<VersionFellBack>(recorded).Version };
            case "OtherVersionChosen/1":
                return state with { Pending = Event.Read<OtherVersionChosen>(recorded).Version, OnTrial = null };
            default:
                return state;
        }
    }

    public void Write(UpdateState state, Stream output) => JsonSerializer.Serialize(output, state, UpdateSerial.Default.UpdateState);

    public UpdateState Read(Stream input)
    {
        try
        {
            return JsonSerializer.Deserialize(input, UpdateSerial.Default.UpdateState) ?? throw new InvalidDataException("empty");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException("not an updates snapshot: " + error.Message);
        }
    }
}

/// <summary>What a look at the slots tells.</summary>
public static class UpdateDecider
{
    /// <param name="isFollowed">A task follows the installation to its end, and tells of it.</param>
    public static IReadOnlyList<NewEvent> Seen(UpdateState known, UpdateFacts facts, bool isFollowed, EventMetadata because)
    {
        var events = new List<NewEvent>();
        var pending = known.Pending;
        if (known.Installing is { } installing && !isFollowed && !facts.IsInstalling)
        {
            var written = facts.Find(installing);
            pending = written is { State: not "none" } ? installing : pending;
            events.Add(written is { State: not "none" }
                ? Event.Of(new UpdateInstalled(installing, written.Name), because)
                : Event.Of(new UpdateInstallFailed(installing, facts.LastError ?? "the box stopped in the middle of it"), because));
        }

        if (facts.Running != known.Running)
        {
            events.Add(Event.Of(new VersionStarted(facts.Running, known.Running), because));
        }

        if ((pending ?? known.OnTrial) is { } tried && tried != facts.Running && facts.Find(tried) is null or { State: "bad" or "none" })
        {
            events.Add(Event.Of(new VersionFellBack(tried, facts.Running), because));
        }

        if (facts.Find(facts.Running) is { State: "good" } && known.Confirmed != facts.Running)
        {
            events.Add(Event.Of(new VersionConfirmed(facts.Running), because));
        }

        return events;
    }
}

[JsonSerializable(typeof(UpdateState))]
internal sealed partial class UpdateSerial : JsonSerializerContext;
