// What the ledger is told of the panel: that somebody stood before it and pressed its button long, and what a test of the hardware came to. What it shows is
// no event, it is a fold.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Panel;

/// <summary>Somebody at the box asks for a pairing window by a long press.</summary>
public sealed record PairingWindowRequested(string By) : IEventData<PairingWindowRequested>
{
    public static string EventType => "PairingWindowRequested/1";
    public static JsonTypeInfo<PairingWindowRequested> Json => EventJson.Default.PairingWindowRequested;
}

/// <summary>One step of a test.</summary>
/// <param name="Name"><c>light health.green</c>, <c>disk wwn-...</c>.</param>
/// <param name="Result"><c>passed</c>, <c>failed</c>, <c>skipped</c>.</param>
/// <param name="Text">What was seen, or why nothing was.</param>
public sealed record HardwareTestStep(string Name, string Result, string Text);

/// <summary>Somebody went through the qualification test of the box.</summary>
/// <param name="Profile">Of the panel; null = it has none.</param>
public sealed record HardwareTested(string? Profile, IReadOnlyList<HardwareTestStep> Steps, int Passed, int Failed, int Skipped) : IEventData<HardwareTested>
{
    public const int StepsMax = 500;

    public static string EventType => "HardwareTested/1";
    public static JsonTypeInfo<HardwareTested> Json => EventJson.Default.HardwareTested;
}
