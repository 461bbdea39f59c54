// The life of work that is not a session: started, finished. Backups and restores tell their own story in their own events; the fold of tasks
// reads both.
using System.Text.Json.Serialization.Metadata;
using Holdfast.Features.Events;

namespace Holdfast.Features.Tasks;

/// <summary>A task began. Who asked for it, and from where, is in the event's metadata.</summary>
/// <param name="Upid">Its name (pbs-protocol.md 4.5); kind, subject and start time are parts of it.</param>
/// <param name="Store">Datastore that it works on; null if none.</param>
/// <param name="Ns">Namespace in it; <c>""</c> = the root.</param>
public sealed record TaskStarted(string Upid, string? Store, string? Ns) : IEventData<TaskStarted>
{
    public static string EventType => "TaskStarted/1";
    public static JsonTypeInfo<TaskStarted> Json => EventJson.Default.TaskStarted;
}

/// <summary>A task ended.</summary>
/// <param name="Status"><c>OK</c>, <c>WARNINGS: n</c>, <c>unknown</c> (the appliance stopped while it ran), or the error's text.</param>
public sealed record TaskFinished(string Upid, string Status) : IEventData<TaskFinished>
{
    public static string EventType => "TaskFinished/1";
    public static JsonTypeInfo<TaskFinished> Json => EventJson.Default.TaskFinished;
}
