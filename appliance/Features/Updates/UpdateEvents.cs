// What happens with versions of the appliance: a bundle comes, is installed beside the version that runs, is started on trial, is kept or left again.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Updates;

/// <summary>A bundle lies ready; its signature was checked.</summary>
/// <param name="ManifestHash">SHA-256 of its manifest, hex.</param>
public sealed record UpdateUploaded(string Version, string? Build, string ManifestHash, long SizeBytes) : IEventData<UpdateUploaded>
{
    public static string EventType => "UpdateUploaded/1";
    public static JsonTypeInfo<UpdateUploaded> Json => EventJson.Default.UpdateUploaded;
}

/// <summary>A bundle came that is not for this box; it was removed.</summary>
public sealed record UpdateRefused(string Why, long SizeBytes) : IEventData<UpdateRefused>
{
    public static string EventType => "UpdateRefused/1";
    public static JsonTypeInfo<UpdateRefused> Json => EventJson.Default.UpdateRefused;
}

/// <summary>The bundle is about to be written to the slot that does not run.</summary>
public sealed record UpdateInstallStarted(string Version, string From) : IEventData<UpdateInstallStarted>
{
    public static string EventType => "UpdateInstallStarted/1";
    public static JsonTypeInfo<UpdateInstallStarted> Json => EventJson.Default.UpdateInstallStarted;
}

/// <summary>It is written, and is what the next start tries.</summary>
public sealed record UpdateInstalled(string Version, string Slot) : IEventData<UpdateInstalled>
{
    public static string EventType => "UpdateInstalled/1";
    public static JsonTypeInfo<UpdateInstalled> Json => EventJson.Default.UpdateInstalled;
}

/// <summary>It could not be written, or the box stopped in the middle. The version that runs was not touched.</summary>
public sealed record UpdateInstallFailed(string Version, string Why) : IEventData<UpdateInstallFailed>
{
    public static string EventType => "UpdateInstallFailed/1";
    public static JsonTypeInfo<UpdateInstallFailed> Json => EventJson.Default.UpdateInstallFailed;
}

/// <summary>Another version runs than the last one that was told of.</summary>
/// <param name="Before">That one; null at the first start of all.</param>
public sealed record VersionStarted(string Version, string? Before) : IEventData<VersionStarted>
{
    public static string EventType => "VersionStarted/1";
    public static JsonTypeInfo<VersionStarted> Json => EventJson.Default.VersionStarted;
}

/// <summary>It came up healthy, and is what the loader starts from now on.</summary>
public sealed record VersionConfirmed(string Version) : IEventData<VersionConfirmed>
{
    public static string EventType => "VersionConfirmed/1";
    public static JsonTypeInfo<VersionConfirmed> Json => EventJson.Default.VersionConfirmed;
}

/// <summary>It did not come up healthy in any of its tries, and the loader went back.</summary>
/// <param name="Version">The one that was left.</param>
/// <param name="Running">The one that runs.</param>
public sealed record VersionFellBack(string Version, string Running) : IEventData<VersionFellBack>
{
    public static string EventType => "VersionFellBack/1";
    public static JsonTypeInfo<VersionFellBack> Json => EventJson.Default.VersionFellBack;
}

/// <summary>Somebody wants the version in the other slot started next.</summary>
public sealed record OtherVersionChosen(string Version, string Running) : IEventData<OtherVersionChosen>
{
    public static string EventType => "OtherVersionChosen/1";
    public static JsonTypeInfo<OtherVersionChosen> Json => EventJson.Default.OtherVersionChosen;
}
