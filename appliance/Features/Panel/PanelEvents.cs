// What the ledger is told of the panel: that somebody stood before it and pressed its button long. What it shows is no event, it is a fold.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Panel;

/// <summary>Somebody at the box asks for a pairing window by a long press.</summary>
public sealed record PairingWindowRequested(string By) : IEventData<PairingWindowRequested>
{
    public static string EventType => "PairingWindowRequested/1";
    public static JsonTypeInfo<PairingWindowRequested> Json => EventJson.Default.PairingWindowRequested;
}
