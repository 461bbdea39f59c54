// What people do with alarms. That one is raised is no event of its own: the fact that raises it is.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Alarms;

/// <summary>Somebody has seen an alarm and puts it away.</summary>
/// <param name="Alarm">Position of the event that raised it.</param>
public sealed record AlarmAcknowledged(long Alarm) : IEventData<AlarmAcknowledged>
{
    public static string EventType => "AlarmAcknowledged/1";
    public static JsonTypeInfo<AlarmAcknowledged> Json => EventJson.Default.AlarmAcknowledged;
}
